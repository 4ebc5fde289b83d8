"""Property: what was acknowledged is on the card, whoever else asks and whenever the process is killed; a card or camera that is
gone is said to be gone, and everything goes on when it is back."""

from __future__ import annotations

import http.client
import json
import random
import resource
import shutil
import socket
import statistics
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from bitmar.device import Device
from tests.bitmar.digests import model
from tests.page.served import JSON, PICTURES, Served, camera_folder, compile_all, drawing, photograph

HEDGEHOG, SUNFLOWER = PICTURES / "hedgehog-noto.png", PICTURES / "sunflower-noto.png"


def drawings(folder: Path, count: int) -> list[Path]:
    """Different pictures as files."""
    files = [folder / f"{number}.png" for number in range(count)]
    for number, file in enumerate(files):
        drawing(number).save(file)
    return files


def remembered(card: Path, slots: int) -> tuple[list[str], list[str]]:
    """What is on a card, by another process, and what is lost."""
    with Device(card, model(), slots=slots) as device:
        _, lost = device.memory.verify()
        return [slot.name for slot in device.memory.slots()], lost


def test_fifty_ask_while_one_teaches(serve: Callable[..., Served], tmp_path: Path) -> None:
    """Nothing that was taught is lost, every question is answered, and all of it, with a camera, a hundred photographs and a card
    that goes out as a file, stays small: 45 MB of its own, and 75 MB at any moment with clean pages of libraries, of which the
    kernel maps more where they were just installed; benchmarks/page.py measures it."""
    compile_all()
    page = serve("--camera", camera_folder(tmp_path / "frames"), slots=64)
    watching = urllib.request.urlopen(f"{page.address}api/events", timeout=60)
    shown = [page.show(file) for file in drawings(tmp_path, 20)]
    page.post("/teach", name="first", pictures=[shown[0]], both=True)
    ended, times, failures = threading.Event(), [], []

    def client() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", page.port, timeout=60)
        while not ended.is_set():
            began = time.perf_counter()
            connection.request("POST", "/api/ask", json.dumps({"picture": shown[len(times) % 20]}), JSON)
            answer = connection.getresponse()
            content = answer.read()
            if answer.status != 200:
                failures.append(content)
            times.append(time.perf_counter() - began)
        connection.close()

    clients = [threading.Thread(target=client) for _ in range(50)]
    for thread in clients:
        thread.start()
    acknowledged = ["first"]
    for number in range(1, 40):
        body = {"name": f"thing {number}", "pictures": [shown[number % 20]], "both": True}
        assert page.call("POST", "/api/teach", body).status == 200
        acknowledged.append(f"thing {number}")
    ended.set()
    for thread in clients:
        thread.join()
    assert not failures and len(times) > 100 and statistics.median(times) < 5
    assert page.names() == acknowledged
    for number in range(100):
        sent = page.call("POST", "/api/pictures", photograph(number % 10), {"Content-Type": "image/jpeg"})
        page.post("/ask", picture=sent.json["picture"])
    page.post("/mem/verify")
    assert page.call("GET", "/api/card").status == 200
    assert page.kilobytes("RssAnon") * 1024 <= 45_000_000 and page.kilobytes("VmHWM") * 1024 <= 75_000_000
    watching.close()
    assert page.stop() == 0
    assert remembered(page.card, 64) == (acknowledged, [])


@pytest.mark.parametrize("seed", [*range(2), *(pytest.param(n, marks=pytest.mark.full) for n in range(2, 20))])
def test_sigkill_during_a_hundred_teaches(seed: int, serve: Callable[..., Served], tmp_path: Path) -> None:
    """All that was acknowledged is there, and at most the one thing more that was being taught."""
    page = serve(slots=128)
    shown = [page.show(file) for file in drawings(tmp_path, 10)]
    delay = random.Random(seed).uniform(0.05, 0.6)
    killer = threading.Timer(delay, page.process.kill)
    acknowledged, names = [], [f"thing {number}" for number in range(100)]
    killer.start()
    try:
        for number, name in enumerate(names):
            body = {"name": name, "pictures": [shown[number % 10]], "both": True}
            assert page.call("POST", "/api/teach", body).status == 200
            acknowledged.append(name)
    except (OSError, http.client.HTTPException):
        pass
    killer.join()
    page.process.wait()
    found, lost = remembered(page.card, 128)
    assert lost == [] and found in (names[: len(acknowledged)], names[: len(acknowledged) + 1])
    with Served(page.card, slots=128) as again:
        again.teach("the next", SUNFLOWER)
        assert again.names() == [*found, "the next"]


def test_a_card_that_is_gone_comes_back(serve: Callable[..., Served], tmp_path: Path) -> None:
    page = serve()
    page.teach("hedgehog", HEDGEHOG)
    away = tmp_path / "away"
    page.card.rename(away)
    status = page.wait_for("card", "gone")
    assert "expected it back" in status["card_text"]
    answer = page.call("POST", "/api/pictures", HEDGEHOG.read_bytes(), {"Content-Type": "image/png"})
    assert answer.status == 503 and "card is gone" in answer.json["error"]
    for path, body in (("/teach", {"name": "x", "pictures": ["x"]}), ("/mem/undo", {}), ("/say", {"text": "x"})):
        answer = page.call("POST", f"/api{path}", body)
        assert answer.status in (404, 503) and "error" in answer.json
    page.card.mkdir()  # an empty mount point is no card: nothing is made there
    time.sleep(2.5)
    assert page.get("/status")["card"] == "gone" and not list(page.card.iterdir())
    page.card.rmdir()
    away.rename(page.card)
    page.wait_for("card", "open")
    assert page.ask(HEDGEHOG)["text"] == "hedgehog"
    page.teach("sunflower", SUNFLOWER)
    assert page.stop() == 0
    assert remembered(page.card, 16) == (["hedgehog", "sunflower"], [])


