"""Property: `from bitmar import Device` is all that a program needs: what is taught is answered, whatever kind of object the
picture is; nothing is printed; importing it costs nothing."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import bitmar
from bitmar import Answer, BitmarError, Device, Picture, Taught
from tests.bitmar.digests import model
from tests.bitmar.runtimes import ROOT, run_python
from tests.bitmar.things import things


@pytest.fixture
def card(tmp_path: Path) -> Path:
    folder = tmp_path / "card"
    folder.mkdir()
    return folder


def test_what_is_taught_is_answered_after_a_new_start(card: Path, capfd: pytest.CaptureFixture[str]) -> None:
    shown = things(4)
    with Device(card, model()) as device:
        taught = [device.teach(Picture(*thing.taught), f"  {thing.name} ") for thing in shown]
    assert [told.name for told in taught] == [thing.name for thing in shown]
    assert all(isinstance(told, Taught) and told.saved and told.action == "new" for told in taught)
    assert [told.previous for told in taught] == [None] * 4
    with Device(card=card, model=model()) as device:
        answers = [device.ask(Picture(*thing.asked)) for thing in shown]
        assert [answer.name for answer in answers] == [thing.name for thing in shown]
        assert all(isinstance(answer, Answer) and answer.saved for answer in answers)
        assert all((answer.timing.tokens > 0) == (answer.verdict != "unknown") for answer in answers)
        assert [slot.name for slot in device.memory.slots()] == [thing.name for thing in shown]
        device.rename(shown[0].name, "another name")
        assert device.forget("another name") == 1
        assert device.caption(Picture(*shown[1].asked)).slot is None
        assert device.say(shown[1].name).name == shown[1].name
        figures = device.bench(8)
        assert figures.tokens == 8 and figures.occupied == 3 and figures.tokens_per_s > 0
    assert capfd.readouterr() == ("", "")


def test_every_kind_of_picture_is_taken(tmp_path: Path) -> None:
    """The same drawing as file, Pillow image and pixels; the same numbers as file, array and canonical form."""
    with Device(model=model()) as device:
        read = device.pictures.read
        q, scale = things(1)[0].taught
        numbers = q.astype(np.float32) * scale
        np.save(tmp_path / "a.npy", numbers)
        forms = [str(tmp_path / "a.npy"), tmp_path / "a.npy", numbers, numbers.reshape(1, 768), Picture(q, scale)]
        assert {read(form).q.tobytes() for form in forms} == {q.tobytes()}
        device.pictures.kind = "thumb16"  # the features that need no vision.tflite
        image = Image.linear_gradient("L").convert("RGB")
        image.save(tmp_path / "a.png")
        features = {read(form).q.tobytes() for form in (tmp_path / "a.png", image, np.asarray(image))}
        assert len(features) == 1
        assert read(np.asarray(image.convert("L"))).q.tobytes() in features


@pytest.mark.parametrize(
    "array", [np.zeros(767), np.zeros((0, 3), np.uint8), np.zeros((9, 9, 5), np.uint8), np.array(1)]
)
def test_arrays_of_another_shape_are_refused(array: np.ndarray) -> None:
    with Device(model=model()) as device, pytest.raises(BitmarError, match="expected 768 real numbers"):
        device.ask(array)


def test_bad_input_is_named(card: Path, tmp_path: Path) -> None:
    with pytest.raises(BitmarError, match="slots 0: expected 1 to 32768"):
        Device(card, model(), slots=0)
    with pytest.raises(BitmarError, match=r"model nowhere: no model\.json there, expected a folder"):
        Device(card, "nowhere")
    with pytest.raises(BitmarError, match="no such folder"):
        Device(tmp_path / "nowhere", model())
    with Device(card, model()) as device:
        with pytest.raises(BitmarError, match="expected 0 to 4294967295"):
            device.memory.restore(2**32)
        with pytest.raises(BitmarError, match="tokens, expected 1 to"):
            device.bench(0)


def test_results_do_not_change_and_public_names_exist() -> None:
    assert all(hasattr(bitmar, name) for name in bitmar.__all__) and set(bitmar.__all__) <= set(dir(bitmar))
    with pytest.raises(dataclasses.FrozenInstanceError):
        Answer("a", None, None, None, None, bitmar.Timing()).text = "b"
    with pytest.raises(AttributeError, match="no attribute 'Robot'"):
        bitmar.Robot  # noqa: B018


def test_importing_it_loads_nothing() -> None:
    code = "import sys, bitmar; sys.exit(any(name in sys.modules for name in ('numpy', 'PIL', 'ctypes')))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_the_example(card: Path, tmp_path: Path) -> None:
    thing = things(1)[0]
    for kind, (q, scale) in (("taught", thing.taught), ("asked", thing.asked)):
        np.save(tmp_path / f"{kind}.npy", q.astype(np.float32) * scale)
    arguments = [card, tmp_path / "taught.npy", thing.name, tmp_path / "asked.npy"]
    done = run_python("ai-edge-litert", ROOT / "examples" / "device.py", *arguments, BITMAR_MODEL=str(model()))
    told, answer = done.stdout.splitlines()
    assert told.startswith(f"Taught(name='{thing.name}', slot=0, action='new', saved=True") and answer == thing.name
