"""Property: the firmware on the emulated Cortex-M7 computes bit for bit what the Pi app computes on this machine.

A digest covers every number that leaves the encoder and the ids and logits of eight teacher-forced steps.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bitmar.engine import Engine
from bitmar.native import library
from bitmar.tokenizer import Tokenizer
from deploy.board.console import picture_line
from tests.mcu.conftest import Board, seeded_picture
from tests.mcu.digest import digest


def compare(start: Callable[..., Board], engine: Engine, seeds: range) -> None:
    board = start()
    for seed in seeds:
        picture = seeded_picture(seed)
        line = picture_line(picture.q, picture.scale)
        expected = digest(engine, engine.model.config["vocab_size"], picture)
        assert board.ask(f"digest {line}")["digest"] == expected, f"picture of seed {seed}"


def test_digests_of_20_pictures(start: Callable[..., Board], engine: Engine) -> None:
    compare(start, engine, range(20))


@pytest.mark.full
@pytest.mark.timeout(3600)
def test_digests_of_200_pictures(start: Callable[..., Board], engine: Engine) -> None:
    compare(start, engine, range(200))


def test_text_and_answers(start: Callable[..., Board], engine: Engine, model: Path) -> None:
    """Tokenizer, encoder and decoder together: the words of `caption`; with an empty memory `say` knows nothing."""
    board, tokenizer = start(), Tokenizer(model / "tokenizer.bin", library.load())
    picture = seeded_picture(77)
    said = board.ask(f"caption {picture_line(picture.q, picture.scale)}")["text"]
    expected = engine.answer(engine.no_context(), engine.encode([], picture).latent)
    assert said == tokenizer.decode(expected)
    said = board.ask('say "a  red\tfox,   NAÏVE café 42"')
    assert (said["text"], said["verdict"], said["slot"]) == (None, "unknown", None)


def test_a_digest_sees_one_changed_number(start: Callable[..., Board]) -> None:
    board, picture = start(), seeded_picture(5)
    before = board.ask(f"digest {picture_line(picture.q, picture.scale)}")["digest"]
    changed = picture.q.copy()
    changed[300] = np.int8(changed[300] - 1 if changed[300] > 0 else changed[300] + 1)
    assert board.ask(f"digest {picture_line(changed, picture.scale)}")["digest"] != before
    assert board.ask(f"digest {picture_line(picture.q, picture.scale)}")["digest"] == before
