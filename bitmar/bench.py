"""How fast a model is on this machine: decoding, encoding, searching the memory, reading the card."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bitmar.engine import FEATURES, Engine, Picture
from bitmar.errors import BitmarError
from bitmar.memory import Memory
from bitmar.native import library

MAX_TOKENS = 100_000
REPEATS = 20
STREAMS = 5  # of the decoder: they are longer
SEED = 7


@dataclass(frozen=True)
class Figures:
    """What `bench` measured: medians of 20 runs, for the decoder of 5 streams of `tokens` from an empty cache.

    Attributes:
      model: its name.
      runtime: the TensorFlow Lite runtime that ran it.
      isa: instruction-set variant of the kernels.
      tokens: length of the decoded stream; it may be longer than the model's window.
      tokens_per_s: decoded tokens in a second.
      ms_per_token: milliseconds for one.
      encode_ms: milliseconds to encode a picture's 768 numbers.
      memory_ms: milliseconds to find the nearest slots.
      recall_ms: milliseconds of their read-out.
      card_ms_per_recall: milliseconds of `memory_ms` on the card.
      hit_rate: share of the slots that were in RAM; None for an empty memory.
      slots: how many the memory has.
      occupied: how many of them are taken.
    """

    model: str
    runtime: str
    isa: str
    tokens: int
    tokens_per_s: float
    ms_per_token: float
    encode_ms: float
    memory_ms: float
    recall_ms: float
    card_ms_per_recall: float
    hit_rate: float | None
    slots: int
    occupied: int


def bench(engine: Engine, memory: Memory, tokens: int) -> Figures:
    """Encodes, recalls and decodes; reads the memory, writes nothing to it.

    Raises:
      BitmarError: tokens is not within 1 to 100000.
    """
    if not 1 <= tokens <= MAX_TOKENS:
        raise BitmarError(f"bench: {tokens} tokens, expected 1 to {MAX_TOKENS}")
    picture, k = random_picture(), engine.model.top_k
    encoding = engine.encode([], picture)
    recalled = memory.recall(encoding.query, k)

    decode_s = milliseconds(lambda: engine.stream(engine.no_context(), encoding.latent, tokens), STREAMS) / 1000

    before = memory.stats()
    memory_ms = milliseconds(lambda: memory.recall(encoding.query, k))
    after = memory.stats()
    lookups = after.hits + after.misses - before.hits - before.misses
    return Figures(
        model=engine.model.name,
        runtime=engine.runtime,
        isa=library.load().bm_isa().decode(),
        tokens=tokens,
        tokens_per_s=tokens / decode_s,
        ms_per_token=1000 * decode_s / tokens,
        encode_ms=milliseconds(lambda: engine.encode([], picture)),
        memory_ms=memory_ms,
        recall_ms=milliseconds(lambda: engine.recall(recalled.scores, recalled.values, recalled.mask)),
        card_ms_per_recall=(after.micros_read - before.micros_read) / 1000 / (REPEATS + 1),
        hit_rate=(after.hits - before.hits) / lookups if lookups else None,
        slots=memory.shape.slots,
        occupied=after.occupied,
    )


def milliseconds(action: Callable[[], object], repeats: int = REPEATS) -> float:
    """Median time of an action, after one run to warm up."""
    action()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        action()
        times.append(1000 * (time.perf_counter() - start))
    return float(np.median(times))


def random_picture(seed: int = SEED) -> Picture:
    """768 seeded numbers: what a picture shows does not change how long it takes."""
    return Picture(np.random.default_rng(seed).integers(-127, 128, FEATURES).astype(np.int8), np.float32(0.02))


def fill(memory: Memory) -> None:
    """Teaches one seeded thing per slot: a full memory is the slowest to read."""
    rng = np.random.default_rng(SEED)
    for slot in range(memory.shape.slots):
        vectors = rng.normal(size=(2, memory.shape.dim)).astype(np.float32)
        memory.teach(f"thing {slot}", vectors[0], vectors[1] / np.linalg.norm(vectors[1]))
