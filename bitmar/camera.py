"""Frames of a camera: the Pi's own, a USB camera, or, to try things without one, a folder of pictures, an animated file, a video.

    with open_camera("/dev/video0") as camera:
        for image in camera:
            ...

picamera2 is Debian's on a Pi (python3-picamera2); USB cameras and videos come through PyAV (`pip install bitmar-edge[camera]`,
or Debian's python3-av). Neither is loaded before a source asks for it.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Any

from PIL import Image

from bitmar.errors import BitmarError
from bitmar.image_file import FORMATS, MAX_PIXELS, MAX_SIDE, opaque, open_image, small

WIDTH, HEIGHT = 640, 480  # pixels that a camera is asked for; it may give others
WAIT = 5.0  # seconds for a frame
PI = "picamera2"
EXPECTED = f"expected {PI}, a device such as /dev/video0 or 0, a folder of pictures, an animated picture or a video"
SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")


def open_camera(source: str) -> Camera:
    """A source of frames by its name: "picamera2", "/dev/video0" or "0", a folder, a file.

    Raises:
      BitmarError: there is no such source, it cannot be opened, or the library that it needs is not installed.
    """
    path = Path(f"/dev/video{source}" if source.isascii() and source.isdigit() else source)
    if source == PI:
        return PiCamera()
    try:
        if path.is_dir():
            return Folder(path)
        if path.is_char_device():
            return UsbCamera(path)
        if path.is_file():
            return Animation(path) if is_image(path) else Video(path)
    except (OSError, ValueError):  # a name that no file can have
        pass
    raise BitmarError(f"camera {source}: no such source, {EXPECTED}")


def is_image(path: Path) -> bool:
    """Whether Pillow knows the file."""
    try:
        with Image.open(path, formats=FORMATS):
            return True
    except Exception:  # its parsers raise nearly anything; PyAV says what is wrong with the file
        return False


class Camera(ABC):
    """A source of frames; a context manager that closes it.

    Attributes:
      name: as an error calls it.
      live: whether frames are taken as they come, so that what nobody fetched is gone; else each is given once.
    """

    live = False

    def __init__(self, name: str):
        self.name = name

    @abstractmethod
    def frames(self) -> Iterator[Image.Image]:
        """RGB images, at most 800 pixels long, the newest of a live source; a folder's or file's end with it.

        Raises:
          BitmarError: the source is broken, unplugged or gives nothing.
        """

    def __iter__(self) -> Iterator[Image.Image]:
        """The frames."""
        return self.frames()

    def close(self) -> None:
        """Releases the source; harmless if closed already."""
        return

    def __enter__(self) -> Camera:
        """The camera itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes it."""
        self.close()


class Folder(Camera):
    """The pictures of a folder in the order of their names."""

    def __init__(self, path: Path):
        super().__init__(str(path))
        self.paths = sorted(p for p in path.iterdir() if p.suffix.lower() in SUFFIXES)
        if not self.paths:
            raise BitmarError(f"camera {path}: no pictures in it, expected some of {', '.join(SUFFIXES)}")

    def frames(self) -> Iterator[Image.Image]:
        """One for each file."""
        for path in self.paths:
            yield opaque(open_image(path))


class Animation(Camera):
    """The frames of a GIF, WebP, APNG or TIFF; a file of one picture has one."""

    def __init__(self, path: Path):
        super().__init__(str(path))
        self.path = path

    def frames(self) -> Iterator[Image.Image]:
        """In the file's order."""
        opaque(open_image(self.path))  # its limits on size and memory, its errors
        try:
            with Image.open(self.path, formats=FORMATS) as image:
                for number in range(getattr(image, "n_frames", 1)):
                    image.seek(number)
                    yield opaque(small(image.convert("RGBA")))
        except BitmarError:
            raise
        except Exception as error:  # as open_image says: decoders raise nearly anything
            reason = " ".join(str(error).split()) or type(error).__name__
            raise BitmarError(f"camera {self.name}: broken animation ({reason})") from None


