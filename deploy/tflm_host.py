"""TensorFlow Lite Micro's interpreter on this machine: PyPI's `tflite-micro` with the firmware's BITMAR_* ops.

The package finds the ops by name in the process, so they are loaded, and the package's own library promoted, globally:
use it in a process of its own (deploy/tflm_arena.py does).
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib.util
import os
import subprocess
from pathlib import Path

import numpy as np

from bitmar.errors import BitmarError

ROOT = Path(__file__).resolve().parents[1]
LIBRARY = ROOT / "build" / "tflm"
REGISTERER = "BitmarRegister"
FLAGS = ["-std=gnu11", "-O2", "-ffp-contract=off", "-fno-math-errno", "-shared", "-fPIC"]


def available() -> bool:
    """Is the package installed? It exists for CPython 3.11 on Linux."""
    return importlib.util.find_spec("tflite_micro") is not None


def build_ops() -> Path:
    """The ops as a shared library, built when a source changes."""
    libraries = [ROOT / "kernels", ROOT / "ops"]
    sources = [ROOT / "mcu_app" / "tflm_host" / "host_ops.c"]
    sources += [path for library in libraries for path in sorted(library.glob("*/*.c"))]
    headers = [path for library in libraries for kind in ("h", "def") for path in sorted(library.glob(f"*/*.{kind}"))]
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in [*sources, *headers]))
    out = LIBRARY / f"ops-{digest.hexdigest()[:12]}.so"
    if not out.exists():
        out.parent.mkdir(parents=True, exist_ok=True)
        temporary = out.with_suffix(f".{os.getpid()}")
        command = ["cc", *FLAGS, *(f"-I{library}/include" for library in libraries), *map(str, sources)]
        done = subprocess.run([*command, "-o", str(temporary), "-lm", "-ldl"], capture_output=True, text=True)
        if done.returncode:
            raise BitmarError(f"the TFLM ops: {next(iter(done.stderr.splitlines()), 'cc failed')}")
        temporary.replace(out)
    return out


def load() -> None:
    """Make the ops and the interpreter's functions visible to each other."""
    from tflite_micro.python.tflite_micro import _runtime

    ctypes.CDLL(_runtime.__file__, mode=ctypes.RTLD_GLOBAL | os.RTLD_NOLOAD)
    ctypes.CDLL(str(build_ops()), mode=ctypes.RTLD_GLOBAL)


class Interpreter:
    """One flatbuffer in TFLM, with an arena of `arena_bytes`.

    Raises:
      RuntimeError: the arena is too small, or the graph cannot be prepared.
    """

    def __init__(self, path: Path, arena_bytes: int) -> None:
        from tflite_micro.python.tflite_micro import runtime

        load()
        self.interpreter = runtime.Interpreter.from_file(
            str(path), custom_op_registerers=[REGISTERER], arena_size=arena_bytes
        )

    def run(self, inputs: list[np.ndarray], outputs: int) -> list[np.ndarray]:
        for index, value in enumerate(inputs):
            self.interpreter.set_input(value, index)
        self.interpreter.invoke()
        return [self.interpreter.get_output(index) for index in range(outputs)]

    def reset(self) -> None:
        """Variable tensors to zero."""
        self.interpreter.reset()
