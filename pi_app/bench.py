"""The word `bench`: how fast this model is on this machine."""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable

import numpy as np

from bitmar.engine import Picture
from bitmar.errors import BitmarError
from pi_app.answers import Answer
from pi_app.session import Session

TOKENS = 64
REPEATS = 20
SEED = 7


def milliseconds(action: Callable[[], object], repeats: int = REPEATS) -> float:
    """Median time of an action, after one run to warm up."""
    action()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        action()
        times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times)


def random_picture() -> Picture:
    """768 seeded numbers: what a picture shows does not change how long it takes."""
    return Picture(np.random.default_rng(SEED).integers(-127, 128, 768).astype(np.int8), np.float32(0.02))


def fill(session: Session) -> None:
    """Teaches one seeded thing per slot: a full memory is the slowest to read."""
    rng = np.random.default_rng(SEED)
    for slot in range(session.memory.shape.slots):
        vectors = rng.normal(size=(2, session.memory.shape.dim)).astype(np.float32)
        session.memory.teach(f"thing {slot}", vectors[0], vectors[1] / np.linalg.norm(vectors[1]))


def bench(session: Session, tokens: str | None = None) -> Answer:
    """Encodes, recalls and decodes; reads the memory, writes nothing to it.

    Args:
      tokens: length of the decoded stream as text (default 64); it may be longer than the model's window.
    """
    count = int(tokens) if tokens is not None and tokens.isdecimal() else 0 if tokens else TOKENS
    if not 1 <= count <= 100_000:
        raise BitmarError(f"bench: {tokens!r}, expected a number of tokens from 1 to 100000")
    engine, memory, model = session.engine, session.memory, session.model
    picture = random_picture()
    encoding = engine.encode([], picture)
    recalled = memory.recall(encoding.query, model.top_k)

    start = time.perf_counter()
    for _ in itertools.islice(engine.steps(engine.no_context(), encoding.latent), count):
        pass
    decode_s = time.perf_counter() - start

    before = memory.stats()
    recall_ms = milliseconds(lambda: memory.recall(encoding.query, model.top_k))
    after = memory.stats()
    runs = REPEATS + 1
    lookups = after.hits + after.misses - before.hits - before.misses
    fields = {
        "model": model.name,
        "runtime": engine.runtime,
        "isa": session.isa,
        "tokens": count,
        "tokens_per_s": round(count / decode_s, 1),
        "ms_per_token": round(1000 * decode_s / count, 3),
        "encode_ms": round(milliseconds(lambda: engine.encode([], picture)), 3),
        "memory_ms": round(recall_ms, 3),
        "recall_ms": round(milliseconds(lambda: engine.recall(recalled.scores, recalled.values, recalled.mask)), 3),
        "card_ms_per_recall": round((after.micros_read - before.micros_read) / 1000 / runs, 3),
        "hit_rate": round((after.hits - before.hits) / lookups, 3) if lookups else None,
        "slots": memory.shape.slots,
        "occupied": after.occupied,
    }
    lines = [
        f"{fields['model']} on {fields['runtime']}, kernels: {fields['isa']}",
        f"decode   {fields['tokens_per_s']} tokens/s, {fields['ms_per_token']} ms/token ({count} tokens)",
        f"encode   {fields['encode_ms']} ms",
        f"memory   {fields['memory_ms']} ms ({fields['occupied']} of {fields['slots']} slots; "
        f"card {fields['card_ms_per_recall']} ms)",
        f"read-out {fields['recall_ms']} ms",
    ]
    return Answer("bench", lines, fields)
