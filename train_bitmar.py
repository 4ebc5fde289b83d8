#!/usr/bin/env python3
"""Train BitMar: `train_bitmar.py --config configs/bitmar_ultra_tiny.yaml [--max_samples N]`, the same as `pipeline.py train`."""

import sys

from pipeline import program

if __name__ == "__main__":
    sys.exit(program(["train", *sys.argv[1:]]))
