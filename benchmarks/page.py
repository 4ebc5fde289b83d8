#!/usr/bin/env python3
"""How many the page serves: 50 clients that ask while one teaches, its start, its RAM.

    python benchmarks/page.py [--seconds 10]

Writes benchmarks/results/page.json; docs/page.md quotes it. Clients and page share this machine's processors.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import platform
import statistics
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.page.served import JSON, PICTURES, Served, camera_folder, compile_all, photograph  # noqa: E402

CLIENTS, PHOTOGRAPHS = 50, 100
RAM = (
    "VmHWM",
    "VmRSS",
    "RssAnon",
    "RssFile",
)  # the most that it was; what it is now; its own pages; those of mapped files
PICTURE = PICTURES / "hedgehog-noto.png"


def start(folder: Path) -> float:
    """Seconds from the start of the process to the first answer to a picture."""
    began = time.perf_counter()
    with Served(folder / "start") as page:
        page.ask(PICTURE)
        return time.perf_counter() - began


def many(folder: Path, seconds: float) -> dict[str, Any]:
    """Clients that ask as fast as they are answered, while one teaches; then a hundred photographs and a card as a file; and the
    RAM that all of it took, with a camera that is looked through."""
    times: list[float] = []
    teaches: list[float] = []
    with Served(folder / "many", "--camera", camera_folder(folder / "frames"), slots=2048) as page:
        watching = urllib.request.urlopen(f"{page.address}api/events", timeout=60)
        shown = page.show(PICTURE)
        page.post("/teach", name="first", pictures=[shown])
        end = time.perf_counter() + seconds

        def repeat(path: str, body: dict[str, Any], kept: list[float]) -> None:
            connection = http.client.HTTPConnection("127.0.0.1", page.port, timeout=60)
            while (began := time.perf_counter()) < end:
                body = {**body, **({"name": f"thing {len(kept)}"} if path == "/api/teach" else {})}
                connection.request("POST", path, json.dumps(body), JSON)
                answer = connection.getresponse()
                answer.read()
                assert answer.status == 200
                kept.append(time.perf_counter() - began)
            connection.close()

        threads = [
            threading.Thread(target=repeat, args=("/api/ask", {"picture": shown}, times)) for _ in range(CLIENTS)
        ]
        threads.append(
            threading.Thread(target=repeat, args=("/api/teach", {"pictures": [shown], "both": True}, teaches))
        )
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        lost = 1 + len(teaches) - len(page.names())
        for number in range(PHOTOGRAPHS):
            sent = page.call("POST", "/api/pictures", photograph(number), {"Content-Type": "image/jpeg"})
            page.post("/ask", picture=sent.json["picture"])
        page.post("/mem/verify")
        page.call("GET", "/api/card")
        ram = {field: page.kilobytes(field) for field in RAM}
        watching.close()
    return {
        "clients": CLIENTS,
        "asks_per_s": round(len(times) / seconds),
        "ask_median_ms": round(1000 * statistics.median(times), 1),
        "ask_p99_ms": round(1000 * statistics.quantiles(times, n=100)[98], 1),
        "teaches": len(teaches),
        "teach_median_ms": round(1000 * statistics.median(teaches), 1),
        "lost": lost,
        "ram_kib": ram,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=10)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        compile_all()
        starts = [start(Path(folder)) for _ in range(3)]
        report = {
            "machine": f"{platform.machine()}, {os.cpu_count()} processors",
            "first_answer_s": round(statistics.median(starts), 2),
            **many(Path(folder), args.seconds),
        }
    (ROOT / "benchmarks" / "results" / "page.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(report, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
