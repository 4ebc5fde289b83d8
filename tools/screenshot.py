#!/usr/bin/env python3
"""Draw docs/demo.png from runs/demo/demo.json: what was taught, what was asked, what the device answered.

python tools/screenshot.py [--run runs/demo] [--out docs/demo.png]
Needs matplotlib (for its monospaced font), the pictures that `pipeline.py data` rendered and those on the run's card.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

ROOT = Path(__file__).resolve().parents[1]
ROW, THUMB, MARGIN, WIDTH = 64, 52, 20, 1060
BACKGROUND, TEXT, DIM, GOOD, UNKNOWN, BAD = "#10141a", "#e6e6e6", "#8b95a3", "#7fd88f", "#e8c268", "#ff7b72"
COLUMNS = {"taught": 20, "asked": 130, "answer": 250, "truth": 640}


def font(size: int) -> ImageFont.FreeTypeFont:
    import matplotlib

    return ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSansMono.ttf"), size)


def thumbnail(reference: str, card: Path) -> Image.Image:
    """The drawing called e.g. "noto/1f353", or the card's file "card:0.bmp", on white."""
    on_card = reference.startswith("card:")
    file = card / reference[5:] if on_card else ROOT / "data" / "pictures" / f"{reference}.png"
    picture = Image.open(file).convert("RGBA")
    square = Image.new("RGBA", picture.size, "white")
    square.alpha_composite(picture)
    return square.convert("RGB").resize((THUMB, THUMB), Image.Resampling.LANCZOS)


def draw(answers: list[dict[str, Any]], card: Path) -> Image.Image:
    devices = list(dict.fromkeys(answer["device"] for answer in answers))
    height = 2 * MARGIN + 40 + ROW * len(answers) + 44 * len(devices)
    image = Image.new("RGB", (WIDTH, height), BACKGROUND)
    pen, body, small = ImageDraw.Draw(image), font(17), font(14)
    y = MARGIN
    for name, title in zip(COLUMNS, ("taught with", "asked with", "the device answered", "truth"), strict=True):
        pen.text((COLUMNS[name], y), title, font=small, fill=DIM)
    y += 32
    for device in devices:
        pen.text((MARGIN, y + 8), f"after a power cut, on {device}", font=body, fill=DIM)
        y += 44
        for answer in (a for a in answers if a["device"] == device):
            image.paste(thumbnail(answer["taught"], card), (COLUMNS["taught"], y))
            image.paste(thumbnail(answer["asked"], card), (COLUMNS["asked"], y))
            colour = GOOD if answer["right"] else UNKNOWN if answer["text"] == "unknown" else BAD
            pen.text((COLUMNS["answer"], y + 6), answer["text"], font=body, fill=colour)
            pen.text((COLUMNS["answer"], y + 30), facts(answer), font=small, fill=DIM)
            pen.text((COLUMNS["truth"], y + 6), answer["truth"], font=body, fill=TEXT)
            y += ROW
    return image


def facts(answer: dict[str, Any]) -> str:
    nearest = "nearest is " if answer["text"] == "unknown" else ""
    parts = [f"{nearest}slot {answer['slot']}", f"score {answer['score']:.2f}"]
    if answer.get("seeing"):
        parts.append(f"seen in {answer['seeing'] / 1e6:.0f} M instructions")
    if answer.get("tokens_per_s"):
        parts.append(f"{answer['tokens_per_s']:.0f} tokens/s")
    return ", ".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, default=ROOT / "runs/demo")
    parser.add_argument("--out", type=Path, default=ROOT / "docs/demo.png")
    args = parser.parse_args()
    answers = json.loads((args.run / "demo.json").read_text())
    draw(answers, args.run / "card").save(args.out, optimize=True)
    print(f"wrote {args.out}")


if __name__ == "__main__":
    main()
