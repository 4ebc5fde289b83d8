"""Property: every form of a name is that name; the search goes on where reading went furthest; the evaluation's reference writes
what a device writes."""

from __future__ import annotations

import random
from itertools import pairwise

import numpy as np
import pytest

from bitmar import Device
from bitmar.name_forms import Form, FormSearch, first_forms, nearest_cut
from bitmar.name_layers import MOST_LAYERS
from bitmar.teaching import MOST_TRIES
from deploy.flatbuffer_machine import FlatbufferMachine
from model.evaluation.teaching import MOST, write_names

NAMES = [
    "x",
    "a b",
    "banana",
    "grandma's strawberry",
    "Ä",
    "草莓",
    "🍓🍓 two",
    "Wolfgang Amadeus Mozart's first violin",
    "字" * 21,
]


def tokens(form: Form) -> list[tuple[int, int]]:
    """Byte offsets of a form's tokens where every three bytes of a piece are one."""
    places, at = [], 0
    for piece in (piece for part in form.parts() for piece in part):
        starts = [*range(at, at + len(piece), 3), at + len(piece)]
        places += pairwise(starts)
        at += len(piece)
    return places


@pytest.mark.parametrize("name", NAMES)
def test_every_form_is_the_name(name: str) -> None:
    """Whatever is misread: each form is another one, in whole characters, and no piece begins or ends with a space."""
    r, search, found = random.Random(0), FormSearch(name.encode()), []
    while (form := search.next()) and len(found) < 40:
        found.append(form)
        pieces = [piece for part in form.parts() for piece in part]
        assert b"".join(pieces) == name.encode() and 1 <= len(form.parts()) <= MOST_LAYERS
        assert all(piece and piece.decode().strip() == piece.decode() for piece in pieces)
        search.was_misread(form, tokens(form), r.randrange(len(name.encode()) + 1))
    assert len(set(found)) == len(found)
    assert [len(form.parts()) for form in found[:3]] == [1, 2, 3][: len(found)]


def test_forms_are_tried_again_with_their_misread_token_cut() -> None:
    """Fewer cuts first, then what was right for longer, then fewer layers."""
    search = FormSearch(b"banana split")
    whole, two, three = (search.next() for _ in range(3))
    assert (whole, two, three) == tuple(first_forms(b"banana split"))
    banana, split = [(0, 6), (6, 12)], [(0, 6), (6, 7), (7, 12)]
    for form, right in ((whole, 0), (two, 6), (three, 6)):
        search.was_misread(form, banana, right)
    again = search.next()
    assert again == Form(b"banana split", two.layers, (9,))
    search.was_misread(again, split, 6)  # a space has no place in it: the token nearest to it that has one
    assert search.next() == Form(b"banana split", three.layers, (9,))
    assert search.next() == Form(b"banana split", (), (3,))
    assert search.next() == Form(b"banana split", two.layers, (3, 9))
    search.was_misread(whole, banana, 12)  # all of it came back, and more behind it: the last token
    assert search.next() == Form(b"banana split", (), (9,))
    search.was_misread(whole, [(i, i + 1) for i in range(12)], 3)
    assert search.next() is None


def test_where_a_name_may_be_cut() -> None:
    assert [nearest_cut(b"abcdef", at, 0, 6) for at in (0, 1, 3, 6)] == [1, 1, 3, 5]
    assert nearest_cut(b"ab cd", 2, 0, 5) == 1 and nearest_cut(b"a b", 1, 0, 3) == 0 and nearest_cut(b"x", 0, 0, 1) == 0
    assert nearest_cut("草莓".encode(), 2, 0, 6) == 3 and nearest_cut("草".encode(), 1, 0, 3) == 0


@pytest.mark.parametrize("model", ["ultra_tiny", "tiny_edge"])
def test_the_reference_writes_what_a_device_writes(model: str) -> None:
    """Two implementations: the evaluation's, of many names at once, and the device's. Episodes, tries and verdicts are equal."""
    r = random.Random(1)
    letters = [chr(i) for block in (range(33, 127), range(0x400, 0x450), range(0x4E00, 0x4E40)) for i in block]
    texts = [*NAMES, *("".join(r.choice(letters) for _ in range(r.randrange(8, 22))) for _ in range(25))]
    assert MOST == MOST_TRIES
    with Device(model=model) as device:
        texts = [text for text in texts if len(device.tokenizer.encode(text)) < device.model.max_tokens]
        machine = FlatbufferMachine(device.model.path)
        written = write_names(machine, texts, np.zeros((len(texts), 768), np.float32))
        for i, text in enumerate(texts):
            own = device.names.write(text, None)
            again = written.tries[i] - (written.tries[i] > 1)  # without a picture the second try is the first one again
            assert (own.decodes, own.tries) == (written.decodes[i], again), text
            assert np.array_equal(own.episode, written.episode[i]), text
