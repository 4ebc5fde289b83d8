"""One word for one target, in every command: `here` (this machine), `pi`, `qemu` (the emulated board), and the boards' names."""

from __future__ import annotations

from pathlib import Path

from bitmar.errors import BitmarError

HERE, PI, QEMU = "here", "pi", "qemu"
BOARDS = Path(__file__).resolve().parent / "boards"


def board_names() -> list[str]:
    """The emulated board and the real ones: the files in boards/."""
    return sorted((path.stem for path in BOARDS.glob("*.yaml")), key=lambda name: (name != QEMU, name))


def check_target(target: str, own: str) -> str:
    """The target, if it is `own` (what the command does without a board) or a board.

    Raises:
      BitmarError: it is neither; names what would be.
    """
    expected = [own, *board_names()]
    if target not in expected:
        raise BitmarError(f"--target {target}: expected {', '.join(expected)}")
    return target


def check_no_port(target: str, port: str | None) -> None:
    """BitmarError for a --port with a target that has none."""
    if port is not None:
        raise BitmarError(f"--port {port}: --target {target} has no port, expected a board's name")
