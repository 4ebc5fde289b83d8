"""Property: cross-compiled variants give the specification's bits, on random inputs and on those that fill every field of
every packed sum: all |q| = 127, weights that agree with them, one row against its neighbour."""

import struct
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from tests.kernels import build, spec
from tests.kernels.build import TARGETS
from tests.kernels.library import table_bytes, token_bytes
from tests.kernels.test_ternary_ops import class_logits_like, matrix, same_bits, tokens

F = np.float32


@dataclass
class Case:
    """One call; scratch in bytes beyond one token's."""

    layout: int
    w: np.ndarray
    gamma: np.ndarray
    x: np.ndarray
    activation: int = 0
    k: int = 0  # above 0: ternary_topk
    classes: tuple[int, int] | None = (
        None  # with k: ternary_class_topk with this shortlist and classes of so many words
    )
    class_logits: np.ndarray = field(default_factory=lambda: np.zeros(0, F))
    more_scratch: int = 0

    def data(self) -> bytes:
        (rows, cols), n = self.w.shape, len(self.x)
        packed = spec.pack(self.w, self.layout).tobytes()
        option = self.k or self.activation
        scratch = token_bytes(cols) + self.more_scratch
        op = int(self.k > 0) + int(self.classes is not None)
        head = (op, self.layout, rows, cols, n, option, self.gamma.size, scratch, *(self.classes or (0, 0)))
        parts = (struct.pack("<10i", *head), self.gamma.tobytes(), packed + bytes(-len(packed) % 4), self.x.tobytes())
        return b"".join((*parts, self.class_logits.tobytes()))

    def check(self, output: bytes) -> bytes:
        """Compare the beginning of the output; returns the rest."""
        if self.k:
            if self.classes:
                more = self.class_logits, self.k, *self.classes
                ids, logits = spec.ternary_class_topk(self.x[0], self.w, self.gamma, *more)
            else:
                ids, logits = spec.ternary_topk(self.x[0], self.w, self.gamma, self.k)
            same_bits(np.frombuffer(output, np.int32, self.k), ids)
            same_bits(np.frombuffer(output, F, self.k, 4 * self.k), logits)
            return output[8 * self.k :]
        want = spec.ternary_fc(self.x, self.w, self.gamma, self.activation)
        same_bits(np.frombuffer(output, F, want.size).reshape(want.shape), want)
        return output[want.nbytes :]


def random_cases(seed: int, count: int, layout: int) -> list[Case]:
    rng, cases = np.random.default_rng(seed), []
    for i in range(count):
        rows, cols, n = int(rng.integers(1, 90)), int(rng.integers(1, 400)), int(rng.integers(1, 6))
        if i % 3 == 0:
            rows, cols = 8 * rows, 16 * int(rng.integers(1, 30))  # what models have
        w, gamma = matrix(rng, rows, cols, bool(rng.integers(2)))
        scratch = int(rng.choice([0, token_bytes(cols) * int(rng.integers(3)), table_bytes(int(rng.integers(1, 600)))]))
        case = Case(layout, w, gamma, tokens(rng, n, cols), int(rng.integers(2)), more_scratch=scratch)
        if i % 4 == 3:
            case.x, case.k = case.x[:1], int(rng.integers(1, min(rows, 12) + 1))
        if i % 8 == 7 and case.k < rows:
            shortlist, words = int(rng.integers(case.k, rows)), int(rng.integers(1, rows))
            case.classes = shortlist, words
            case.class_logits = class_logits_like(rng, case.x, w, gamma, -(-(rows - shortlist) // words))
        cases.append(case)
    return cases


def extreme_cases(layout: int) -> list[Case]:
    rng, cases = np.random.default_rng(9), []
    for rows, cols in ((16, 64), (16, 80), (24, 128), (17, 260), (8, 512), (9, 1100), (5, 4400)):
        for kind in ("plus", "minus", "aligned", "by turns", "zero"):
            # every |q| is 127, or 126 in the second token: the fullest blocks with another boundary in each token
            x = np.where(rng.random((3, cols)) < 0.5, F(1), F(-1)).astype(F)
            x[0] = 1
            x[1, 1:] *= F(126 / 127)
            signs = np.sign(x[2]).astype(np.int8)
            turns = np.where(np.arange(rows) % 2, 1, -1)[:, None]
            w = {"plus": 1, "minus": -1, "aligned": signs, "by turns": signs * turns, "zero": 0}[kind]
            w = np.broadcast_to(w, (rows, cols)).astype(np.int8)
            cases.append(Case(layout, w, F([0.5]), x, more_scratch=token_bytes(cols) + table_bytes(cols)))
            cases.append(Case(layout, w, F([0.5]), x[::-1].copy(), more_scratch=token_bytes(cols) * 2))
    for last in (63, 64, 65):  # |q| adds up to 2^13 - 1, just what pl14's lower field holds, and more
        x = np.zeros((2, 96), F)
        x[:, :64], x[0, 80], x[1, 64] = 1, F(last / 127), F(last / 127)
        for sign in (-1, 1):
            w = np.full((16, 96), sign, np.int8)
            cases.append(Case(layout, w, F([1]), x, more_scratch=token_bytes(96)))
            cases.append(Case(layout, w, F([1]), x[:1]))
    return cases


def compare(target: build.Target, cases: list[Case], folder: Path, *flags: str) -> set[str]:
    """Run the cases in every variant of the target; returns their names."""
    (folder / "in").write_bytes(b"".join(case.data() for case in cases))
    elf = build.program("cases", target, *flags)
    assert target.run(elf, str(folder / "in"), str(folder / "out")).strip() == "done"
    output, names = (folder / "out").read_bytes(), set()
    while output:
        names.add(output[:16].rstrip(b"\0").decode())
        output = output[16:]
        for case in cases:
            output = case.check(output)
    return names


EXPECTED_ISAS = {
    "host": {"portable"},
    "cortex-a72": {"portable", "neon"},
    "cortex-a76": {"portable", "neon", "neon+dotprod"},
    "armv7": {"portable", "dsp"},
    "cortex-m7": {"portable", "dsp"},
}


@pytest.mark.parametrize("layout", spec.LAYOUTS.values(), ids=spec.LAYOUTS)
@pytest.mark.parametrize("name", EXPECTED_ISAS)
def test_every_target_gives_the_bits_of_the_specification(name, layout, tmp_path):
    target = TARGETS[name]
    if not target.available():
        pytest.skip(f"{name} needs {target.compiler} and {target.runner[0]}")
    cases = [*extreme_cases(layout), *random_cases(layout, 40, layout)]
    assert compare(target, cases, tmp_path) >= EXPECTED_ISAS[name]


@pytest.mark.parametrize("layout", spec.LAYOUTS.values(), ids=spec.LAYOUTS)
def test_sanitizers_find_nothing_in_them(layout, tmp_path):
    flags = ("-g", "-fsanitize=address,undefined,float-cast-overflow", "-fno-sanitize-recover=all")
    compare(build.HOST, [*extreme_cases(layout), *random_cases(layout, 40, layout)], tmp_path, *flags)


@pytest.mark.full
@pytest.mark.parametrize("layout", spec.LAYOUTS.values(), ids=spec.LAYOUTS)
@pytest.mark.parametrize("name", EXPECTED_ISAS)
def test_many_cases(name, layout, tmp_path):
    target = TARGETS[name]
    if not target.available():
        pytest.skip(f"{name} needs {target.compiler} and {target.runner[0]}")
    for seed in range(100, 140):
        compare(target, random_cases(seed, 100, layout), tmp_path)
