"""The arena that each flatbuffer needs in TensorFlow Lite Micro, found by bisection with the real interpreter.

While it allocates, the interpreter needs more than `arena_used_bytes()` reports afterwards, so the only way to know is to
try. This is a 64-bit process: pointers are twice as long as on the board, so the figure is an upper bound for it.

    python -m deploy.tflm_arena MODEL          prints {"encoder.tflite": bytes, ...} as JSON
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from bitmar.errors import BitmarError

ROOT = Path(__file__).resolve().parents[1]
GRAPHS = ("encoder.tflite", "recall.tflite", "decoder.tflite")
GRANULARITY = 256
LARGEST = 1 << 24


def arena_bytes(model: Path) -> int | None:
    """The largest arena of the model's graphs: they run one after the other. None where tflite-micro is not installed."""
    from deploy import tflm_host

    return max(arenas(model).values()) if tflm_host.available() else None


def arenas(model: Path) -> dict[str, int]:
    """Bytes by file; each attempt is a process, because a failed one may end it."""
    return {name: bisect(model / name) for name in GRAPHS}


def bisect(path: Path) -> int:
    """The smallest arena, in steps of 256 bytes, in which the graph can be allocated.

    Raises:
      BitmarError: not even the largest one is enough.
    """
    if not allocates(path, LARGEST):
        raise BitmarError(f"{path}: TensorFlow Lite Micro cannot prepare it")
    low, high = 0, LARGEST // GRANULARITY  # low fails, high works
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if allocates(path, middle * GRANULARITY) else (middle, high)
    return high * GRANULARITY


def allocates(path: Path, size: int) -> bool:
    """Can the graph be allocated in an arena of this size?"""
    command = [sys.executable, "-m", "deploy.tflm_arena", "--try", str(path), str(size)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, stdin=subprocess.DEVNULL).returncode == 0


def main(arguments: list[str]) -> int:
    if arguments[:1] == ["--try"]:
        from deploy.tflm_host import Interpreter

        Interpreter(Path(arguments[1]), int(arguments[2]))
        return 0
    print(json.dumps(arenas(Path(arguments[0]))))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
