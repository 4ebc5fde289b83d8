#!/usr/bin/env python3
"""The whole way on real pictures: data, training, evaluation, conversion; then a device that is taught, killed and asked.

Everything runs through pipeline.py as a user would type it; each command is printed before it runs. Leaves runs/demo/ with
metrics.json, the model, the card and demo.json (what was answered, beside the truth).

With another configuration than ultra_tiny (`make demo CONFIG=tiny_edge`) a training worth its name takes hours: a short one shows
that the way is whole, and the devices run the shipped model of that name.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

RUN = Path("runs/demo")
CARD = RUN / "card"
DEFAULT = "ultra_tiny"
SHORT_TRAINING = "6"  # minutes, for a configuration whose model is shipped
SLOTS = 16
THINGS_FOR_PI, THINGS_FOR_BOARD, THINGS_SEEN_BY_BOARD = 8, 2, 4
SEED = 2026


@dataclass(frozen=True)
class Thing:
    """A held-out concept: its name, the drawing it is taught with and another artist's drawing to ask with."""

    name: str
    taught: str
    asked: str


class Console:
    """A console process, driven line by line; answers are JSON objects."""

    def __init__(self, target: str, model: Path) -> None:
        command = ["console", "--target", target, "--card", str(CARD), "--model", str(model), "--json"]
        if target == "here":
            command += ["--slots", str(SLOTS)]
        show(command)
        self.process = subprocess.Popen(
            [sys.executable, "pipeline.py", *command],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def say(self, line: str) -> dict[str, Any]:
        """Send one line and wait for its answer."""
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise SystemExit(f"error: the console ended (exit code {self.process.wait()}) at: {line}")
        return json.loads(answer)

    def kill(self) -> None:
        """Cut the power: SIGKILL, no goodbye, in the middle of whatever it does."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        print(f"  -- power cut: SIGKILL, process {self.process.pid} is gone --", flush=True)

    def quit(self) -> None:
        self.process.stdin.close()
        self.process.wait(timeout=60)


def show(command: list[str]) -> None:
    print("\n$ ./pipeline.py " + " ".join(command), flush=True)


def pipeline(*command: str) -> None:
    """Run one command of pipeline.py; its failure ends the demo."""
    show(list(command))
    start = time.monotonic()
    code = subprocess.run([sys.executable, "pipeline.py", *command], cwd=ROOT).returncode
    if code:
        raise SystemExit(f"error: pipeline.py {command[0]} ended with exit code {code}")
    print(f"  [{command[0]}: {time.monotonic() - start:.0f} s]", flush=True)


def pick_things(count: int, split: str, config: str) -> list[Thing]:
    """Seeded choice of held-out concepts, each with two artists' drawings; nothing is picked by hand."""
    from model.config import load_config
    from model.data.pictograms import load_dataset
    from model.find_config import config_file

    dataset = load_dataset(load_config(config_file(config)), ROOT / "data", split=split)
    pairs: dict[str, list[tuple[int, int]]] = {}
    for taught, asked in dataset.held_out_pairs():
        pairs.setdefault(dataset.name_of(taught), []).append((taught, asked))
    chooser = random.Random(SEED)
    things = []
    for name in chooser.sample(sorted(pairs), count):
        taught, asked = chooser.choice(pairs[name])
        things.append(Thing(name, dataset.reference(taught), dataset.reference(asked)))
    return things


def on_the_card(things: list[Thing]) -> list[Thing]:
    """Copies the drawings onto the card, as BMP on white: files that a board reads, crops and looks at by itself."""
    from PIL import Image

    from bitmar.image_file import opaque

    def copied(drawing: str, name: str) -> str:
        with Image.open(ROOT / "data" / "pictures" / f"{drawing}.png") as image:
            opaque(image).save(CARD / name)
        return f"card:{name}"

    return [
        Thing(thing.name, copied(thing.taught, f"{i}.bmp"), copied(thing.asked, f"{i}-2.bmp"))
        for i, thing in enumerate(things)
    ]


def teach(console: Console, things: list[Thing]) -> None:
    for thing in things:
        answer = console.say(f'teach {thing.taught} "{thing.name}"')
        # an emulated board counts instructions and sectors, not time
        cost = f"{answer['card_ms']:.2f} ms" if "card_ms" in answer else f"{answer['sectors_written']} sectors"
        print(f"  teach {thing.taught:<30} {thing.name!r}: slot {answer['slot']}, card {cost}", flush=True)


def ask(console: Console, device: str, things: list[Thing]) -> list[dict[str, Any]]:
    """Ask with the other drawings; prints what was answered beside the truth."""
    answers = []
    for thing in things:
        answer = console.say(f"ask {thing.asked}")
        right = answer["text"] == thing.name
        answer["text"] = answer["text"] or "unknown"
        answers.append(
            {
                "device": device,
                "taught": thing.taught,
                "asked": thing.asked,
                "truth": thing.name,
                "right": right,
                **answer,
            }
        )
        verdict = "right" if right else f"WRONG, truth {thing.name!r}"
        speed = f", {answer['tokens_per_s']:.0f} tokens/s" if answer.get("tokens_per_s") else ""
        speed += f", seen in {answer['seeing'] / 1e6:.0f} M instructions" if answer.get("seeing") else ""
        print(f"  ask {thing.asked:<30} -> {answer['text']!r:<34} {verdict}{speed}", flush=True)
    return answers


def device_story(split: str, config: str, model: Path, board: bool) -> list[dict[str, Any]]:
    """Teach the Pi app, kill it, ask it; the same card in the microcontroller, which then sees for itself; back to the Pi."""
    things = pick_things(THINGS_FOR_PI + THINGS_FOR_BOARD + THINGS_SEEN_BY_BOARD, split, config)
    first, second, third = (
        things[:THINGS_FOR_PI],
        things[THINGS_FOR_PI:-THINGS_SEEN_BY_BOARD],
        things[-THINGS_SEEN_BY_BOARD:],
    )
    shutil.rmtree(CARD, ignore_errors=True)
    CARD.mkdir(parents=True)
    console = Console("here", model)
    teach(console, first)
    console.kill()
    console = Console("here", model)
    answers = ask(console, "the Pi app", first)
    console.quit()
    if not board:
        return answers
    console = Console("qemu", model)
    answers += ask(console, "the Cortex-M7 (emulated)", first)
    teach(console, second)
    console.kill()
    seen = on_the_card(third)
    console = Console("qemu", model)
    teach(console, seen)
    console.kill()
    console = Console("qemu", model)
    answers += ask(console, "the Cortex-M7 (emulated), pictures from its own card", seen)
    console.quit()
    console = Console("here", model)
    answers += ask(console, "the Pi app, taught on the Cortex-M7", second + third)
    console.quit()
    return answers


def summary(answers: list[dict[str, Any]], model: Path) -> None:
    """What a sceptic wants to see at the end: answers right, accuracy over 2,000 questions, sizes."""
    own = model == RUN / "model"
    metrics = json.loads((RUN if own else model).joinpath("metrics.json").read_text())
    short = " (cut short by --minutes)" if metrics["cut_short"] else ""
    print("\nSummary" + ("" if own else f" of {model}, the shipped model"))
    print(f"  trained for {metrics['steps']:,} steps{short}, {metrics['seconds'] / 60:.1f} minutes")
    for device in dict.fromkeys(answer["device"] for answer in answers):
        here = [answer for answer in answers if answer["device"] == device]
        print(f"  {device}: {sum(a['right'] for a in here)} of {len(here)} names right")
    for ways in ("8", "16"):
        for group, words in (
            ("known_other_names", "known things under other names"),
            ("held_out_family", "things never trained on"),
        ):
            row = metrics["ways"][ways][group]
            print(f"  {ways}-way, {words}: slot {row['slot']:.3f}, name exact {row['exact']:.3f} (n = {row['n']})")
    files = sorted(model.glob("*.tflite"))
    print("  files: " + ", ".join(f"{file.name} {file.stat().st_size:,} B" for file in files))
    card = sorted((CARD / "bitmar_memory").glob("*"))
    print("  card: " + ", ".join(f"{file.name} {file.stat().st_size:,} B" for file in card if file.is_file()))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", default=DEFAULT, metavar="NAME", help="ultra_tiny, tiny_edge or original")
    parser.add_argument("--steps", help="training steps (default: the configuration's)")
    parser.add_argument("--minutes", help="cut the training short after this long (default: no limit)")
    parser.add_argument("--split", default="final", help="salt of the held-out concepts")
    parser.add_argument("--no-board", action="store_true", help="leave the emulated Cortex-M7 out")
    parser.add_argument("--no-train", action="store_true", help="use runs/demo as it is: only the device's part")
    args = parser.parse_args()
    start = time.monotonic()
    shipped = Path("models") / args.config
    model = shipped if args.config != DEFAULT and (ROOT / shipped).exists() else RUN / "model"
    if model == shipped and not args.steps:
        args.minutes = args.minutes or SHORT_TRAINING
    if not args.no_train:
        shutil.rmtree(ROOT / RUN, ignore_errors=True)
        pipeline("data", "--config", args.config)
        limits = [f"--{name}={value}" for name in ("steps", "minutes") if (value := getattr(args, name))]
        pipeline("train", "--config", args.config, "--run", str(RUN), "--split", args.split, *limits)
        pipeline("convert", "--run", str(RUN))
        if model != shipped:
            pipeline("eval", "--run", str(RUN))
    if not args.no_board:
        pipeline("deploy", "--target", "qemu", "--model", str(model))
    answers = device_story(args.split, args.config, model, board=not args.no_board)
    (RUN / "demo.json").write_text(json.dumps(answers, indent=1, ensure_ascii=False) + "\n")
    summary(answers, model)
    print(f"  in all: {(time.monotonic() - start) / 60:.1f} minutes")
    right = sum(answer["right"] for answer in answers)
    if 2 * right < len(answers):
        print(f"error: only {right} of {len(answers)} names right, expected most of them", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
