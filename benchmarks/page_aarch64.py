#!/usr/bin/env python3
"""RAM of the page of a Pi bundle under an emulated Cortex-A72, in both runtimes.

    python benchmarks/page_aarch64.py

Writes benchmarks/results/page_aarch64.json; docs/page.md quotes it. Counted are the guest's pages alone (its /proc/self/maps,
with the host's smaps), not the emulator's. Pages of the guest's libraries count where the emulator reads them to translate them.
"""

from __future__ import annotations

import http.client
import json
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bitmar.model_folder import read_model  # noqa: E402
from deploy.models import pick_model  # noqa: E402
from deploy.pi_bundle import build_bundle  # noqa: E402
from tests.aarch64.conftest import SITES  # noqa: E402
from tests.aarch64.debian_root import debian_root, site_packages  # noqa: E402
from tests.aarch64.test_page import SITE  # noqa: E402
from tests.page.served import JSON, PICTURES, camera_folder, photograph  # noqa: E402

CLIENTS, PHOTOGRAPHS, SECONDS = 50, 20, 10
SERVE = """
import signal, sys
maps = sys.argv.pop(1)
signal.signal(signal.SIGUSR1, lambda *_: open(maps, "w").write(open("/proc/self/maps").read()))
from pi_app.__main__ import main
raise SystemExit(main())
"""
RANGE = re.compile(r"^([0-9a-f]+)-([0-9a-f]+) ")


def command(folder: Path, runtime: str) -> list[str]:
    """The bundle's page on an emulated Pi."""
    bundle = build_bundle(read_model(pick_model(None)), folder / "bundle", "aarch64", page=True)
    (wheel,) = bundle.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "wheel")
    root = debian_root()
    paths = [folder / "wheel", site_packages(runtime, SITES[runtime]), site_packages("page", SITE)]
    environment = [
        f"PYTHONPATH={':'.join(map(str, paths))}",
        f"PYTHONPYCACHEPREFIX={folder / 'pyc'}",
        "OPENBLAS_NUM_THREADS=1",
    ]
    options = [word for variable in environment for word in ("-E", variable)]
    emulator = ["qemu-aarch64-static", "-cpu", "cortex-a72", "-L", str(root), "-U", "PYTHONDONTWRITEBYTECODE", *options]
    (folder / "card").mkdir()
    serve = [
        "serve",
        "--card",
        folder / "card",
        "--camera",
        camera_folder(folder / "frames"),
        "--model",
        bundle / "model",
    ]
    python = [root / "usr" / "bin" / "python3.11", "-S", "-c", SERVE, folder / "maps"]
    return list(map(str, [*emulator, *python, *serve, "--slots", "64", "--port", "0", "--json"]))


def kib(mapping: str, which: str) -> int:
    """A line of a mapping in smaps."""
    return int(re.search(rf"^{which}: +(\d+)", mapping, re.MULTILINE)[1])


class Page:
    """The running page."""

    def __init__(self, words: list[str], folder: Path):
        self.folder, self.peak = folder, (0, 0)
        self.process = subprocess.Popen(words, cwd=folder, stdout=subprocess.PIPE, text=True)
        self.port = int(json.loads(self.process.stdout.readline())["address"].split(":")[2].strip("/"))

    def call(self, method: str, path: str, body: Any = None, kind: dict[str, str] = JSON) -> Any:
        """One request that must succeed."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)
        connection.request(method, f"/api{path}", body if isinstance(body, bytes) else json.dumps(body or {}), kind)
        answer = connection.getresponse()
        content = answer.read()
        assert answer.status == 200, content
        return json.loads(content) if answer.headers["Content-Type"] == "application/json" else content

    def ram(self) -> tuple[int, int]:
        """KiB that the guest has now: its own, and pages of mapped files."""
        self.process.send_signal(signal.SIGUSR1)
        while not (self.folder / "maps").exists() or not (self.folder / "maps").stat().st_size:
            time.sleep(0.1)
        time.sleep(0.3)
        guest = [tuple(int(end, 16) for end in RANGE.match(line).groups()) for line in (self.folder / "maps").open()]
        (self.folder / "maps").unlink()
        own = files = 0
        smaps = Path(f"/proc/{self.process.pid}/smaps").read_text(encoding="utf-8")
        for mapping in re.split(r"^(?=[0-9a-f]+-)", smaps, flags=re.MULTILINE)[1:]:
            first, last = (int(end, 16) for end in RANGE.match(mapping).groups())
            if any(start < last and first < end for start, end in guest):
                resident, anonymous = (kib(mapping, which) for which in ("Rss", "Anonymous"))
                own, files = own + anonymous, files + resident - anonymous
        self.peak = max(self.peak, (own, files), key=sum)
        return own, files


def measure(runtime: str) -> dict[str, Any]:
    """What the page of one runtime takes."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        words = command(folder, runtime)
        page = Page(words, folder)
        try:
            began = page.ram()
            shown = page.call(
                "POST", "/pictures", (PICTURES / "hedgehog-noto.png").read_bytes(), {"Content-Type": "image/png"}
            )
            end = time.monotonic() + SECONDS
            asked = {"picture": shown["picture"]}

            def client() -> None:
                while time.monotonic() < end:
                    page.call("POST", "/ask", asked)

            clients = [threading.Thread(target=client) for _ in range(CLIENTS)]
            for thread in clients:
                thread.start()
            taught = 0
            while time.monotonic() < end:
                page.call("POST", "/teach", {"pictures": [shown["picture"]], "name": f"thing {taught}", "both": True})
                taught += 1
                page.ram()
            for thread in clients:
                thread.join()
            for number in range(PHOTOGRAPHS):
                sent = page.call("POST", "/pictures", photograph(number), {"Content-Type": "image/jpeg"})
                page.call("POST", "/ask", {"picture": sent["picture"]})
                if number % 10 == 0:
                    page.ram()
            page.call("POST", "/mem/verify")
            now = page.ram()
            page.process.send_signal(signal.SIGTERM)
            assert page.process.wait(timeout=120) == 0
        finally:
            page.process.kill()
    figures = {"started": began, "most_seen": page.peak, "afterwards": now}
    return {key: {"own_kib": own, "files_kib": files} for key, (own, files) in figures.items()} | {"taught": taught}


def main() -> int:
    report: dict[str, Any] = {"cpu": "cortex-a72, emulated"} | {
        runtime: measure(runtime) for runtime in ("ai-edge-litert", "tflite-runtime")
    }
    text = json.dumps(report, indent=1)
    (ROOT / "benchmarks" / "results" / "page_aarch64.json").write_text(text + "\n", encoding="utf-8")
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
