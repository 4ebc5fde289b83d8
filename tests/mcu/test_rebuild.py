"""Property: plain `pio run` builds the firmware of the model that lies in the folder now, whatever it was built from before."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
from pathlib import Path

from bitmar.engine import Engine
from bitmar.model_folder import read_model
from convert.aot import graph
from deploy.board.console import picture_line
from deploy.board.link import open_emulator
from deploy.firmware import pio
from tests.mcu.conftest import Board, seeded_picture
from tests.mcu.digest import digest

ENVIRONMENT = "qemu_cortex_m7"


def other_weights(model: Path, folder: Path) -> None:
    """The model with one matrix's bytes in reverse order: same shapes, same plan, valid codes, other numbers."""
    shutil.copytree(model, folder)
    path = folder / "encoder.tflite"
    data = path.read_bytes()
    matrix = next(t.data for t in graph.load(path).tensors if t.name == "vision/down/weights")
    at = data.index(matrix)
    changed = data[:at] + matrix[::-1] + data[at + len(matrix) :]
    path.write_bytes(changed)
    description = json.loads((folder / "model.json").read_text())
    description["files"][path.name]["sha256"] = hashlib.sha256(changed).hexdigest()
    (folder / "model.json").write_text(json.dumps(description))


def test_a_new_conversion_is_linked(model: Path, tmp_path: Path) -> None:
    """A, B, A into one folder, built with one command: the digests of A, B, A."""
    other, used, builds = tmp_path / "other", tmp_path / "model", tmp_path / "build"
    other_weights(model, other)
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
