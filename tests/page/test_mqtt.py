"""Property: a real broker gets what Home Assistant needs to find it, what it sees, and whether it is there; a message teaches."""

from __future__ import annotations

import json
import queue
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import paho.mqtt.client as paho
import pytest

from tests.page.served import PICTURES, Served


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[int]:
    """Mosquitto on a free port."""
    program = shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin")
    assert program, "mosquitto is not installed: apt install mosquitto"
    with socket.socket() as asker:
        asker.bind(("127.0.0.1", 0))
        port = asker.getsockname()[1]
    (tmp_path / "mosquitto.conf").write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n")
    process = subprocess.Popen([program, "-c", tmp_path / "mosquitto.conf"], stderr=subprocess.DEVNULL)
    yield port
    process.terminate()
    process.wait()


class Listener:
    """Hears everything."""

    def __init__(self, port: int):
        self.heard: queue.Queue[tuple[str, str]] = queue.Queue()
        self.client = paho.Client(paho.CallbackAPIVersion.VERSION2)
        self.client.on_message = lambda _c, _d, message: self.heard.put((message.topic, message.payload.decode()))
        self.client.on_connect = lambda client, *_: client.subscribe("#")
        self.client.connect_async("127.0.0.1", port)
        self.client.loop_start()

    def hears(self, topic: str, wanted: Callable[[str], bool] = lambda text: True) -> str:
        """The next message of a topic that is wanted."""
        end = time.monotonic() + 30
        while True:
            said, text = self.heard.get(timeout=max(0.01, end - time.monotonic()))
            if said == topic and wanted(text):
                return text


def test_a_broker_hears_and_teaches(broker: int, serve: Callable[..., Served], tmp_path: Path) -> None:
    frames = tmp_path / "frames"
    frames.mkdir()
    shutil.copy(PICTURES / "hedgehog-noto.png", frames)
    listener = Listener(broker)
    page = serve("--camera", frames, "--mqtt", f"127.0.0.1:{broker}", "--mqtt-topic", "kitchen")
    found: dict[str, str] = {}
    while len(found) < 2:
        topic, text = listener.heard.get(timeout=30)
        if topic.startswith("homeassistant/") or topic == "kitchen/status":
            found[topic.split("/")[0]] = text
    assert found["kitchen"] == "online"
    discovery = json.loads(found["homeassistant"])
    assert discovery["state_topic"] == "kitchen/seen" and discovery["availability_topic"] == "kitchen/status"
    assert {"unique_id", "device", "name"} <= set(discovery)
    assert json.loads(listener.hears("kitchen/seen"))["name"] is None
    listener.client.publish("kitchen/teach", "no json")
    assert "expected a JSON object" in json.loads(listener.hears("kitchen/taught"))["error"]
    listener.client.publish("kitchen/teach", json.dumps({"name": "hedgehog"}))
    assert json.loads(listener.hears("kitchen/taught"))["views"][0]["saved"]
    assert (
        json.loads(listener.hears("kitchen/seen", lambda text: "known" in text and "un" not in text))["name"]
        == "hedgehog"
    )
    assert page.names() == ["hedgehog"]
    assert page.stop() == 0
    assert listener.hears("kitchen/status") == "offline"
    listener.client.loop_stop()


def test_a_broker_that_is_not_there_is_no_reason_to_stop(serve: Callable[..., Served]) -> None:
    page = serve("--mqtt", "127.0.0.1:1")
    page.teach("hedgehog", PICTURES / "hedgehog-noto.png")
    assert page.stop() == 0
