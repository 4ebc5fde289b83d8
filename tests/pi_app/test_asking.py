"""Property: a terminal asks about the same picture under another name, on the Pi and for a board; no answer changes nothing."""

from __future__ import annotations

import builtins
import io
from collections.abc import Iterator

import numpy as np
import pytest

from bitmar.device import Device
from bitmar.errors import BitmarError
from bitmar.memory import OtherNameError
from deploy.board.console import board_error
from pi_app.console import Console
from tests.bitmar.digests import model
from tests.bitmar.things import things


@pytest.fixture
def console(tmp_path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Console]:
    q, scale = things(1)[0].taught
    np.save(tmp_path / "cup.npy", q.astype(np.float32) * scale)
    monkeypatch.chdir(tmp_path)
    with Device(model=model()) as device:
        device.teach("cup.npy", "Bob's cup")
        yield Console(device, output=io.StringIO())


def answer_with(monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    monkeypatch.setattr(builtins, "input", lambda prompt: said if prompt == "replace|both> " else pytest.fail(prompt))


@pytest.mark.parametrize(
    ("said", "names"), [("replace", ["mug"]), (" both ", ["Bob's cup", "mug"]), ("no", ["Bob's cup"])]
)
def test_it_is_asked_which(console: Console, monkeypatch: pytest.MonkeyPatch, said: str, names: list[str]) -> None:
    answer_with(monkeypatch, said)
    assert console.execute_asking("teach cup.npy mug # a comment")
    assert console.output.getvalue().startswith("the same picture is called Bob's cup\n")
    assert [slot.name for slot in console.device.memory.slots()] == names


def test_json_is_not_asked(console: Console) -> None:
    console.as_json = True
    with pytest.raises(OtherNameError):
        console.execute_asking("teach cup.npy mug")


def test_a_boards_question_is_the_same() -> None:
    error = board_error(str(OtherNameError("a: --replace b")))
    assert isinstance(error, OtherNameError) and error.name == "a: --replace b"
    for other in ("teach: the same picture", "not found"):
        assert type(board_error(other)) is BitmarError
