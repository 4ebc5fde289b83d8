"""The board's `digest PICTURE`, computed with the Pi app's runtime (mcu_app/src/app/session.cpp)."""

from __future__ import annotations

import zlib

import numpy as np

from bitmar.engine import Engine, Picture

STEPS = 8


def forced_tokens(vocab_size: int) -> list[int]:
    """The tokens fed to the decoder after <bos>."""
    return [(i * 37 + 11) % vocab_size for i in range(1, STEPS)]


def digest(engine: Engine, vocab_size: int, picture: Picture) -> str:
    """CRC-32 of the encoder's outputs, the (empty) memory's read-out, and ids and logits of eight steps."""
    encoding = engine.encode([], picture)
    crc = 0
    for part in (encoding.episode, encoding.key, encoding.query, encoding.latent, engine.no_context()):
        crc = zlib.crc32(np.ascontiguousarray(part).tobytes(), crc)
    steps = engine.steps(engine.no_context(), encoding.latent, forced_tokens(vocab_size))
    for _ in range(STEPS):
        step = next(steps)
        crc = zlib.crc32(step.ids.tobytes(), crc)
        crc = zlib.crc32(step.logits.tobytes(), crc)
    return f"{crc:08x}"
