"""Property: a board sees for itself, in a file of its card, its camera or pixels it is sent, what a PC would have computed."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bitmar.eye import prepare
from deploy.board.console import BoardConsole, checked, picture_line, pixel_lines
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
    send(board, pixel_lines(prepare(image)))
    assert board.ask("digest pixels")["digest"] == expected
    assert "0 of 128 rows" in board.ask("digest pixels")["error"]  # a picture is taken once
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


def send(board: Board, lines: list[str]) -> None:
    for line in lines:
        assert "error" not in board.ask(line)


def test_a_computer_sends_a_file_as_pixels(card: Path, board: Board, tmp_path: Path) -> None:
    """`pixels:FILE` of the console, a JPEG too, which no board reads; the same file on the card is the same picture."""
    photograph(70).save(tmp_path / "lamp.jpg")
    Image.open(tmp_path / "lamp.jpg").save(card / "lamp.bmp")
    console = BoardConsole(board.link, pictures=None, as_json=True, output=io.StringIO())
    for line in ("teach card:lamp.bmp my lamp", f"teach pixels:{tmp_path / 'lamp.jpg'} my lamp"):
        assert console.execute(line)
    new, again = map(json.loads, console.output.getvalue().splitlines())
    assert new["action"] == "new" and again["action"] == "merged" and again["cosine"] >= 0.9999
    assert again["name"] == "my lamp" and again["seeing"] < MOST_INSTRUCTIONS


def test_pixels_that_are_no_picture_teach_nothing(board: Board) -> None:
    rows = pixel_lines(prepare(photograph(71)))

    def refused(line: str, message: str) -> None:
        answer = board.ask(line)
        assert list(answer) == ["error"] and message in answer["error"]

    refused("teach pixels cup", "0 of 128 rows")
    send(board, rows[:5])
    good = rows[5].split()[2]
    for row, payload, message in (
        ("128", good, "a row from 0 to 127"),
        ("-1", good, "a row from 0 to 127"),
        ("five", good, "a row from 0 to 127"),
        ("7", good, "row 7, expected row 0 of a new picture or row 5"),
        ("4", good, "row 4, expected"),
        ("5", good[:-1], "not base64 of 388 bytes"),
        ("5", good[:-8], "too short"),
        ("5", good + good, "not base64"),
        ("5", checked(bytes(385)), "not base64 of 388 bytes"),
        ("5", "?" + good[1:], "not base64"),
        ("5", ("B" if good[0] == "A" else "A") + good[1:], "wrong CRC"),
        ("5", "", "expected: pixels ROW BASE64"),
    ):
        refused(f"pixels {row} {payload}", message)
    send(board, rows[5:6])  # what was refused took nothing away
    refused("teach pixels cup", "6 of 128 rows")
    refused("teach pixels cup", "0 of 128 rows")  # that word has ended the picture
    send(board, rows[:1])
    assert board.ask("mem show")["slots"] == []  # so does any other: it may need the memory that rows lie in
    refused("teach pixels cup", "0 of 128 rows")
    send(board, rows[:3] + rows[:1])  # row 0 begins anew
    refused("teach pixels cup", "1 of 128 rows")
    assert board.ask("mem show")["slots"] == []


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
        board = Board(link)
        for line in ("ask cup.bmp", "ask pixels", pixel_lines(prepare(photograph(1)))[0]):
            assert "no vision network for a board" in board.ask(line)["error"]
