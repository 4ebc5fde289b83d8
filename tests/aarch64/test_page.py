"""Property: the page of a bundle starts on an emulated Pi, answers HTTP there, and closes its card; service.sh makes a unit that
systemd takes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from bitmar.device import Device
from bitmar.model_folder import read_model
from deploy import pi_bundle
from tests.aarch64 import debian_root
from tests.bitmar.digests import model
from tests.page.served import PICTURES

SITE = (
    "starlette==1.10.0",
    "uvicorn==0.54.0",
    "fastjsonschema==2.22.3",
    "anyio==4.16.0",
    "idna<4",
    "click<9",
    "h11==0.16.0",
    "typing_extensions",
)


def ask(address: str, path: str, body: bytes | None = None, kind: str = "application/json") -> dict:
    request = urllib.request.Request(f"{address}api{path}", body, {"Content-Type": kind} if body else {})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


@pytest.fixture
def page(emulated, bundle: Path, tmp_path: Path) -> Iterator[tuple[subprocess.Popen, str]]:
    """The process and its address."""
    command = list(map(str, emulated("cortex-a72", "tflite-runtime")))
    place = next(i for i, word in enumerate(command) if word.startswith("PYTHONPATH="))
    command[place] += f":{debian_root.site_packages('page', SITE)}"
    (tmp_path / "card").mkdir()
    command += ["-m", "pi_app", "serve", "--card", str(tmp_path / "card"), "--model", str(bundle / "model")]
    process = subprocess.Popen(
        [*command, "--port", "0", "--json"], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    line = process.stdout.readline()
    assert line, process.stderr.read()
    yield process, json.loads(line)["address"]
    if process.poll() is None:
        process.kill()
    process.communicate()


def test_it_teaches_and_asks_on_an_emulated_pi(page: tuple[subprocess.Popen, str], tmp_path: Path) -> None:
    process, address = page
    picture = (PICTURES / "hedgehog-noto.png").read_bytes()
    shown = ask(address, "/pictures", picture, "image/png")["picture"]
    body = json.dumps({"name": "hedgehog", "pictures": [shown]}).encode()
    assert ask(address, "/teach", body)["views"][0]["saved"]
    assert ask(address, "/ask", json.dumps({"picture": shown}).encode())["text"] == "hedgehog"
    with urllib.request.urlopen(address, timeout=30) as answer:
        assert b"What it sees" in answer.read()
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 0
    with Device(tmp_path / "card", model()) as device:
        assert [slot.name for slot in device.memory.slots()] == ["hedgehog"]


def test_the_bundle_brings_a_service(bundle: Path, tmp_path: Path) -> None:
    with_page = pi_bundle.build_bundle(read_model(model()), tmp_path / "bitmar", "aarch64", page=True)
    install = (with_page / "install.sh").read_text()
    assert '"${package}[$extra,page]"' in install and "service.sh" in (with_page / "README.md").read_text()
    (tmp_path / "card").mkdir()
    command = [with_page / "service.sh", "--print", tmp_path / "card", "--camera", "/dev/video0"]
    unit = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert f"--card {tmp_path / 'card'} " in unit and "--camera /dev/video0" in unit and "@HERE@" not in unit
    refused = subprocess.run([*command, "x; rm -rf /"], capture_output=True, text=True)
    assert refused.returncode == 2 and refused.stderr.startswith("error: ")
    if shutil.which("systemd-analyze"):
        (tmp_path / "bitmar.service").write_text(unit)
        verify = ["systemd-analyze", "verify", tmp_path / "bitmar.service"]
        told = subprocess.run(verify, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"})
        assert told.returncode == 0 and "bitmar.service" not in told.stderr, told.stderr
    assert not (bundle / "service.sh").exists() and "[$extra]" in (bundle / "install.sh").read_text()
