#!/usr/bin/env python3
"""What the console says to its words, for docs/cli.md: docs/console.txt, which a test replays.

python tools/transcripts.py           # plays the lines below on the shipped model and writes the file
python tools/transcripts.py --check   # exit code 1 if the console says something else
"""

from __future__ import annotations

import io
import os
import re
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bitmar.device import Device  # noqa: E402
from bitmar.errors import BitmarError  # noqa: E402
from pi_app import words  # noqa: E402
from pi_app.console import Console  # noqa: E402
from pi_app.terminal import error_line  # noqa: E402
from tools import generated_file  # noqa: E402

FILE = ROOT / "docs" / "console.txt"
PICTURES = ROOT / "tests" / "fixtures" / "pictures.npz"
MODEL = ROOT / "models" / "ultra_tiny"

# word -> what is typed to show it, one after the other on one card; NAME.npy and NAME-2.npy are two artists' drawings
TYPED = {
    "teach": (
        "teach goat.npy grandma's goat",
        "teach keyboard.npy Bob's keyboard --keep",
        "teach goat.npy Ziege",
        "teach goat.npy Ziege --both",
    ),
    "ask": ("forget Ziege", "ask goat-2.npy", "ask lobster.npy"),
    "watch": ("teach camera a red ball", "watch 8", "forget a red ball"),
    "right": ("ask goat-2.npy", "right"),
    "wrong": ("ask lobster.npy", "wrong a toy lobster"),
    "caption": ("caption keyboard.npy",),
    "say": ("say grandma's goat", "say Bobs keyboard"),
    "forget": ("forget a toy lobster",),
    "rename": ("rename \"Bob's keyboard\" Ann's keyboard", "ask keyboard-2.npy"),
    "mem show": ("mem show",),
    "mem verify": ("mem verify",),
    "mem prune": ("mem prune 0.1",),
    "mem history": ("forget grandma's goat", "mem history"),
    "mem undo": ("mem undo",),
    "mem restore": ("mem restore 2",),
    "mem diff": ("mem diff 2 5",),
    "bench": ("bench 16",),
    "help": ("help say",),
    "quit": ("quit",),
}
TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
COST = re.compile(r"^  \[.*\]\n", re.MULTILINE)
NUMBERS = re.compile(r"\d+\.\d+|(?<=\()\d+(?= of)")


def write_pictures(folder: Path) -> None:
    """The drawings that the lines name, as files."""
    named = {part[:-4] for lines in TYPED.values() for line in lines for part in line.split() if part.endswith(".npy")}
    with np.load(PICTURES) as arrays:
        names, q, scale = (arrays[key] for key in ("name", "q", "scale"))
    for name in named:
        thing, _, second = name.partition("-")
        row = int(np.flatnonzero(names == thing)[0]) + bool(second)
        np.save(folder / f"{name}.npy", q[row].astype(np.float32) * scale[row])


def write_frames(folder: Path) -> None:
    """What the camera shows: a ball on a table, nine times, then the table's legs."""
    folder.mkdir()
    for number in range(14):
        frame = Image.linear_gradient("L").resize((320, 240)).convert("RGB")
        draw = ImageDraw.Draw(frame)
        if number < 9:
            left, top = 80 + 5 * number, 40 + 3 * number
            draw.ellipse((left, top, left + 140, top + 140), (200, 30, 40))
            draw.ellipse((left + 35, top + 25, left + 65, top + 50), (250, 200, 200))
        else:
            for left in (60, 220):
                draw.rectangle((left, 60, left + 30, 239), (120, 80, 40))
        frame.save(folder / f"{number:02}.png")


def comparable(text: str, word: str) -> str:
    """Without what differs from time to time and from machine to machine."""
    text = TIME.sub("2026-01-31 12:00:00", COST.sub("", text))
    text = re.sub(r"card \S+$", "card /media/card", text, flags=re.MULTILINE)
    if word in ("bench", "watch"):
        text = re.sub(r"on [\w-]+, kernels: \S+", "on tflite-runtime, kernels: neon", NUMBERS.sub("0.5", text))
    return text


def play() -> str:
    """All lines and what the console says to them, under the words that they show."""
    parts, home = [], Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        card = Path(folder) / "card"
        card.mkdir()
        write_pictures(Path(folder))
        write_frames(Path(folder) / "frames")
        os.chdir(folder)
        try:
            with Device(card, MODEL, camera="frames") as device:
                for word, lines in TYPED.items():
                    said = "".join(f"bitmar> {line}\n" + comparable(answer(device, line), word) for line in lines)
                    parts.append(f"## {word}\n{said}")
        finally:
            os.chdir(home)
    return "\n".join(parts)


def answer(device: Device, line: str) -> str:
    """What the console prints."""
    output = io.StringIO()
    try:
        Console(device, output=output).execute(line)
    except BitmarError as error:
        return error_line(error) + "\n"
    return output.getvalue()


def blocks() -> dict[str, str]:
    """The file's transcripts by word."""
    text = FILE.read_text(encoding="utf-8")
    return dict(part.split("\n", 1) for part in text.removeprefix("## ").split("\n## "))


def main() -> int:
    assert set(TYPED) == {word.name for word in words.WORDS}
    return generated_file.command(FILE, play, "tools/transcripts.py", __doc__.splitlines()[0])


if __name__ == "__main__":
    sys.exit(main())
