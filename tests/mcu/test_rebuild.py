"""Property: plain `pio run` builds the firmware of the model that lies in the folder now, whatever it was built from before."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

from bitmar.engine import Engine
from bitmar.model_folder import read_model
from deploy.board.console import picture_line
from deploy.board.link import open_emulator
from deploy.firmware import pio
from tests.mcu.conftest import Board, seeded_picture
from tests.mcu.digest import digest
from tests.mcu.other_model import with_reversed_matrix

ENVIRONMENT = "qemu_cortex_m7"


def test_a_new_conversion_is_linked(model: Path, tmp_path: Path) -> None:
    """A, B, A into one folder, built with one command: the digests of A, B, A."""
    used, builds = tmp_path / "model", tmp_path / "build"
    other = with_reversed_matrix(model, tmp_path / "other", "encoder.tflite", "vision/down/weights")
    picture, found, expected = seeded_picture(1), [], []
    for source in (model, other, model):
        shutil.rmtree(used, ignore_errors=True)
        shutil.copytree(source, used)
        done = pio(["run", "-e", ENVIRONMENT], {"BITMAR_MODEL": str(used), "PLATFORMIO_BUILD_DIR": str(builds)})
        assert done.returncode == 0, done.stdout + done.stderr
        with contextlib.closing(open_emulator(builds / ENVIRONMENT / "firmware.elf")) as link:
            found.append(Board(link).ask(f"digest {picture_line(picture.q, picture.scale)}")["digest"])
        engine = Engine(read_model(used))
        expected.append(digest(engine, engine.model.config["vocab_size"], picture))
    assert expected[0] != expected[1]
    assert found == expected
