#!/usr/bin/env python3
"""Ternary matrix times vector on this machine, one thread, beside what others have for it, all in one process.

    python benchmarks/host_kernels.py [--rounds N]

Ours in every variant that the processor has; LiteRT's builtin FULLY_CONNECTED, which XNNPACK runs, with int8 weights and
activations, or float activations and INT4 or INT2 weights; llama.cpp's TQ2_0 and TQ1_0, from PyPI's source package of
llama-cpp-python, compiled here for this processor. Rounds are interleaved; medians and quartiles of CPU time. Writes
benchmarks/results/host_kernels.json.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import platform
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.kernels import build, spec  # noqa: E402
from tests.kernels.library import Kernels  # noqa: E402

LLAMA = "llama-cpp-python==0.3.36"
LLAMA_FILES = (f"ggml-cpu/arch/{'x86' if platform.machine() == 'x86_64' else 'arm'}/quants.c", "ggml-quants.c")
SHAPES = {"head 128->50257": (50257, 128), "128->4096": (4096, 128), "128->512": (512, 128), "512->128": (128, 512)}
BLOCK = 256  # llama.cpp's formats have no fewer columns: two rows of 128 are one of theirs, with the same products
VARIANTS = {"rm2": spec.RM2, "b3": spec.B3}
Timed = Callable[[], object]


def llama_sources(folder: Path) -> Path | None:
    """ggml/src of the source package; None where it cannot be had."""
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "-q",
        "--no-deps",
        "--no-binary",
        LLAMA.partition("==")[0],
        LLAMA,
        "-d",
        str(folder),
    ]
    if subprocess.run(command, capture_output=True).returncode:
        return None
    with tarfile.open(next(folder.glob("*.tar.gz"))) as archive:
        wanted = [m for m in archive.getmembers() if "/ggml/src/" in m.name or "/ggml/include/" in m.name]
        archive.extractall(folder, wanted, filter="data")
    return next(folder.glob("*/vendor/llama.cpp/ggml/src"))


def c_library(folder: Path, ggml: Path | None) -> ctypes.CDLL:
    """benchmarks/host_kernels.c, with llama.cpp's kernels if they are there."""
    command = ["gcc", "-O3", "-march=native", "-w", "-shared", "-fPIC", "-fvisibility=hidden", "-ffunction-sections"]
    command += ["-Wl,--gc-sections,-z,lazy", str(ROOT / "benchmarks" / "host_kernels.c")]
    if ggml:
        includes = (ggml, ggml / "ggml-cpu", ggml.parent / "include")
        command += ["-DGGML", *(f"-I{path}" for path in includes), *(str(ggml / name) for name in LLAMA_FILES)]
    subprocess.run([*command, "-o", str(folder / "host.so")], check=True)
    library = ctypes.CDLL(str(folder / "host.so"), os.RTLD_LAZY)  # what the rest of llama.cpp has is never called
    library.read_words.restype = ctypes.c_uint64
    if ggml:
        library.ggml_row_bytes.restype = library.ggml_quantised_bytes.restype = ctypes.c_size_t
    return library


def address(array: np.ndarray) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


def ours(codes: np.ndarray, x: np.ndarray, layout: int, isa: str) -> Timed:
    """BITMAR_TERNARY_FC as a whole: quantising x, the sums, scaling them."""
    kernels, (rows, cols) = Kernels(build.shared_library()), codes.shape
    kernels.select(isa)  # all share one library: the last choice holds, so it is made before each run
    w = kernels.ternary(spec.pack(codes, layout), [0.5], rows, cols, layout)
    y, scratch = np.empty(rows, np.float32), np.empty(1 << 16, np.uint8)
    call, select, name = kernels.lib.bm_ternary_fc, kernels.lib.bm_isa_select, isa.encode()
    arguments = (ctypes.byref(w), address(x), 1, 0, address(y), address(scratch), ctypes.c_size_t(scratch.size))

    def run(keep: object = (w, x, y, scratch)) -> None:
        select(name)
        call(*arguments)

    return run


