"""Property: a source gives its frames in order, once, and whatever is wrong with it is one line."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from bitmar import camera
from bitmar.camera import open_camera
from bitmar.errors import BitmarError

LEVELS = (0, 60, 120, 180, 240)


def frame(level: int, size: tuple[int, int] = (64, 48)) -> Image.Image:
    return Image.new("RGB", size, (level, level, level))


def levels(source: Path) -> list[int]:
    """The grey of each frame's middle."""
    with open_camera(str(source)) as opened:
        return [image.getpixel((20, 20))[0] for image in opened]


def write_video(path: Path, size: tuple[int, int] = (64, 48)) -> None:
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for level in LEVELS:
            container.mux(stream.encode(av.VideoFrame.from_image(frame(level, size))))
        container.mux(stream.encode(None))


def test_a_folder(tmp_path: Path) -> None:
    for i, level in enumerate(LEVELS):
        frame(level).save(tmp_path / f"{i}.{'png' if i % 2 else 'bmp'}")
    (tmp_path / "notes.txt").write_text("hello")
    assert levels(tmp_path) == list(LEVELS)


@pytest.mark.parametrize("name", ["a.gif", "a.webp", "a.png"])
def test_an_animated_picture(name: str, tmp_path: Path) -> None:
    frames = [frame(level) for level in LEVELS]
    frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:], duration=100, lossless=True)
    assert levels(tmp_path / name) == list(LEVELS)
    assert levels(tmp_path / name) == list(LEVELS)


def test_a_video(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4")
    with open_camera(str(tmp_path / "a.mp4")) as opened:
        for _ in range(2):
            found = [image.getpixel((20, 20))[0] for image in opened.frames()]
            assert np.abs(np.array(found) - LEVELS).max() < 10


def test_transparency_is_white_and_large_frames_are_scaled(tmp_path: Path) -> None:
    Image.new("RGBA", (2200, 100)).save(tmp_path / "a.png")
    (image,) = open_camera(str(tmp_path)).frames()
    assert image.mode == "RGB" and max(image.size) <= 1024 and image.getpixel((5, 5)) == (255, 255, 255)


def test_what_is_no_source(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.mp4").write_text("hello")
    cut = tmp_path / "cut.gif"
    frames = [frame(level) for level in LEVELS]
    frames[0].save(cut, save_all=True, append_images=frames[1:])
    cut.write_bytes(cut.read_bytes()[:-200])
    for source, message in (
        (tmp_path / "none", "no such source"),
        ("a\0b", "no such source"),
        ("/dev/video77", "no such source"),
        ("77", "no such source"),
        (tmp_path / "empty", "no pictures in it"),
        (tmp_path / "text.mp4", "cannot be opened"),
        (cut, "broken"),
    ):
        with pytest.raises(BitmarError, match=message) as error:
            list(open_camera(str(source)).frames())
        assert "\n" not in str(error.value)


def test_a_missing_library_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_video(tmp_path / "a.mp4")
    for library, source in (("av", str(tmp_path / "a.mp4")), ("picamera2", "picamera2")):
        monkeypatch.setitem(sys.modules, library, None)
        with pytest.raises(BitmarError, match=f"needs {library} .*apt install python3-{library}"):
            open_camera(source)


class Slow:
    """A container as a V4L2 device's: frames come whether they are fetched or not, until it is unplugged."""

    def __init__(self, count: int):
        self.count, self.given, self.closed = count, threading.Event(), False

    def decode(self, video: int) -> Iterator[SimpleNamespace]:
        for number in range(self.count):
            yield SimpleNamespace(to_image=lambda n=number: frame(n))
        self.given.set()
        time.sleep(0.2)
        raise OSError(19, "No such device")

    def close(self) -> None:
        self.closed = True


def test_a_usb_camera_gives_its_newest_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was not fetched is skipped; an unplugged one says so; its reader ends with it."""
    container = Slow(50)
    monkeypatch.setattr(camera, "open_container", lambda *_, **__: container)
    device = camera.UsbCamera(Path("/dev/video0"))
    assert container.given.wait(5)
    frames = device.frames()
    assert next(frames).getpixel((1, 1)) == (49, 49, 49)
    with pytest.raises(BitmarError, match="No such device"):
        next(frames)
    device.close()
    assert container.closed and not device.reader.is_alive()


def test_the_camera_of_a_pi(monkeypatch: pytest.MonkeyPatch) -> None:
    """picamera2's calls as its manual has them; red stays red."""
    calls = []

    class Picamera2:
        def create_video_configuration(self, main: dict, buffer_count: int) -> dict:
            return {"main": main, "buffer_count": buffer_count}

        def configure(self, configuration: dict) -> None:
            calls.append(configuration["main"]["format"])

        def start(self) -> None:
            calls.append("start")

        def close(self) -> None:
            calls.append("close")

        def capture_array(self, name: str) -> np.ndarray:
            return np.full((480, 640, 3), (250, 10, 20), np.uint8)

    library = ModuleType("picamera2")
    library.Picamera2 = Picamera2
    monkeypatch.setitem(sys.modules, "picamera2", library)
    with open_camera("picamera2") as opened:
        image = next(opened.frames())
    assert calls == ["BGR888", "start", "close"] and image.getpixel((0, 0)) == (250, 10, 20)
