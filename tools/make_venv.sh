#!/usr/bin/env bash
# make_venv.sh PYTHON FOLDER REQUIREMENT...: a virtual environment with the requirements; "." means this project, editable.
set -euo pipefail
python=$1 folder=$2
shift 2
"$python" - <<'P' || { echo "error: $python is older than 3.11; set PYTHON=/path/to/python3.11 (tflite-runtime needs exactly 3.11)" >&2; exit 2; }
import sys
sys.exit(sys.version_info < (3, 11))
P
[ -x "$folder/bin/python" ] || "$python" -m venv "$folder"
"$folder/bin/pip" install -q --disable-pip-version-check -U pip "setuptools>=77" wheel  # pyproject.toml states an SPDX licence
arguments=()
for requirement in "$@"; do
  case $requirement in .*) arguments+=(-e "$requirement") ;; *) arguments+=("$requirement") ;; esac
done
echo "installing into $folder: $*"
"$folder/bin/pip" install -q --disable-pip-version-check "${arguments[@]}"
