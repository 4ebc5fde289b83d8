#!/bin/sh
# Installs the BitMar app beside this file, into venv/. Needs Python 3.11 or newer (or 3.11 exactly for tflite-runtime).
#   ./install.sh                  with ai-edge-litert
#   ./install.sh tflite-runtime   with tflite-runtime
set -eu
cd "$(dirname "$0")"
runtime=${1:-ai-edge-litert}
case $runtime in
  ai-edge-litert) extra=pi ;;
  tflite-runtime) extra=pi-tflite ;;
  *) echo "error: runtime '$runtime', expected ai-edge-litert or tflite-runtime" >&2; exit 2 ;;
esac
python=${PYTHON:-python3}
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
  echo "error: $python is older than 3.11; set PYTHON=/path/to/python3.11" >&2
  exit 2
}
rm -rf venv.new
"$python" -m venv venv.new || { echo "error: no venv module: apt install python3-venv" >&2; exit 2; }
# The wheel holds the library for @ARCH@; elsewhere the sdist is compiled (needs gcc).
if [ "$(uname -m)" = "@ARCH@" ]; then package=./@WHEEL@; else package=$(echo ./bitmar_edge-*.tar.gz); fi
venv.new/bin/python -m pip install -q "${package}[$extra@PAGE@]"
rm -rf venv
mv venv.new venv
# a moved environment's scripts name the old folder: bitmar.sh starts the module instead
./bitmar.sh --help > /dev/null
echo "Installed. Start it with: $(pwd)/bitmar.sh --card /path/of/the/card"
