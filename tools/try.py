#!/usr/bin/env python3
"""The first two minutes: teach the shipped model four things, cut the power, ask it with other pictures of them.

Needs what a Raspberry Pi needs: NumPy, Pillow and one TensorFlow Lite runtime. The card is a folder; it stays, to go on with.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PICTURES = Path("examples/pictures")
THINGS = ("sunflower", "hedgehog", "hamburger", "sailboat")
TAUGHT, ASKED = "twemoji", "noto"  # two studios' drawings of each thing


class Console:
    """The console of the app in a process of its own; what it is told and what it answers is shown."""

    def __init__(self, card: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "pi_app", "--card", str(card), "--model", "ultra_tiny"],
            cwd=ROOT,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )

    def say(self, line: str) -> str:
        """One line; its answer, which ends with what it cost in [brackets]."""
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        print(f"  bitmar> {line}", flush=True)
        answer = ""
        while not answer.endswith("]\n"):
            piece = self.process.stdout.readline()
            if not piece:
                raise SystemExit(f"error: the console ended (exit code {self.process.wait()}) at: {line}")
            print(f"  {piece}", end="", flush=True)
            answer += piece
        return answer

    def cut_power(self) -> None:
        """SIGKILL: no goodbye, nothing is closed."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def quit(self) -> None:
        self.process.stdin.close()
        self.process.wait(timeout=60)


def cloned_at() -> float | None:
    """When this checkout was made, in seconds since 1970: git writes .git/description once, when it clones."""
    try:
        return (ROOT / ".git" / "description").stat().st_mtime
    except OSError:
        return None


def since(start: float | None, what: str) -> str:
    """ "12 s after WHAT", or nothing where the start is not known or is not from today."""
    if start is None or not 0 <= time.time() - start < 86_400:
        return ""
    return f"{time.time() - start:.0f} s after {what}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--card", type=Path, default=Path("build/try/card"), help="the folder that stands for the SD card"
    )
    parser.add_argument("--began", type=float, help="when `make try` began, in seconds since 1970")
    args = parser.parse_args()
    shutil.rmtree(ROOT / args.card, ignore_errors=True)
    (ROOT / args.card).mkdir(parents=True)

    print("\nA new card; four things are taught:")
    console = Console(args.card)
    for thing in THINGS:
        console.say(f"teach {PICTURES}/{thing}-{TAUGHT}.png {thing}")
    console.cut_power()
    print("\n  -- the power is cut: SIGKILL --\n\nAnother start, other drawings of the same things, by another studio:")
    console = Console(args.card)
    right = 0
    for number, thing in enumerate(THINGS):
        answer = console.say(f"ask {PICTURES}/{thing}-{ASKED}.png")
        right += answer.splitlines()[0].removeprefix("perhaps ") == thing
        if number == 0:
            times = [since(cloned_at(), "the clone"), since(args.began, "`make try` began")]
            print(f"  [the first answer: {', '.join(filter(None, times)) or 'at no known time'}]", flush=True)
    console.quit()
    print(
        f"\n{right} of {len(THINGS)} names right. Go on with it ({PICTURES}/ has two more things; any picture file will do):\n"
    )
    print(f"  .venvs/try/bin/bitmar --card {args.card}")
    return 0 if 2 * right >= len(THINGS) else 1


if __name__ == "__main__":
    sys.exit(main())
