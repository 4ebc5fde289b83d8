"""Property: whatever a node's options, tensors and flags are, ops/ refuses it with a reason or runs it without reading or writing
outside of its tensors, on every target with the same words."""

from __future__ import annotations

import re
import struct
import subprocess
from pathlib import Path

import pytest
from flatbuffers import flexbuffers

from convert.op_table import ops
from tests.kernels import build

HERE = Path(__file__).resolve().parent
SOURCES = [*build.OPS_SOURCES, *build.KERNEL_SOURCES]
SANITIZE = ("-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover")
SANITIZED = build.Target("host-sanitized", "clang", SANITIZE)
FUZZER = build.Target("host-fuzzer", "clang", (*SANITIZE, "-fsanitize=fuzzer"))

# what may change in the sound node of break_ops.c without breaking it; `used` is there, so the number of rows may not
SOUND = {
    "TERNARY_FC": ["input 3 type 0", "attribute 2 is 19", "attribute 4 is 1"],
    "TERNARY_EMBEDDING": ["input 0 dim 0 is 4", "input 0 dim 0 is 6"],
    "TERNARY_TOPK": ["attribute 4 is 2", "attribute 4 is 4"],
    "RMS_NORM": ["input 2 type 0"],
    "ATTENTION": [
        *("input 0 dim 1 is 8", "input 1 dim 1 is 13", "input 3 type 0"),
        *("attribute 1 is 1", "attribute 1 is 3", "attribute 3 is 0", "attribute 3 is 0", "attribute 4 is 1"),
        *("attribute 5 is 0", "attribute 5 is 5"),
    ],
    "CACHED_ATTENTION": [f"attribute {i} is {value}" for i, value in ((1, 1), (1, 3), (4, 0), (4, 1), (4, 3))],
    "MEMORY_READ": ["input 1 dim 1 is 5", "input 1 dim 1 is 7"],
    "CACHED_ATTENTION_INT8": [f"attribute 4 is {value}" for value in (0, 1, 3)],  # heads: another row of the caches
    "TERNARY_CLASS_TOPK": [f"attribute {i} is {value}" for i, value in ((4, 2), (4, 4), (5, 6), (5, 8), (6, 6))],
}


@pytest.fixture(scope="module")
def report() -> str:
    return SANITIZED.run(build.program("break_ops", SANITIZED, kernels=SOURCES, folder=HERE))


def test_every_shape_type_flag_and_attribute_that_is_broken_is_refused_with_a_reason(report: str) -> None:
    accepted: dict[str, list[str]] = {name.removeprefix("BITMAR_"): [] for name in ops()}
    refused = dict.fromkeys(accepted, 0)
    for line in report.splitlines():
        op, case, result, text = line.split("|")
        if result == "refused":
            assert re.search(r"expected|is (missing|unknown)|not a variable|its shape needs|but input", text), line
            refused[op] += 1
        elif not re.fullmatch(r"sound 0  0|input \d bytes \d+", case):  # the bytes that the shape needs
            accepted[op].append(case)
        assert result == "refused" or text == "ok", line
    assert accepted == SOUND
    assert all(count > 30 for count in refused.values())


@pytest.mark.parametrize("name", [name for name in build.TARGETS if name in ("cortex-a72", "armv7", "cortex-m7")])
def test_the_reasons_are_the_same_on_every_target(name: str, report: str) -> None:
    target = build.TARGETS[name]
    assert target.available(), (
        f"{target.compiler} and {target.runner[0]} are needed: make test installs them or says how"
    )
    assert target.run(build.program("break_ops", target, kernels=SOURCES, folder=HERE)) == report


def seeds(kind: int, values: tuple[int, ...], *shapes: tuple[int, ...]) -> list[bytes]:
    """Inputs of fuzz_ops.c: a sound node with its options, and with bare attribute values."""
    op = list(ops().values())[kind]
    ranks = bytes(len(shape) for shape in shapes).ljust(4, b"\0")
    dims = b"".join(bytes(shape).ljust(3, b"\1") for shape in shapes).ljust(12, b"\1")
    options = bytes(flexbuffers.Dumps(op.options(*values)))
    forms = (0, options), (16, bytes(values))
    return [struct.pack("<BB4s6s12s", kind, flags, ranks, bytes(6), dims) + end for flags, end in forms]


SEEDS = [
    *seeds(0, (1, 20, 8, 0), (3, 8), (32,), (1,)),
    *seeds(0, (0, 7, 5, 1), (2, 2, 5), (14,), (7,)),
    *seeds(1, (1, 20, 8), (5,), (32,), (20,)),
    *seeds(2, (0, 20, 8, 3), (1, 8), (40,), (1,)),
    *seeds(3, (), (2, 3, 6), (6,)),
    *seeds(4, (2, 6, 1, 0, 6), (4, 7), (5, 12), (5,)),
    *seeds(5, (2, 6, 5, 2), (1, 18), (1,), (5, 6), (5, 6)),
    *seeds(6, (), (4,), (4, 6), (4,), (1,)),
    *seeds(8, (0, 20, 8, 3, 7, 5), (1, 8), (40,), (1,), (3,)),
]


def fuzz(folder: Path, runs: int, number: int) -> None:
    for i, content in enumerate(SEEDS):
        (folder / f"seed-{i}").write_bytes(content)
    program = build.program("fuzz_ops", FUZZER, kernels=SOURCES, folder=HERE)
    command = [
        program,
        f"-runs={runs}",
        f"-seed={number}",
        "-max_len=400",
        "-timeout=10",
        *build.FUZZER_MEMORY,
        f"-artifact_prefix={folder}/",
    ]
    done = subprocess.run([*command, folder], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-4000:]
    assert f"Done {runs} runs" in done.stderr


def test_a_fixed_number_of_fuzzed_nodes(tmp_path: Path) -> None:
    fuzz(tmp_path, 60_000, 1)


@pytest.mark.full
def test_fuzzed_nodes_long(tmp_path: Path) -> None:
    fuzz(tmp_path, 5_000_000, 2)
