"""Property: where PlatformIO's registry cannot be reached, every command says so in seconds, in one line that names what is
missing; once a package is there, nobody asks."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from deploy import registry
from deploy.firmware import SETTINGS, explain
from tests.mcu.conftest import ROOT

NOBODY = "http://127.0.0.1:9"  # the discard port: a proxy that refuses connections
LINE = "must come from PlatformIO's registry, which cannot be reached"
TEENSY, TFLM = "platform platformio/teensy", "library spaziochirale/Chirale_TensorFLowLite @ 2.0.0"


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, str]:
    """An environment without network and without packages fetched before."""
    settings = {
        **SETTINGS,
        **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), NOBODY),
        **dict.fromkeys(("NO_PROXY", "no_proxy"), ""),
        "PLATFORMIO_WORKSPACE_DIR": str(tmp_path / "workspace"),
        "PLATFORMIO_PLATFORMS_DIR": str(tmp_path / "platforms"),
        "PLATFORMIO_LIBDEPS_DIR": str(tmp_path / "libdeps"),
        "PLATFORMIO_BUILD_DIR": str(tmp_path / "build"),
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    return settings


def run(*command: str | Path) -> tuple[subprocess.CompletedProcess, float]:
    begin = time.monotonic()
    done = subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True, timeout=300)
    return done, time.monotonic() - begin


@pytest.mark.parametrize(
    ("environment", "needed"), [("teensy41", TEENSY), ("teensy41_tflm", TEENSY), ("qemu_cortex_m7_tflm", TFLM)]
)
def test_plain_pio_says_what_it_cannot_fetch(environment: str, needed: str, offline: dict[str, str]) -> None:
    done, seconds = run("-m", "platformio", "run", "-e", environment)
    assert done.returncode == 1 and seconds < 60
    output = done.stdout + done.stderr
    assert f"{needed} {LINE}" in output and "HTTPClientError" not in output
    assert explain(environment, output).startswith(f"{needed} {LINE}")


def test_deploy_asks_before_it_builds(offline: dict[str, str], tmp_path: Path) -> None:
    done, seconds = run("pipeline.py", "deploy", "--target", "teensy41")
    assert done.returncode == 2 and seconds < 60
    asked, error = done.stderr.splitlines()
    assert asked == f"{TEENSY}: asking PlatformIO's registry ..." and error.startswith(f"error: {TEENSY} {LINE}")
    assert done.stdout == "" and not (tmp_path / "build").exists()


def test_what_an_environment_needs(offline: dict[str, str]) -> None:
    needs = {name: registry.missing(name) for name in ("qemu_cortex_m7", "teensy41", "teensy41_tflm")}
    assert needs == {"qemu_cortex_m7": [], "teensy41": [TEENSY], "teensy41_tflm": [TEENSY, TFLM]}
    assert registry.problem([]) is None
    begin = time.monotonic()
    assert not registry.reachable() and time.monotonic() - begin < registry.SECONDS + 2


class Anything(BaseHTTPRequestHandler):
    """A server that has nothing, and says so."""

    def do_HEAD(self) -> None:
        self.send_response(404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def test_any_answer_will_do_and_silence_will_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server = HTTPServer(("127.0.0.1", 0), Anything)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    assert registry.answers(f"http://127.0.0.1:{server.server_port}/", 5)
    server.shutdown()
    server.server_close()
    assert not registry.answers(f"http://127.0.0.1:{server.server_port}/", 5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert not registry.answers(f"http://127.0.0.1:{silent.getsockname()[1]}/", 0.5)


BOARD = {"name": "Teensy 4.1", "vendor": "PJRC", "url": "-", "frameworks": ["arduino"]}
BOARD |= {"build": {"mcu": "imxrt1062", "f_cpu": "600000000"}, "upload": {"maximum_size": 1, "maximum_ram_size": 1}}


def test_a_platform_that_was_fetched_is_handed_over_to(offline: dict[str, str], tmp_path: Path) -> None:
    """A platform of the registry's name with a builder that only says which platform and board it was given."""
    folder = tmp_path / "platforms" / "teensy"
    (folder / "boards").mkdir(parents=True)
    (folder / "builder").mkdir()
    manifest = {
        "name": "teensy",
        "title": "Teensy",
        "version": "5.0.0",
        "engines": {"platformio": "^6"},
        "packages": {},
    }
    (folder / "platform.json").write_text(json.dumps(manifest))
    (folder / "boards" / "teensy41.json").write_text(json.dumps(BOARD))
    builder = "from SCons.Script import DefaultEnvironment\nenv = DefaultEnvironment()\n"
    builder += "print('BUILDER', env['PIOPLATFORM'], env.BoardConfig().id)\nenv.Exit(0)\n"
    (folder / "builder" / "main.py").write_text(builder)
    spec = {"type": "platform", "name": "teensy", "version": "5.0.0"}
    spec["spec"] = {"owner": "platformio", "id": None, "name": "teensy", "requirements": None, "uri": None}
    (folder / ".piopm").write_text(json.dumps(spec))
    config = (ROOT / "platformio.ini").read_text()
    scons = "platform_packages = platformio/tool-scons @ symlink://${PROJECT_DIR}/tools/tool-scons\n"
    (tmp_path / "platformio.ini").write_text(config.replace("framework = arduino\n", f"framework = arduino\n{scons}"))
    done, _ = run("-m", "platformio", "run", "-e", "teensy41", "-c", tmp_path / "platformio.ini")
    assert "BUILDER teensy teensy41" in done.stdout, done.stdout + done.stderr
