"""Runs `bitmar serve` in a process of its own, as a user does, and talks HTTP with it."""

from __future__ import annotations

import http.client
import io
import json
import os
import select
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from tests.bitmar.digests import model
from tests.bitmar.runtimes import ROOT

PICTURES = ROOT / "examples" / "pictures"
JSON = {"Content-Type": "application/json"}
ELSEWHERE = {"X-Forwarded-For": "192.0.2.7"}  # as if it came through a proxy: not from this machine


@dataclass(frozen=True)
class Response:
    """What the server said."""

    status: int
    headers: dict[str, str]
    content: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.content)


class Served:
    """A running page; a context manager that ends it with SIGTERM."""

    def __init__(
        self,
        card: Path,
        *options: str | Path,
        slots: int = 16,
        environment: dict[str, str] | None = None,
        first: str = "",
    ):
        """`first`: Python that runs before the app does, e.g. to shorten a wait."""
        card.mkdir(exist_ok=True)
        self.card = card
        app = (
            ["-c", f"{first}; from pi_app.__main__ import main; raise SystemExit(main())"]
            if first
            else ["-m", "pi_app"]
        )
        command = [sys.executable, *app, "serve", "--card", card, "--port", "0", "--model", model()]
        command += ["--slots", str(slots), "--json", *options]
        self.process = subprocess.Popen(
            [*map(str, command)],
            cwd=ROOT,
            env={**os.environ, **(environment or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        ready, _, _ = select.select([self.process.stdout], [], [], 60)
        line = self.process.stdout.readline() if ready else ""
        if not line:
            self.process.kill()
            raise AssertionError(f"the page does not start: {self.process.communicate()[1]}")
        said = json.loads(line)
        self.address, self.pin = said["address"], said["pin"]
        self.port = int(self.address.rsplit(":", 1)[1].strip("/"))

    def __enter__(self) -> Served:
        return self

    def __exit__(self, *error: object) -> None:
        if self.process.poll() is None:
            self.stop()
        self.process.stdout.close()
        self.process.stderr.close()

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Ends it with a signal; its exit code."""
        self.process.send_signal(number)
        return self.process.wait(timeout=20)

    def call(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None, host: str = "127.0.0.1"
    ) -> Response:
        """One request; a body that is no bytes goes as JSON."""
        connection = http.client.HTTPConnection(host, self.port, timeout=60)
        try:
            sent = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
            kind = {} if body is None or isinstance(body, bytes) else JSON
            connection.request(method, path, sent, {**kind, **(headers or {})})
            answer = connection.getresponse()
            return Response(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def get(self, path: str, **more: Any) -> Any:
        """The JSON of a GET that must succeed."""
        answer = self.call("GET", f"/api{path}", **more)
        assert answer.status == 200, answer.content
        return answer.json

    def post(self, path: str, **body: Any) -> Any:
        """The JSON of a POST that must succeed."""
        answer = self.call("POST", f"/api{path}", body)
        assert answer.status == 200, answer.content
        return answer.json

    def show(self, picture: Path) -> str:
        """The id of an uploaded picture."""
        kind = {"Content-Type": f"image/{picture.suffix[1:]}"}
        answer = self.call("POST", "/api/pictures", picture.read_bytes(), kind)
        assert answer.status == 200, answer.content
        return answer.json["picture"]

    def teach(self, name: str, *pictures: Path) -> Any:
        """Teaches files."""
        return self.post("/teach", name=name, pictures=[self.show(picture) for picture in pictures])

    def ask(self, picture: Path) -> Any:
        """Asks for a file."""
        return self.post("/ask", picture=self.show(picture))

    def names(self) -> list[str]:
        """The things that are remembered."""
        return [thing["name"] for thing in self.get("/things")["things"]]

    def kilobytes(self, field: str) -> int:
        """A line of the process's status (proc_pid_status(5)), in KiB: VmRSS, VmHWM (the most that it was), RssAnon ..."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        return int(status.split(f"{field}:")[1].split()[0])

    def wait_for(self, what: str, wanted: str, seconds: float = 15) -> dict[str, Any]:
        """Waits until the status says so."""
        end = time.monotonic() + seconds
        while (status := self.get("/status"))[what] != wanted:
            assert time.monotonic() < end, status
            time.sleep(0.1)
        return status


def compile_all() -> None:
    """Python's compiler has done its work, as after an installation: its RAM is no part of what a page takes."""
    subprocess.run([sys.executable, "-m", "compileall", "-q", "pi_app", "bitmar"], cwd=ROOT, check=True)


def camera_folder(folder: Path) -> Path:
    """Frames of a camera's size."""
    folder.mkdir()
    for number in range(4):
        drawing(number, 640).crop((0, 80, 640, 560)).save(folder / f"{number}.png")
    return folder


def photograph(number: int) -> bytes:
    """A JPEG as the page sends it from a phone: 1,024 x 768 pixels."""
    file = io.BytesIO()
    drawing(number, 1024).crop((0, 128, 1024, 896)).save(file, "JPEG", quality=92)
    return file.getvalue()


def drawing(number: int, size: int = 128) -> Image.Image:
    """A clear synthetic picture of its own for every number: shapes of a few colours on a coloured ground."""
    ground = tuple((number * step + 40) % 256 for step in (67, 131, 29))
    image = Image.new("RGB", (size, size), ground)
    draw = ImageDraw.Draw(image)
    for part in range(3):
        seed = number * 7 + part * 13
        x, y, w = seed * 37 % (size - 48), seed * 53 % (size - 48), 24 + seed * 11 % 40
        colour = tuple((seed * step + 90) % 256 for step in (91, 57, 173))
        shape = (draw.ellipse, draw.rectangle, draw.pieslice)[seed % 3]
        shape([x, y, x + w, y + w], *((30, 300) if seed % 3 == 2 else ()), fill=colour)
    return image
