#!/bin/sh
# The console: ./bitmar.sh --card /media/card      Measurements: ./bitmar.sh bench
# one thread for NumPy, whose matrices are small here: the others would only take RAM
export OPENBLAS_NUM_THREADS="${OPENBLAS_NUM_THREADS:-1}"
here=$(cd "$(dirname "$0")" && pwd)
BITMAR_MODEL=${BITMAR_MODEL:-$here/model} exec "$here/venv/bin/python" -m pi_app "$@"
