"""The firmware of the tests' model, the emulator, and the Pi app's engine beside it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from bitmar.engine import Engine, Picture
from bitmar.model_folder import read_model
from deploy.board.link import BoardLink, open_emulator
from deploy.firmware import Firmware, build

ROOT = Path(__file__).resolve().parents[2]
collect_ignore = ["test_custom_runner.py"]  # PlatformIO's, found by this name


class Board:
    """A running board: lines in, answers out."""

    def __init__(self, link: BoardLink) -> None:
        self.link = link
        self.greeting = link.wait_ready()

    def ask(self, line: str, timeout: float = 300) -> dict:
        """The JSON answer to a line."""
        self.link.send("!" + line)
        return json.loads(self.link.read_answer(timeout))

    def text(self, line: str, timeout: float = 300) -> str:
        self.link.send(line)
        return self.link.read_answer(timeout)


def seeded_picture(seed: int) -> Picture:
    """Numbers as spread as real features are."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=768).astype(np.float32)
    scale = np.float32(np.abs(x).max() / np.float32(127))
    return Picture(np.clip(np.rint(x / scale), -127, 127).astype(np.int8), scale)


@pytest.fixture(scope="session")
def model() -> Path:
    """The shipped model, or the one that BITMAR_TEST_MODEL names."""
    named = os.environ.get("BITMAR_TEST_MODEL")
    return Path(named) if named else ROOT / "models" / "ultra_tiny"


@pytest.fixture(scope="session")
def firmware(model: Path) -> Firmware:
    for tool in ("arm-none-eabi-gcc", "qemu-system-arm"):
        assert shutil.which(tool), f"{tool} is needed: make test installs it or says how"
    return build(model)


@pytest.fixture(scope="session")
def engine(model: Path) -> Engine:
    return Engine(read_model(model))


@pytest.fixture
def start(firmware: Firmware) -> Iterator[Callable[..., Board]]:
    """start(card=None, slots=None) boots a board; all are switched off when the test ends."""
    with contextlib.ExitStack() as stack:

        def boot(card: Path | None = None, slots: int | None = None) -> Board:
            return Board(stack.enter_context(contextlib.closing(open_emulator(firmware.elf, card, slots))))

        yield boot


@pytest.fixture
def card(tmp_path: Path) -> Path:
    """An empty card."""
    folder = tmp_path / "card"
    folder.mkdir()
    return folder


@pytest.fixture(scope="module")
def shared(firmware: Firmware) -> Iterator[Board]:
    """One board without a card for many questions."""
    with contextlib.closing(open_emulator(firmware.elf)) as link:
        yield Board(link)
