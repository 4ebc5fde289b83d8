"""Greedy answers in one call against the same steps one by one, in the runtime of the Python that starts it.

python decoding_probe.py MODEL    prints how many streams were compared; AssertionError where one differs
"""

from __future__ import annotations

import gc
import itertools
import os
import sys
from pathlib import Path

import numpy as np

from bitmar.engine import Engine
from bitmar.errors import BitmarError
from bitmar.model_folder import read_model
from bitmar.native import library


def step_by_step(engine: Engine, context: np.ndarray, latent: np.ndarray, count: int) -> list[int]:
    return [int(step.ids[0]) for step in itertools.islice(engine.steps(context, latent), count)]


def main() -> None:
    if isa := os.environ.get("BITMAR_ISA"):
        assert library.load().bm_isa_select(isa.encode()) == 0, f"no {isa} here"
    engine = Engine(read_model(Path(sys.argv[1])))
    rng, window, eos = np.random.default_rng(11), engine.model.window, engine.model.eos
    dim, latent_size = engine.decoder.shape("context"), engine.decoder.shape("latent")
    compared = 0
    for i in range(24):
        context = rng.normal(size=dim).astype(np.float32) * (i % 3)  # none at all, too
        latent = rng.normal(size=latent_size).astype(np.float32)
        count = (1, 7, window, 3 * window + 1)[i % 4]
        expected = step_by_step(engine, context, latent, count)
        assert engine.stream(context, latent, count) == expected, i
        assert engine.stream(context, latent, count) == expected, f"{i}: the second time"
        assert step_by_step(engine, context, latent, count) == expected, f"{i}: the runtime afterwards"
        answer = expected[: expected.index(eos)] if eos in expected else expected
        assert engine.answer(context, latent, count) == answer, f"{i}: until <eos>"
        compared += 1
    for wrong in (np.zeros((1, dim[1] + 1), np.float32), np.zeros(dim, np.float64)):
        try:
            engine.answer(wrong, latent)
        except BitmarError as error:
            assert "expected float32" in str(error)
        else:
            raise AssertionError("a wrong context was taken")
    greedy, pointer = engine.greedy, engine.decoder.delegate
    del engine.decoder.interpreter, engine.greedy
    gc.collect()
    try:  # the interpreter is gone, the delegate is not
        greedy.tokens(context, latent, 1, eos)
    except BitmarError as error:
        assert "not loaded" in str(error) and pointer
    else:
        raise AssertionError("decoded a graph that is gone")
    print(compared)


if __name__ == "__main__":
    main()