def llama(library: ctypes.CDLL, kind: int, rows: int, cols: int, rng: np.random.Generator) -> Timed:
    """TQ2_0 (kind 2) or TQ1_0 (kind 1) with as many products, in rows of at least 256 columns."""
    if cols < BLOCK:
        rows, cols = rows * cols // BLOCK, BLOCK
    w = rng.integers(0, 256, rows * library.ggml_row_bytes(kind, cols), np.uint8)
    library.ggml_set_scales(kind, address(w), ctypes.c_size_t(rows * cols // BLOCK))
    x, y = rng.normal(size=cols).astype(np.float32), np.empty(rows, np.float32)
    quantised = np.empty(library.ggml_quantised_bytes(cols), np.uint8)
    arguments = (kind, address(w), rows, cols, address(x), address(quantised), address(y))

    def run(keep: object = (w, x, y, quantised)) -> None:
        library.ggml_matrix(*arguments)

    return run


def matrices(several: list[np.ndarray], kind: str) -> bytes:
    """A graph of a FULLY_CONNECTED for each: int8 in, weights and out, or float with INT4 or INT2 weights."""
    outer, bits, scales = ("INT8", 8, (0.02, 0.5)) if kind == "int8" else ("FLOAT32", int(kind[3:]), (None, None))
    model, graph = schema.ModelT(), schema.SubGraphT()
    graph.tensors, graph.operators, model.buffers = [], [], [schema.BufferT()]

    def tensor(shape: tuple[int, int], type_name: str, scale: float | None, scales: int = 1, buffer: int = 0) -> int:
        made = schema.TensorT()
        made.name, made.shape, made.buffer = f"t{len(graph.tensors)}", np.array(shape, np.int32), buffer
        made.type = getattr(schema.TensorType, type_name)
        if scale is not None:
            made.quantization = schema.QuantizationParametersT()
            made.quantization.scale = np.full(scales, scale, np.float32)
            made.quantization.zeroPoint = np.zeros(scales, np.int64)
        graph.tensors.append(made)
        return len(graph.tensors) - 1

    inputs = {cols: tensor((1, cols), outer, scales[0]) for cols in sorted({codes.shape[1] for codes in several})}
    for codes in several:
        rows, cols = codes.shape
        fields = codes.reshape(-1, 8 // bits).astype(np.uint8) & (2**bits - 1)
        buffer = schema.BufferT()
        buffer.data = (fields << np.arange(0, 8, bits, dtype=np.uint8)).sum(axis=1, dtype=np.uint8)
        model.buffers.append(buffer)
        op = schema.OperatorT()
        # a scale for each row: with one for all, INT2 is several times slower
        w, y = (
            tensor((rows, cols), kind.upper(), 0.5, rows, len(model.buffers) - 1),
            tensor((1, rows), outer, scales[1]),
        )
        op.inputs, op.outputs = np.array([inputs[cols], w, -1], np.int32), np.array([y], np.int32)
        op.builtinOptionsType = schema.BuiltinOptions.FullyConnectedOptions
        op.builtinOptions = schema.FullyConnectedOptionsT()
        graph.operators.append(op)
    graph.inputs = np.array(list(inputs.values()), np.int32)
    graph.outputs = np.array([op.outputs[0] for op in graph.operators], np.int32)
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.FULLY_CONNECTED
    code.version = 4 if kind == "int8" else 13
    model.version, model.operatorCodes, model.subgraphs = 3, [code], [graph]
    builder = flatbuffers.Builder(1 << 20)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def litert(codes: np.ndarray, kind: str) -> Timed:
    """One invocation of such a graph; XNNPACK takes what it can, as by default."""
    interpreter = Interpreter(model_content=matrices([codes], kind), num_threads=1)
    interpreter.allocate_tensors()
    x = np.random.default_rng(1).normal(size=(1, codes.shape[1])) * 40
    interpreter.set_tensor(0, x.astype(np.int8 if kind == "int8" else np.float32))
    interpreter.invoke()
    if kind != "int8":  # or it would be timed for nothing
        expected = x.astype(np.float32) @ codes.T.astype(np.float32) * 0.5
        error = (
            np.abs(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]) - expected).max()
            / np.abs(expected).max()
        )
        assert error < 0.05, f"LiteRT's {kind} differs by {error:.3f}"
    return interpreter.invoke


def candidates(rows: int, cols: int, library: ctypes.CDLL, has_llama: bool) -> dict[str, Timed]:
    rng = np.random.default_rng(5)
    codes, x = rng.integers(-1, 2, (rows, cols)).astype(np.int8), rng.normal(size=cols).astype(np.float32)
    isas = [isa for isa in Kernels(build.shared_library()).isas() if isa != "portable"]
    found = {
        f"bitmar {layout} {isa}": ours(codes, x, number, isa)
        for isa in isas
        for layout, number in VARIANTS.items()
        if layout == "rm2" or isa in ("avx2", "neon")  # b3 is the same code above
    }
    found |= {f"LiteRT {kind}": litert(codes, kind) for kind in ("int8", "int4", "int2")}
    if has_llama:
        found |= {f"llama.cpp TQ{kind}_0": llama(library, kind, rows, cols, rng) for kind in (2, 1)}
    return found


def interleaved(actions: dict[str, Timed], rounds: int) -> dict[str, dict[str, float]]:
    """Microseconds of one run: quartiles over the rounds, in each of which every action runs in turn."""
    times: dict[str, list[float]] = {name: [] for name in actions}
    repeats = {}
    for name, action in actions.items():
        action()
        start = time.thread_time_ns()
        action()
        repeats[name] = max(1, 200_000 // max(1, time.thread_time_ns() - start))
    for _ in range(rounds):
        for name, action in actions.items():
            start = time.thread_time_ns()
            for _ in range(repeats[name]):
                action()
            times[name].append((time.thread_time_ns() - start) / 1000 / repeats[name])
    return {
        name: dict(zip(("q1", "median", "q3"), np.percentile(values, (25, 50, 75)).round(2).tolist(), strict=True))
        for name, values in times.items()
    }


def read_bandwidth(library: ctypes.CDLL) -> float:
    """Gigabytes a second of reading 256 MB, the best of eight."""
    words = np.ones(1 << 25, np.uint64)
    best = min(_seconds(lambda: library.read_words(address(words), ctypes.c_size_t(words.size))) for _ in range(8))
    return words.nbytes / best / 1e9


def _seconds(action: Timed) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def processor() -> str:
    line = next((li for li in Path("/proc/cpuinfo").read_text().splitlines() if li.startswith("model name")), ":")
    return line.split(":", 1)[1].strip()


def table(results: dict[str, Any]) -> str:
    lines = [["one thread, microseconds (quartiles)", *SHAPES], ["---"] * (len(SHAPES) + 1)]
    for name in next(iter(results["shapes"].values())):
        row = [results["shapes"][shape][name] for shape in SHAPES]
        lines.append([name, *(f"{t['median']:.1f} ({t['q1']:.1f}-{t['q3']:.1f})" for t in row)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=200)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        ggml = llama_sources(Path(folder))
        if ggml is None:
            print(f"llama.cpp: left out, {LLAMA} could not be downloaded", file=sys.stderr)
        library = c_library(Path(folder), ggml)
    results: dict[str, Any] = {
        "processor": processor(),
        "read_gb_per_s": round(read_bandwidth(library), 2),
        "shapes": {},
    }
    for shape, (rows, cols) in SHAPES.items():
        results["shapes"][shape] = interleaved(candidates(rows, cols, library, ggml is not None), rounds)
    print(table(results))
    head = results["shapes"]["head 128->50257"]
    fastest = min(t["median"] for name, t in head.items() if name.startswith("bitmar"))
    results["head"] = {
        "times_faster_than": {
            name: round(t["median"] / fastest, 2) for name, t in head.items() if "bitmar" not in name
        },
        "share_of_read_bandwidth": round(50257 * 32 / (fastest * 1e-6) / 1e9 / results["read_gb_per_s"], 3),
    }
    print(json.dumps(results["head"]), f"of {results['read_gb_per_s']} GB/s")
    (ROOT / "benchmarks" / "results" / "host_kernels.json").write_text(json.dumps(results, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
