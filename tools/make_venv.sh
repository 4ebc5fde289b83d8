#!/usr/bin/env bash
# make_venv.sh PYTHON FOLDER REQUIREMENT...: a virtual environment with the requirements; "." means this project, editable.
# One line a step; what pip says is shown where it fails.
set -euo pipefail
python=$1 folder=$2
shift 2
"$python" - <<'P' || { echo "error: $python is older than 3.11; set PYTHON=/path/to/python3.11 (tflite-runtime needs exactly 3.11)" >&2; exit 2; }
import sys
sys.exit(sys.version_info < (3, 11))
P
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore PIP_NO_INPUT=1
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# step TEXT COMMAND...: says what is done and how long it took
step() {
  local text=$1 began=$SECONDS
  shift
  printf '%s: %s ... ' "$folder" "$text"
  if ! "$@" >"$log" 2>&1; then
    echo failed
    cat "$log" >&2
    echo "error: $folder: $text failed after $((SECONDS - began)) s, see above; expected access to PyPI and room on the disk" >&2
    exit 1
  fi
  echo "$((SECONDS - began)) s"
}

[ -x "$folder/bin/python" ] || step "making the environment" "$python" -m venv "$folder"
# pyproject.toml states an SPDX licence: setuptools 77
step "updating pip" "$folder/bin/python" -m pip install -q -U pip "setuptools>=77" wheel
arguments=()
for requirement in "$@"; do
  case $requirement in .*) arguments+=(-e "$requirement") ;; *) arguments+=("$requirement") ;; esac
done
step "installing $*" "$folder/bin/python" -m pip install -q "${arguments[@]}"
