#!/bin/sh
# The console: ./bitmar.sh --card /media/card      Measurements: ./bitmar.sh bench
here=$(cd "$(dirname "$0")" && pwd)
BITMAR_MODEL=${BITMAR_MODEL:-$here/model} exec "$here/venv/bin/python" -m pi_app "$@"
