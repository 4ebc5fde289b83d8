"""Property: a board sees for itself, in a file of its card or its camera, what a PC would have computed for it."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from deploy.board.console import picture_line
from deploy.board.link import open_emulator
from deploy.firmware import Firmware, build
from tests.convert.vision_build import reference_maps
from tests.kernels.build import shared_library
from tests.kernels.library import Kernels
from tests.mcu.conftest import Board
from tests.picture import spec

MOST_INSTRUCTIONS = 260_000_000  # from a file of the card to its 768 numbers


def photograph(seed: int, width: int = 160, height: int = 120) -> Image.Image:
    """Smooth colours with an edge, to all sides of the picture."""
    random = np.random.default_rng(seed)
    small = Image.fromarray(random.integers(0, 200, (5, 7, 3)).astype(np.uint8))
    image = small.resize((width, height), Image.Resampling.BICUBIC)
    image.paste((200, 30, 40), (width // 3, height // 4, width // 2, height // 2))
    return image


@pytest.fixture(scope="module")
def blind(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Firmware:
    """Of the same model without the network."""
    folder = Path(shutil.copytree(model, tmp_path_factory.mktemp("blind") / "model"))
    description = json.loads((folder / "model.json").read_text())
    for name in ("vision.tflite", "vision.bin"):
        (folder / name).unlink()
        del description["files"][name]
    description["model_hash"] = "b11d" * 4  # a firmware, and cards, of its own
    (folder / "model.json").write_text(json.dumps(description))
    return build(folder)


@pytest.fixture
def card(tmp_path: Path) -> Path:
    (tmp_path / "card" / "bitmar_memory" / "states").mkdir(parents=True)
    return tmp_path / "card"


@pytest.fixture
def board(firmware: Firmware, card: Path) -> Iterator[Board]:
    with contextlib.closing(open_emulator(firmware.elf, card)) as link:
        yield Board(link)


def numbers(model: Path, pixels: np.ndarray) -> str:
    """The 768 numbers of a picture, by specification, TensorFlow Lite's reference and kernels/ on this machine; as a line."""
    from convert.aot.vision.network import load

    (seen,) = reference_maps(model / "vision.tflite", spec.prepare(pixels)[None])
    scale, shift = np.frombuffer((model / "vision.bin").read_bytes(), "<f4").reshape(2, 768)
    kernels = Kernels(shared_library())
    zero_point = load(model / "vision.tflite").map_zero_point
    return picture_line(*kernels.quantise(kernels.object_pool(seen, zero_point, scale, shift)))


def test_a_board_sees_what_the_definition_sees(model: Path, card: Path, board: Board) -> None:
    image = photograph(50, 203, 150)
    image.save(card / "cup.bmp")
    image.save(card / "cup.ppm")
    expected = board.ask(f"digest {numbers(model, np.asarray(image))}")["digest"]
    for name in ("cup.bmp", "card:cup.bmp", "cup.ppm"):
        assert board.ask(f"digest {name}")["digest"] == expected
    words = np.random.default_rng(3).integers(0, 65536, (60, 80)).astype("<u2")
    (card / "camera.rgb565").write_bytes(np.array([80, 60], "<i4").tobytes() + words.tobytes())
    expected = board.ask(f"digest {numbers(model, spec.rgb565(words))}")["digest"]
    assert board.ask("digest camera")["digest"] == expected


def test_taught_and_asked_from_files_alone(card: Path, board: Board) -> None:
    for i, name in enumerate(("cup", "lamp", "shoe")):
        photograph(60 + i).save(card / f"{name}.bmp")
        assert board.ask(f"teach {name}.bmp {name}")["action"] == "new"
    for name in ("shoe", "cup", "lamp"):
        answer = board.ask(f"ask {name}.bmp")
        assert answer["name"] == name and answer["seeing"] < MOST_INSTRUCTIONS
    assert "seeing" not in board.ask("say cup")


def test_pictures_that_are_none(card: Path, board: Board) -> None:
    (card / "text.bmp").write_text("hello")
    photograph(1).save(card / "cut.bmp")
    (card / "cut.bmp").write_bytes((card / "cut.bmp").read_bytes()[:-3000])
    for what, message in (
        ("none.bmp", "no such picture on the card"),
        ("text.bmp", "not a BMP or PPM file"),
        ("cut.bmp", "ends before its last row"),
        ("camera", "there is no camera"),
        ("abc", "not base64"),
    ):
        assert message in board.ask(f"ask {what}")["error"]


def test_a_model_without_a_network_says_so(blind: Firmware) -> None:
    with contextlib.closing(open_emulator(blind.elf)) as link:
        assert "no vision network for a board" in Board(link).ask("ask cup.bmp")["error"]
