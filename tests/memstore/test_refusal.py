"""Property: the verdict on the best slot is the specified arithmetic, operation by operation in float32, so that a board and a Pi
give the same one; an empty memory and one with a single thing get one too."""

from __future__ import annotations

import ctypes as c

import numpy as np
import pytest

from bitmar.refusal_format import squares_of
from tests.memstore import native as n

DIM, ROWS, TOP = 64, 48, 20
F = np.float32


def cosine(a: np.ndarray, b: np.ndarray) -> np.float32:
    dot, aa, bb = (F(int(x.astype(np.int32) @ y.astype(np.int32))) for x, y in ((a, b), (a, a), (b, b)))
    return dot / np.sqrt(aa * bb) if aa * bb > 0 else F(0)


def beside(key: np.ndarray, cohort: np.ndarray) -> list[np.float32]:
    """Mean and deviation of the highest cosines, mean of all; sums in the order of rank, and of rows."""
    cosines = [cosine(key, row) for row in cohort]
    best = sorted(cosines, reverse=True)[:TOP]
    total, every, squares = F(0), F(0), F(0)
    for x in best:
        total += x
    mean = total / F(len(best))
    for x in best:
        squares += (x - mean) * (x - mean)
    for x in cosines:
        every += x
    return [mean, np.sqrt(squares / F(len(best))), every / F(len(cosines))]


def expected(query: np.ndarray, keys: list[np.ndarray], cohort: np.ndarray, r: n.Refusal) -> tuple[int, np.float32]:
    scores = [cosine(query, key) for key in keys]
    best = int(np.argmax(scores))
    others = F(0)
    for i, score in enumerate(scores):
        if i != best:
            others += score
    others = others / F(len(keys) - 1) if len(keys) > 1 else F(r.others_alone)
    x = F(r.bias)
    for weight, value in zip(
        r.weights, [scores[best], *beside(query, cohort), *beside(keys[best], cohort), others], strict=True
    ):
        x += F(weight) * value
    return (2 if x >= F(r.known) else 1 if x >= F(r.perhaps) else 0), x


@c.CFUNCTYPE(None, c.c_void_p, c.c_void_p, c.c_void_p, c.c_uint32, c.c_uint32, c.c_void_p, c.c_void_p)
def own_dots(a: int, b: int, rows: int, count: int, dim: int, with_a: int, with_b: int) -> None:
    """What a processor's own kernel does: ms_refusal.dots."""
    matrix = np.ctypeslib.as_array(c.cast(rows, c.POINTER(c.c_int8)), (count, dim)).astype(np.int32)
    for vector, sums in ((a, with_a), (b, with_b)):
        x = np.ctypeslib.as_array(c.cast(vector, c.POINTER(c.c_int8)), (dim,))
        np.ctypeslib.as_array(c.cast(sums, c.POINTER(c.c_int32)), (count,))[:] = matrix @ x


def judged(memory: n.Memory, query: np.ndarray, r: n.Refusal) -> tuple[int, float]:
    value, found = c.c_float(), memory.nearest(query)
    verdict = memory.call("judge", n.pointer(query), c.byref(found), c.byref(r), c.byref(value))
    return verdict, value.value


@pytest.mark.parametrize("things", [1, 2, 8])
def test_verdicts_are_the_specified_arithmetic(things: int) -> None:
    rng = np.random.default_rng(things)
    cohort = rng.integers(-127, 128, (ROWS, DIM)).astype(np.int8)
    squares = squares_of(cohort)
    seen = set()
    with n.opened(None, n.config(8, DIM, 8)) as memory:
        for i in range(things):
            memory.teach(f"thing {i}", *n.random_episode(rng, DIM))
        keys = [np.array(memory.info(i).key[:DIM], np.int8) for i in range(things)]
        for _ in range(40):
            near = keys[int(rng.integers(things))] * rng.random() + rng.normal(size=DIM) * 60 * rng.random()
            query = memory.quantize(near.astype(np.float32))[0]
            weights = (c.c_float * 8)(*rng.normal(size=8))
            r = n.Refusal(cohort.ctypes.data, ROWS, TOP, weights, F(rng.normal() * 0.1), F(0.1), F(0.4), F(-0.1))
            verdict, value = judged(memory, query, r)
            assert (verdict, value) == expected(query, keys, cohort, r)
            r.squares = squares.ctypes.data
            r.dots = c.cast(own_dots, c.c_void_p)
            assert judged(memory, query, r) == (verdict, value)
            seen.add(verdict)
    assert seen == {0, 1, 2}


def test_an_empty_memory_knows_nothing() -> None:
    cohort = np.ones((4, DIM), np.int8)
    r = n.Refusal(cohort.ctypes.data, 4, 4, (c.c_float * 8)(), 1e9, 0, -1e9, -1e9)
    with n.opened(None, n.config(8, DIM, 8)) as memory:
        assert judged(memory, np.ones(DIM, np.int8), r) == (0, 0.0)
        memory.teach("thing", *n.random_episode(np.random.default_rng(0), DIM))
        assert judged(memory, np.ones(DIM, np.int8), r)[0] == 2
        for field, wrong in (("rows", 0), ("top", 0), ("top", 65)):
            bad = n.Refusal.from_buffer_copy(r)
            setattr(bad, field, wrong)
            with pytest.raises(n.StoreError):
                judged(memory, np.ones(DIM, np.int8), bad)
