"""The TensorFlow Lite runtime that is installed, with the BITMAR_* ops loaded into it.

Either tflite-runtime or ai-edge-litert will do; both load the same delegate and give the same bits. $BITMAR_RUNTIME or
`--runtime` chooses where both are there.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import mmap
import os
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from bitmar.errors import BitmarError
from bitmar.native import library

RUNTIMES = {"ai-edge-litert": "ai_edge_litert.interpreter", "tflite-runtime": "tflite_runtime.interpreter"}


def import_runtime(name: str) -> ModuleType | None:
    """The interpreter's module of one of RUNTIMES, or None where it is not installed."""
    try:
        return importlib.import_module(RUNTIMES[name])
    except ImportError:
        return None


@cache
def pick_runtime(name: str | None = None) -> tuple[str, ModuleType]:
    """The runtime called `name`, or the first of RUNTIMES that is installed.

    Raises:
      BitmarError: an unknown name, or none installed.
    """
    name = name or os.environ.get("BITMAR_RUNTIME") or None
    if name is not None and name not in RUNTIMES:
        raise BitmarError(f"runtime {name!r} is unknown, expected {' or '.join(RUNTIMES)}")
    for candidate in [name] if name else RUNTIMES:
        if module := import_runtime(candidate):
            return candidate, module
    wanted = name or " nor ".join(RUNTIMES)
    raise BitmarError(f"{wanted} is not installed: pip install '.[pi]' or '.[pi-tflite]'")


def reason(error: Exception) -> str:
    """The line of a runtime's message that says what is wrong: the delegate's own, or else the first."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    ours = [line for line in lines if line.startswith("bitmar: ")]
    return ours[0].removeprefix("bitmar: ") if ours else (lines or [type(error).__name__])[0]


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Drops what the runtime writes to stderr by itself (which accelerator it made); errors come as exceptions."""
    sys.stderr.flush()
    saved, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(nowhere)


def give_back(file: Path) -> None:
    """Lets the kernel have the pages of a mapped file: XNNPACK packed its weights elsewhere. Pages that are read come back."""
    with contextlib.suppress(OSError):  # no /proc
        maps, path = Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace"), os.path.realpath(file)
        for line in maps.splitlines():
            if line.endswith(f" {path}"):
                first, last = (int(address, 16) for address in line.split()[0].split("-"))
                ctypes.CDLL(None).madvise(ctypes.c_void_p(first), ctypes.c_size_t(last - first), mmap.MADV_DONTNEED)


class Graph:
    """One flatbuffer, ready to run; not for two threads at once.

    `ternary` graphs get the BITMAR_* ops and no other delegate: their builtin nodes are few and small, and the plain
    kernels need no set-up. A graph of builtin ops alone (vision.tflite) keeps the runtime's own accelerator.
    """

    def __init__(self, file: Path, runtime: str | None = None, ternary: bool = True, threads: int = 1):
        name, module = pick_runtime(runtime)
        self.file = file
        options: dict[str, Any] = {"model_path": str(file), "num_threads": threads}
        if ternary:
            path = library.checked_path()
            try:
                self.delegate = module.load_delegate(str(path))
            except (ValueError, OSError) as error:
                raise BitmarError(f"{path}: {name} cannot load it: {reason(error)}") from error
            options["experimental_delegates"] = [self.delegate]
            options["experimental_op_resolver_type"] = module.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        try:
            with quiet():
                self.interpreter = module.Interpreter(**options)
                self.interpreter.allocate_tensors()
        except (RuntimeError, ValueError) as error:
            raise BitmarError(f"{file}: {name} cannot load it: {reason(error)}") from error
        if not ternary:
            give_back(file)
        self.inputs = self._indices("inputs", self.interpreter.get_input_details())
        self.outputs = self._indices("outputs", self.interpreter.get_output_details())

    def _indices(self, side: str, details: list[dict[str, Any]]) -> dict[str, int]:
        """Tensor index by the name in the graph's signature."""
        signatures = self.interpreter._get_full_signature_list()
        if signatures:
            return dict(next(iter(signatures.values()))[side])
        return {d["name"].removeprefix("serving_default_").split(":")[0]: d["index"] for d in details}

    def require(self, inputs: tuple[str, ...], outputs: tuple[str, ...]) -> None:
        """Raises BitmarError where the graph has other inputs or outputs."""
        for kind, found, expected in (("inputs", self.inputs, inputs), ("outputs", self.outputs, outputs)):
            if set(found) != set(expected):
                raise BitmarError(f"{self.file}: {kind} {sorted(found)}, expected {sorted(expected)}")

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of an input or output."""
        index = self.inputs.get(name, self.outputs.get(name))
        details = [*self.interpreter.get_input_details(), *self.interpreter.get_output_details()]
        return next(tuple(map(int, detail["shape"])) for detail in details if detail["index"] == index)

    def shapes_within(self, prefix: str) -> set[tuple[int, ...]]:
        """Shapes of the tensors inside whose names begin so, e.g. the decoder's caches."""
        details = self.interpreter.get_tensor_details()
        return {tuple(map(int, detail["shape"])) for detail in details if detail["name"].startswith(prefix)}

    def run(self, **values: np.ndarray) -> dict[str, np.ndarray]:
        """Runs the graph once; inputs and outputs (copies) by name.

        Raises:
          BitmarError: an input of another shape or type, or an op that refuses its input.
        """
        try:
            for name, value in values.items():
                self.interpreter.set_tensor(self.inputs[name], value)
            self.interpreter.invoke()
        except (RuntimeError, ValueError) as error:
            raise BitmarError(f"{self.file}: {reason(error)}") from error
        return {name: self.interpreter.get_tensor(index) for name, index in self.outputs.items()}

    def reset(self) -> None:
        """Sets the variable tensors (the decoder's caches) to zero."""
        self.interpreter.reset_all_variables()
