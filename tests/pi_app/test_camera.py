"""Property: what a camera shows is taught, asked and watched as files are, several frames at a time."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFilter

from tests.pi_app.console_runs import answers, console


@pytest.fixture
def card(tmp_path: Path) -> Path:
    (tmp_path / "card").mkdir()
    return tmp_path / "card"


def frame(shape: str, shift: int, blur: float = 0) -> Image.Image:
    """A red disc or a green box on a table, a little elsewhere in each frame."""
    image = Image.linear_gradient("L").resize((320, 240)).convert("RGB")
    box = (90 + 4 * shift, 50 + 2 * shift, 210 + 4 * shift, 170 + 2 * shift)
    getattr(ImageDraw.Draw(image), shape)(box, (200, 30, 40) if shape == "ellipse" else (30, 160, 60))
    return image.filter(ImageFilter.GaussianBlur(blur))


def shown(folder: Path, *shapes: str) -> Path:
    """A folder of frames, five of each shape, the second of them out of focus."""
    folder.mkdir()
    for i, shape in enumerate(shape for shape in shapes for _ in range(5)):
        frame(shape, i % 5, 9 if i % 5 == 1 else 0).save(folder / f"{i:03}.png")
    return folder


def test_taught_and_asked_by_camera(card: Path, tmp_path: Path) -> None:
    frames = shown(tmp_path / "frames", "ellipse", "rectangle", "ellipse", "rectangle")
    lines = "teach camera red ball\nteach camera green box\nask camera\nask camera\n"
    said = answers(card, lines, "--camera", frames)
    assert [answer["name"] for answer in said] == ["red ball", "green box", "red ball", "green box"]
    assert said[2]["verdict"] == said[3]["verdict"] == "known"


def test_watched(card: Path, tmp_path: Path) -> None:
    """Changes are told with the frame they begin at, blurred frames left out; then what it cost."""
    frames = shown(tmp_path / "frames", "ellipse", "rectangle", "ellipse", "rectangle", "ellipse")
    said = answers(card, "teach camera red ball\nteach camera green box\nwatch\n", "--camera", frames)[2:]
    assert [(answer["frame"], answer["name"]) for answer in said[:-1]] == [
        (1, "red ball"),
        (5, "green box"),
        (9, "red ball"),
    ]
    assert said[-1]["frames"] == 12 and said[-1]["frames_per_s"] > 0 and said[-1]["latency_ms"] > 0
    text = console(card, "watch 3\n", "--camera", frames).stdout.splitlines()
    assert text[0].split()[:3] == ["1", "red", "ball"] and text[1].startswith("3 frames, ")


def test_what_is_no_camera(card: Path, tmp_path: Path) -> None:
    frames = shown(tmp_path / "frames", "ellipse")
    for lines, options, message in (
        ("ask camera\n", (), "there is no camera, name one with --camera SOURCE"),
        ("watch\n", (), "there is no camera"),
        ("teach camera x\nask camera\n", ("--camera", frames), "no more frames"),
        ("watch 0\n", ("--camera", frames), "expected a number of frames"),
        ("mem show\n", ("--camera", tmp_path / "none"), "no such source"),
    ):
        result = console(card, lines, *options, check=False)
        assert result.returncode == 2 and message in result.stderr and result.stderr.count("\n") == 1
