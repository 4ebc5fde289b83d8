#!/usr/bin/env python3
"""Frames a second and the time from a frame to its answer of `watch`, on a video of 300 frames of 640 x 480 made here.

    python benchmarks/watch.py [--model DIR]

Writes benchmarks/results/watch.json.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

import av
import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bitmar.device import Device  # noqa: E402
from deploy.models import pick_model  # noqa: E402
from pi_app.replies import watch_costs  # noqa: E402

RESULT = ROOT / "benchmarks" / "results" / "watch.json"
FRAMES, SIZE = 300, (640, 480)


def write_video(path: Path) -> None:
    """A box that moves in front of smooth colours."""
    small = Image.fromarray(np.random.default_rng(0).integers(0, 256, (9, 12, 3)).astype(np.uint8))
    behind = small.resize(SIZE, Image.Resampling.BICUBIC)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=30)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        for number in range(FRAMES):
            frame = behind.copy()
            frame.paste((200, 30, 40), (200 + number % 50, 120, 330 + number % 50, 300))
            container.mux(stream.encode(av.VideoFrame.from_image(frame)))
        container.mux(stream.encode(None))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", help="a converted model: its folder or name")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        write_video(video := Path(folder) / "video.mp4")
        with Device(None, pick_model(args.model), camera=str(video)) as device:
            device.teach("camera", "a red box")
            start = time.perf_counter()
            costs = [seen.seconds for seen in device.watch()]
            fields = watch_costs(costs, time.perf_counter() - start).fields
    RESULT.write_text(json.dumps(fields, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(fields))


if __name__ == "__main__":
    main()