def test_a_full_card_says_so_and_can_be_asked(serve: Callable[..., Served]) -> None:
    """No room for a write (here: no file may be written beyond 4 KB), then room again."""
    page = serve()
    page.teach("hedgehog", HEDGEHOG)
    room = resource.prlimit(page.process.pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
    answer = page.call("POST", "/api/teach", {"name": "sunflower", "pictures": [page.show(SUNFLOWER)]})
    assert answer.status == 507 and "the card is full" in answer.json["error"], answer.content
    assert page.get("/status")["card"] == "full" and page.names() == ["hedgehog"]
    assert page.ask(HEDGEHOG)["text"] == "hedgehog"
    resource.prlimit(page.process.pid, resource.RLIMIT_FSIZE, room)
    page.teach("sunflower", SUNFLOWER)
    assert page.get("/status")["card"] == "open"
    assert page.stop() == 0
    assert remembered(page.card, 16) == (["hedgehog", "sunflower"], [])


def test_another_models_card_is_not_touched(serve: Callable[..., Served], tmp_path: Path) -> None:
    """One card out, another in: of another size, then the first again."""
    page = serve()
    page.teach("hedgehog", HEDGEHOG)
    (tmp_path / "other").mkdir()
    with Device(tmp_path / "other", model(), slots=8) as device:
        device.teach(str(SUNFLOWER), "sunflower")
    before = {file: file.read_bytes() for file in (tmp_path / "other").rglob("*") if file.is_file()}
    page.card.rename(tmp_path / "away")
    (tmp_path / "other").rename(page.card)
    end = time.monotonic() + 15
    while "expected 16" not in page.get("/status")["card_text"]:
        assert time.monotonic() < end
        time.sleep(0.2)
    page.card.rename(tmp_path / "other")
    assert {file: file.read_bytes() for file in before} == before
    (tmp_path / "away").rename(page.card)
    page.wait_for("card", "open")
    assert page.names() == ["hedgehog"]


def test_a_cut_between_the_two_renames_is_finished(serve: Callable[..., Served], tmp_path: Path) -> None:
    page = serve()
    page.teach("hedgehog", HEDGEHOG)
    page.stop()
    (page.card / "bitmar_memory").rename(page.card / "bitmar_memory.old")
    (page.card / ".bitmar_incoming").mkdir()
    with Served(page.card) as again:
        assert again.names() == ["hedgehog"]
        assert not (page.card / ".bitmar_incoming").exists()


def test_a_camera_that_is_unplugged_comes_back(serve: Callable[..., Served], tmp_path: Path) -> None:
    frames, away = tmp_path / "frames", tmp_path / "away"
    frames.mkdir()
    shutil.copy(HEDGEHOG, frames)
    page = serve("--camera", frames)
    page.wait_for("camera", "live")
    taken = page.post("/camera")["picture"]
    page.post("/teach", name="hedgehog", pictures=[taken])
    assert seen(page)["text"] == "hedgehog"
    frames.rename(away)
    status = page.wait_for("camera", "lost")
    assert status["camera_text"]
    answer = page.call("POST", "/api/camera", {})
    assert answer.status == 409 and "camera" in answer.json["error"]
    assert page.ask(HEDGEHOG)["text"] == "hedgehog"  # from a phone all goes on
    away.rename(frames)
    page.wait_for("camera", "live")
    assert seen(page)["text"] == "hedgehog"


def seen(page: Served) -> dict:
    """The next thing that the stream of events says is seen; its picture can be had."""
    connection = http.client.HTTPConnection("127.0.0.1", page.port, timeout=20)
    connection.request("GET", "/api/events")
    answer = connection.getresponse()
    kinds = [b"event: seen\n"]
    while answer.readline() not in kinds:
        pass
    told = json.loads(answer.readline().removeprefix(b"data: "))
    connection.close()
    assert page.call("GET", f"/api/pictures/{told['picture']}").content.startswith(b"\xff\xd8")
    return told


def test_looking_is_no_access(serve: Callable[..., Served], tmp_path: Path) -> None:
    """A thing that stands before the camera all day is not used more than others."""
    frames = tmp_path / "frames"
    frames.mkdir()
    for name in ("a.png", "b.png"):
        shutil.copy(HEDGEHOG, frames / name)
    page = serve("--camera", frames)
    page.wait_for("camera", "live")
    page.post("/teach", name="hedgehog", pictures=[page.post("/camera")["picture"]])
    for _ in range(3):
        assert seen(page)["verdict"] == "known"
    page.post("/mem/verify")
    assert page.get("/things")["things"][0]["uses"] == 0


def test_systemd_hears_of_it(tmp_path: Path, serve: Callable[..., Served]) -> None:
    """Ready, then alive every second, then stopping."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(20)
        page = serve(environment={"NOTIFY_SOCKET": str(tmp_path / "notify")})
        heard = [systemd.recv(100) for _ in range(3)]
        assert heard == [b"READY=1", b"WATCHDOG=1", b"WATCHDOG=1"]
        page.stop()
        while (last := systemd.recv(100)) == b"WATCHDOG=1":
            pass
        assert last == b"STOPPING=1"
