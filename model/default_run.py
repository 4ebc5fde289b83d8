"""The run that every command takes where none is named: what `pipeline.py train` writes from its default configuration."""

from pathlib import Path

DEFAULT_RUN = Path("runs/ultra_tiny")
