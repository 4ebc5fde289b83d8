"""What the camera shows and what is seen in it, and everything else that a page wants to hear of as it happens."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

from PIL import Image

from bitmar.camera import Camera
from bitmar.errors import BitmarError
from pi_app.page.body import RefusedError

MOST_LISTENERS = 64  # to the stream of events
HEARTBEAT = 10.0  # seconds between signs of life
FRAME_SECONDS = 0.2  # between two frames: nobody looks more often
RETRY = 1.0  # seconds until a camera that is gone is looked for again
NO_CAMERA = "no camera was named, expected a picture"


@dataclass(frozen=True)
class Frame:
    """A frame and its number."""

    number: int
    image: Image.Image


class Watcher:
    """Reads a camera in a thread of its own and keeps the newest frame; opens it again after it was away.

    Args:
      open_camera: opens it; raises BitmarError where there is none.
    """

    def __init__(self, open_camera: Callable[[], Camera] | None):
        self.open_camera = open_camera
        self.frame: Frame | None = None
        self.trouble: str | None = None if open_camera else NO_CAMERA
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.watch, name="camera", daemon=True)

    @property
    def state(self) -> str:
        """`none`, `live`, `lost` or `starting`."""
        if self.open_camera is None:
            return "none"
        return "lost" if self.trouble else "live" if self.frame else "starting"

    def start(self) -> None:
        """Begins to watch."""
        if self.open_camera:
            self.thread.start()

    def watch(self) -> None:
        """The thread."""
        while not self.ended.is_set():
            try:
                self.read_frames()
            except (BitmarError, OSError) as error:
                self.lose(str(error))
                self.ended.wait(RETRY)

    def lose(self, reason: str) -> None:
        """The camera is gone; its last frame is no picture of now."""
        self.trouble, self.frame = reason, None

    def read_frames(self) -> None:
        """Until the camera ends; a folder or a file is shown again from its beginning."""
        with self.open_camera() as camera:
            for number, image in enumerate(camera, time.monotonic_ns()):
                self.frame, self.trouble = Frame(number, image), None
                if self.ended.wait(FRAME_SECONDS):
                    return
            if camera.live or self.frame is None:
                raise BitmarError(f"camera {camera.name}: it gives no pictures")

    def newest(self) -> Frame:
        """The newest frame. RefusedError where there is none."""
        if (frame := self.frame) is None:
            raise RefusedError(409, f"camera: {self.trouble or 'no picture yet'}")
        return frame

    def close(self) -> None:
        """Ends the thread."""
        self.ended.set()
        if self.thread.is_alive():
            self.thread.join(timeout=2)


class Events:
    """Hands the newest event of each kind to any number of listeners; one that is slow misses some, nobody waits for it."""

    def __init__(self) -> None:
        self.newest: dict[str, tuple[int, str]] = {}
        self.number = 0
        self.listeners = 0
        self.closed = False
        self.news = asyncio.Event()

    def tell(self, kind: str, **fields: Any) -> None:
        """Says something, unless it is what was said last."""
        text = json.dumps(fields)
        if self.newest.get(kind, (0, ""))[1] == text:
            return
        self.number += 1
        self.newest[kind] = self.number, text
        self.wake()

    def wake(self) -> None:
        """Everybody looks what is new."""
        self.news.set()
        self.news = asyncio.Event()

    def close(self) -> None:
        """Ends all streams."""
        self.closed = True
        self.wake()

    async def stream(self) -> AsyncIterator[bytes]:
        """Server-sent events, the newest of each kind first."""
        self.listeners += 1
        heard = 0
        try:
            yield b"retry: 1000\n\n"
            while not self.closed:
                news = self.news
                for kind, (number, text) in sorted(self.newest.items(), key=lambda item: item[1][0]):
                    if number > heard:
                        heard = number
                        yield f"event: {kind}\ndata: {text}\n\n".encode()
                try:
                    await asyncio.wait_for(news.wait(), HEARTBEAT)
                except TimeoutError:
                    yield b": still here\n\n"
        finally:
            self.listeners -= 1
