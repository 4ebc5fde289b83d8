"""Property: the answer is the name that was taught, always, whatever was typed; what the record says of decoding is true; a name
that was corrected is answered from then on."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from bitmar import BitmarError, Device, Picture
from bitmar.memory import OtherNameError
from bitmar.teaching import MOST_TRIES
from tests.bitmar.digests import model
from tests.bitmar.things import things

WRITTEN = [
    "grandma's strawberry",
    "Bob's car",
    "IBM 5150",
    "+44 20 7946 0018",
    "anna@example.org",
    "Übergröße",
    "Γειά σου",
    "привет",
    "مرحبا",
    "שלום",
    "नमस्ते",
    "สวัสดี",
    "草莓",
    "いちご",
    "딸기",
    "🍓🍓",
    "x" * 63,
    "字" * 21,
    "0",
    "!?",
]


LETTERS = [range(33, 127), range(0xC0, 0x250), range(0x4E00, 0x5000)]


def names(device: Device, count: int, seed: int) -> list[str]:
    """Names as people type them, and random characters: those that fit into the model's window, each once."""
    r = random.Random(seed)
    found = dict.fromkeys(WRITTEN)
    while len(found) < 2 * count:
        letters = [chr(r.choice(r.choice(LETTERS))) for _ in range(r.randrange(1, 22))]
        found["".join(letters)] = None
    fit = [name for name in found if len(device.tokenizer.encode(name)) < device.model.max_tokens]
    return fit[:count]


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Device]:
    with Device(tmp_path_factory.mktemp("card"), model(), slots=64) as opened:
        yield opened


def test_the_answer_is_the_name_that_was_taught(tmp_path: Path) -> None:
    """64 slots, then a new start: every picture is answered with its name, decoded exactly where its record says so."""
    card = tmp_path / "card"
    card.mkdir()
    shown = things()
    with Device(card, model(), slots=64) as device:
        given = zip(shown, names(device, 64, 0), strict=True)
        taught = [device.teach(Picture(*thing.taught), name, both=True) for thing, name in given]
        assert all(told.saved and 1 <= told.tries <= MOST_TRIES for told in taught)
        assert {told.decodes for told in taught} >= {True}
    with Device(card, model()) as device:
        for thing, told in zip(shown, taught, strict=True):
            answer = device.ask(Picture(*thing.taught))
            assert (answer.text, answer.slot) == (told.name, told.slot)
            assert answer.answer_from == ("decoded" if told.decodes else "label")
            assert device.names.read(device.memory.read(told.slot), told.name).whole == told.decodes


def test_what_a_slot_says_does_not_depend_on_the_picture(device: Device) -> None:
    """Nor on the other slots: it is read alone, without a picture; a drawing by another artist gives the same answer."""
    shown = things()[:24]
    told = [
        device.teach(Picture(*t.taught), name, both=True) for t, name in zip(shown, names(device, 24, 1), strict=True)
    ]
    device.refusal, criterion = None, device.refusal
    for thing in shown:
        answer = device.ask(Picture(*thing.asked))
        taught = next(t for t in told if t.name == answer.text)
        assert answer.answer_from == ("decoded" if taught.decodes else "label")
    device.refusal = criterion


def test_a_corrected_name_answers_right(tmp_path: Path) -> None:
    """100 of 100: taught under one name, asked, corrected with `wrong`, or taught anew with `replace`, in a memory of 16."""
    shown, right = things(), 0
    with Device(tmp_path, model(), slots=16) as device:
        for i in range(100):
            thing, name = shown[i % 64], f"corrected {i}"
            device.teach(Picture(*thing.taught), f"mistaken {i}", replace=True)
            if i % 2:
                assert device.ask(Picture(*thing.taught)).text == f"mistaken {i}"
                device.wrong(name)
            else:
                device.teach(Picture(*thing.taught), name, replace=True)
            right += device.ask(Picture(*thing.taught)).text == name
    assert right == 100


def test_a_rename_is_answered_with_the_new_name(device: Device) -> None:
    thing = things()[30]
    device.teach(Picture(*thing.taught), "one name", replace=True)
    for name in ("another", "Γειά σου κόσμε", "y" * 31, "one name"):
        device.rename(device.ask(Picture(*thing.taught)).text, name)
        answer = device.ask(Picture(*thing.taught))
        assert answer.text == name and device.say(name).slot == answer.slot
    with pytest.raises(BitmarError, match="not found"):
        device.rename("nobody", "somebody")


def test_confirmations(device: Device) -> None:
    thing = things()[40]
    device.teach(Picture(*thing.taught), "some thing", replace=True)
    with pytest.raises(BitmarError, match="right: nothing was answered"):
        device.right()
    device.ask(Picture(*thing.taught))
    assert device.right().importance == pytest.approx(0.6)
    with pytest.raises(BitmarError, match="right: nothing was answered"):
        device.right()
    device.ask(Picture(*thing.taught))
    with pytest.raises(BitmarError, match="'some thing' is what was answered"):
        device.wrong("some thing")
    with pytest.raises(BitmarError, match="1 to 63 bytes"):
        device.wrong("x" * 64)
    device.memory.forget("some thing")
    with pytest.raises(BitmarError, match="wrong: nothing was answered"):
        device.wrong("thing")
    device.teach(Picture(*thing.taught), "some thing", replace=True)
    device.say("some thing")
    with pytest.raises(BitmarError, match="the last question was a text"):
        device.wrong("thing")


def test_the_same_picture_under_another_name_is_a_question(device: Device) -> None:
    thing = things()[50]
    device.teach(Picture(*thing.taught), "a cup", replace=True)
    before = device.memory.slots()
    with pytest.raises(OtherNameError, match="called a cup: --replace writes over it, --both keeps both") as error:
        device.teach(Picture(*thing.taught), "a mug")
    assert error.value.name == "a cup" and device.memory.slots() == before
    told = device.teach(Picture(*thing.taught), "a mug", both=True)
    assert told.alike == "a cup"
    with pytest.raises(BitmarError, match="expected one of them"):
        device.teach(Picture(*thing.taught), "a mug", replace=True, both=True)


def test_a_name_of_more_tokens_than_the_window_is_refused_with_the_number() -> None:
    with Device(model=model()) as device:
        device.engine.model = dataclasses.replace(device.model, max_tokens=5)  # as if its window were that short
        with pytest.raises(BitmarError, match=r"name 'zq zq zq zq': \d+ tokens, expected at most 4"):
            device.teach(Picture(*things(1)[0].taught), "zq zq zq zq")
        assert not device.memory.slots()
