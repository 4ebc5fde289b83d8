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
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.page.served import JSON, PICTURES, Served  # noqa: E402

CLIENTS = 50
PICTURE = PICTURES / "hedgehog-noto.png"


def kilobytes(page: Served, field: str) -> int:
    """A line of the process's status."""
    status = Path(f"/proc/{page.process.pid}/status").read_text(encoding="ascii")
    return int(status.split(f"{field}:")[1].split()[0])


def start(folder: Path) -> tuple[float, int]:
    """Seconds from the start of the process to the first answer to a picture, and the RAM (KB) that it takes after 20 more."""
    began = time.perf_counter()
    with Served(folder / "start") as page:
        page.ask(PICTURE)
        seconds = time.perf_counter() - began
        for _ in range(20):
            page.ask(PICTURE)
        return seconds, kilobytes(page, "VmRSS")


def many(folder: Path, seconds: float) -> dict[str, Any]:
    """Clients that ask as fast as they are answered, while one teaches."""
    times: list[float] = []
    teaches: list[float] = []
    with Served(folder / "many", slots=2048) as page:
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
    return {
        "clients": CLIENTS,
        "asks_per_s": round(len(times) / seconds),
        "ask_median_ms": round(1000 * statistics.median(times), 1),
        "ask_p99_ms": round(1000 * statistics.quantiles(times, n=100)[98], 1),
        "teaches": len(teaches),
        "teach_median_ms": round(1000 * statistics.median(teaches), 1),
        "lost": lost,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=10)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        starts = [start(Path(folder)) for _ in range(3)]
        report = {
            "machine": f"{platform.machine()}, {os.cpu_count()} processors",
            "first_answer_s": round(min(seconds for seconds, _ in starts), 2),
            "rss_kb": max(size for _, size in starts),
            **many(Path(folder), args.seconds),
        }
    (ROOT / "benchmarks" / "results" / "page.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(report, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