class Video(Camera):
    """A file that FFmpeg knows."""

    def __init__(self, path: Path):
        super().__init__(str(path))
        self.container = open_container(self.name, str(path))

    def frames(self) -> Iterator[Image.Image]:
        """In the file's order, from its beginning."""
        try:
            self.container.seek(0)
            for frame in self.container.decode(video=0):
                yield small(frame.to_image())
        except OSError as error:  # FFmpeg's errors are OSErrors or ValueErrors
            raise BitmarError(f"camera {self.name}: {error.strerror or error}") from None
        except ValueError as error:
            raise BitmarError(f"camera {self.name}: broken video ({error})") from None

    def close(self) -> None:
        """Closes the file."""
        self.container.close()


class UsbCamera(Camera):
    """A V4L2 camera (USB). A thread fetches what it gives and keeps the newest, or the driver's queue would give old frames."""

    live = True

    def __init__(self, path: Path):
        super().__init__(str(path))
        options = {"video_size": f"{WIDTH}x{HEIGHT}"}
        self.container = open_container(self.name, str(path), format="v4l2", options=options)
        self.changed = threading.Condition()
        self.newest: Any = None
        self.error: str | None = None
        self.open = True
        self.reader = threading.Thread(target=self.fetch, name=f"camera {path}", daemon=True)
        self.reader.start()

    def fetch(self) -> None:
        """The thread: frames until the camera is closed or fails."""
        error = "it stopped giving frames"
        try:
            for frame in self.container.decode(video=0):
                with self.changed:
                    if not self.open:
                        return
                    self.newest = frame
                    self.changed.notify_all()
        except (OSError, ValueError) as failed:
            error = getattr(failed, "strerror", None) or str(failed)
        with self.changed:
            self.error = error
            self.changed.notify_all()

    def frames(self) -> Iterator[Image.Image]:
        """The newest, each once."""
        while True:
            with self.changed:
                if not self.changed.wait_for(lambda: self.newest is not None or self.error or not self.open, WAIT):
                    raise BitmarError(f"camera {self.name}: no frame in {WAIT:.0f} s")
                frame, self.newest = self.newest, None
            if frame is None:
                raise BitmarError(f"camera {self.name}: {self.error or 'closed'}")
            yield small(frame.to_image())

    def close(self) -> None:
        """Stops the thread, then releases the device."""
        with self.changed:
            self.open = False
            self.changed.notify_all()
        self.reader.join(WAIT)
        self.container.close()


class PiCamera(Camera):
    """The camera on a Pi's ribbon cable, by libcamera."""

    live = True

    def __init__(self) -> None:
        super().__init__(PI)
        library = needed(PI, self.name, "apt install python3-picamera2")
        try:
            self.camera = library.Picamera2()
            # picamera2 names formats by their bytes in a word: BGR888 lies in memory as red, green, blue
            main = {"size": (WIDTH, HEIGHT), "format": "BGR888"}
            self.camera.configure(self.camera.create_video_configuration(main=main, buffer_count=2))
            self.camera.start()
        except (RuntimeError, IndexError) as error:
            raise BitmarError(f"camera {PI}: {error}") from None

    def frames(self) -> Iterator[Image.Image]:
        """The next one that is exposed."""
        while True:
            try:
                yield Image.fromarray(self.camera.capture_array("main"))
            except RuntimeError as error:
                raise BitmarError(f"camera {PI}: {error}") from None

    def close(self) -> None:
        """Stops the camera."""
        self.camera.close()


def open_container(name: str, path: str, **how: Any) -> Any:
    """PyAV's container with a video stream that is not larger than pictures may be."""
    av = needed("av", name, "pip install av, or apt install python3-av")
    try:
        container = av.open(path, **how)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise BitmarError(f"camera {name}: cannot be opened ({reason}), {EXPECTED}") from None
    streams = container.streams.video
    size = (streams[0].width, streams[0].height) if streams else (0, 0)
    if not 0 < max(size) <= MAX_SIDE or size[0] * size[1] > MAX_PIXELS:
        container.close()
        raise BitmarError(f"camera {name}: {size[0]}x{size[1]} pixels, expected at most {MAX_SIDE} a side")
    return container


def needed(library: str, name: str, command: str) -> Any:
    """A library that is loaded when a source needs it."""
    try:
        return import_module(library)
    except ImportError as error:
        raise BitmarError(f"camera {name}: needs {library} ({error}); {command}") from None
