"""Property: what `pip install` installs works by itself, anywhere: the library, the shipped model, the types."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np

from deploy.pi_wheel import copy_package
from tests.bitmar.runtimes import ROOT
from tests.bitmar.things import things

TEACH_AND_ASK = """
import sys
from bitmar import Device
card, taught, name, asked = sys.argv[1:]
with Device(card=card) as device:
    device.teach(taught, name)
    print(device.model.path.parent.parent.name, device.ask(asked).name)
"""


def test_the_wheel_has_the_shipped_model(tmp_path: Path) -> None:
    copy_package(tmp_path / "source")
    shutil.copytree(ROOT / "models", tmp_path / "source" / "models")
    command = [sys.executable, "setup.py", "-q", "bdist_wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=tmp_path / "source", check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    shutil.rmtree(tmp_path / "source")
    assert (tmp_path / "site" / "bitmar" / "py.typed").exists()
    assert not list((tmp_path / "site").rglob("model.npz")), "what only training reads stays out"
    thing = things(1)[0]
    for kind, (q, scale) in (("taught", thing.taught), ("asked", thing.asked)):
        np.save(tmp_path / f"{kind}.npy", q.astype(np.float32) * scale)
    (tmp_path / "card").mkdir()
    arguments = ["card", "taught.npy", thing.name, "asked.npy"]
    environment = {"PYTHONPATH": str(tmp_path / "site"), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, "-c", TEACH_AND_ASK, *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.stdout == f"bitmar {thing.name}\n", done.stderr
