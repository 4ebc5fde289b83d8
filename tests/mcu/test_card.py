"""Property: the Pi and the board share a card byte for byte, and a card that cannot be used is never written.

Whatever is wrong with the card, the board works in RAM alone and says so with every answer.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bitmar.device import Device, memory_shape
from bitmar.errors import BitmarError
from bitmar.memory import Memory
from bitmar.memory_abi import WRITES
from bitmar.model_folder import read_model
from bitmar.picture import load_npy, quantise_features
from deploy.board import link as board_link
from deploy.board.console import picture_line
from deploy.firmware import Firmware
from tests.mcu.conftest import Board, seeded_picture
from tests.memstore.reader import read_memory

SLOTS = 16


def picture_file(folder: Path, seed: int) -> Path:
    path = folder / f"{seed}.npy"
    if not path.exists():
        picture = seeded_picture(seed)
        np.save(path, picture.features()[0])
    return path


def board_picture(folder: Path, seed: int) -> str:
    return picture_line(*quantise_features(load_npy(picture_file(folder, seed))))


def contents(card: Path) -> dict[str, str]:
    """Every file of a card with the hash of its bytes."""
    return {
        str(path.relative_to(card)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(card.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }


def test_what_the_pi_taught_the_board_knows_and_back(
    start: Callable[..., Board], card: Path, model: Path, tmp_path: Path
) -> None:
    names = {1: "red fox", 2: "café crème", 3: "a \"quoted\" 'name'"}
    with Device(card, model, slots=SLOTS) as pi:
        for seed, name in names.items():
            pi.teach(picture_file(tmp_path, seed), name)
    board = start(card)
    answers = {}
    for seed, name in names.items():
        answers[seed] = board.ask(f"ask {board_picture(tmp_path, seed)}")
        assert (answers[seed]["name"], answers[seed]["card"], answers[seed]["saved"]) == (name, "ok", True)
    for seed, name in {4: "green kite", 5: "old bell"}.items():
        assert board.ask(f'teach {board_picture(tmp_path, seed)} "{name}"')["saved"]
    board.link.close()  # killed, not left

    with Device(card, model, slots=SLOTS) as pi:
        for seed, name in {**names, 4: "green kite", 5: "old bell"}.items():
            answer = pi.ask(picture_file(tmp_path, seed))
            assert answer.name == name
            if seed in answers:
                assert (answer.text, answer.slot) == (answers[seed]["text"], answers[seed]["slot"])


def test_the_same_lessons_give_the_same_slots(
    start: Callable[..., Board], card: Path, model: Path, tmp_path: Path
) -> None:
    """Merges, replacements and evictions included: memory_slots.bin is equal byte for byte."""
    lessons = [(seed % 6, f"thing {seed % 9}", seed % 5 == 4) for seed in range(24)]
    other = tmp_path / "other"
    other.mkdir()
    board = start(card, 8)
    with Device(other, model, slots=8) as pi:
        for seed, name, replace in lessons:
            told = pi.teach(picture_file(tmp_path, seed), name, replace=replace, both=not replace)
            flag = " --replace" if replace else " --both"
            answer = board.ask(f'teach{flag} {board_picture(tmp_path, seed)} "{name}"')
            assert (answer["slot"], answer["action"]) == (told.slot, told.action)
    board.link.quit()
    slots = "bitmar_memory/memory_slots.bin"
    assert (card / slots).read_bytes() == (other / slots).read_bytes()


def test_every_write_is_a_state_that_comes_back(
    start: Callable[..., Board], card: Path, model: Path, tmp_path: Path
) -> None:
    """Written on the board, taken back on the board; the Pi sees what each write did, goes back itself, and so on; the
    independent reader finds the same writes in the log."""
    board = start(card)
    assert board.ask(f"teach {board_picture(tmp_path, 1)} fox")["saved"]
    assert board.ask("rename fox wolf")["new"] == "wolf"
    assert board.ask(f"teach {board_picture(tmp_path, 2)} kite")["saved"]
    assert board.ask("forget wolf")["count"] == 1
    history = board.ask("mem history")
    assert (history["oldest"], history["newest"]) == (0, 4)
    deeds = [(state["action"], state["name"]) for state in history["states"]]
    assert deeds == [("new", "fox"), ("renamed", "wolf"), ("new", "kite"), ("forgotten", "wolf")]
    assert board.ask("mem diff 1 4")["slots"] == [
        {"slot": 0, "before": "fox", "after": ""},
        {"slot": 1, "before": "", "after": "kite"},
    ]
    assert board.ask("mem restore 1")["occupied"] == 1
    assert [slot["name"] for slot in board.ask("mem show")["slots"]] == ["fox"]
    assert board.ask("mem undo")["state"] == 4
    assert board.ask("mem restore 1960-01-01") == {"error": "not found"}
    assert board.ask("mem restore 3")["occupied"] == 2
    assert board.ask("mem prune 0.01")["count"] == 0
    assert "agree" in board.ask("mem verify")["report"]
    board.link.quit()
    board.link.close()
    with Device(card, model) as pi:
        assert sorted(slot.name for slot in pi.memory.slots()) == ["kite", "wolf"]
        assert [(s.action, s.name) for s in pi.memory.history()][:4] == deeds
        assert pi.memory.undo() and [slot.name for slot in pi.memory.slots()] == ["kite"]
        newest = pi.memory.history_range()[1]
    memory = read_memory(card / "bitmar_memory")
    log = [(WRITES[entry.action], entry.record.name) for _, entry in sorted(memory.history.items())]
    assert log[:4] == deeds and len(log) == newest and log[-1][0] == "undone"
    board = start(card)
    assert board.ask("mem history")["newest"] == newest
    assert [slot["name"] for slot in board.ask("mem show")["slots"]] == ["kite"]
    assert board.ask("mem undo")["occupied"] == 2


def test_a_card_is_open_once(start: Callable[..., Board], card: Path, model: Path) -> None:
    start(card)
    with pytest.raises(BitmarError, match="open"), Device(card, model, slots=SLOTS):
        pass
    with pytest.raises(BitmarError, match="another process"):
        start(card)


def works_in_ram(board: Board, tmp_path: Path, reason: str) -> None:
    assert reason in board.greeting
    line = board_picture(tmp_path, 1)
    for answer in (board.ask(f"teach {line} fox"), board.ask(f"ask {line}"), board.ask(f"caption {line}")):
        assert answer["card"] == reason
    assert board.ask(f"ask {line}")["name"] == "fox"
    assert board.ask(f"ask {line}")["saved"] is False
    assert f"(not saved: {reason})" in board.text("mem show")
    board.link.quit()


def test_no_card(start: Callable[..., Board], tmp_path: Path) -> None:
    works_in_ram(start(), tmp_path, "no card")


def test_foreign_card(start: Callable[..., Board], card: Path, model: Path, tmp_path: Path) -> None:
    from dataclasses import replace

    shape = replace(memory_shape(read_model(model), None, SLOTS), model_hash=b"\x01" * 8)
    Memory(card, shape).close()
    before = contents(card)
    works_in_ram(start(card), tmp_path, "the card was written by another model")
    assert contents(card) == before


@pytest.mark.parametrize("kind", ["garbage", "shortened"])
def test_broken_card(kind: str, start: Callable[..., Board], card: Path, model: Path, tmp_path: Path) -> None:
    Memory(card, memory_shape(read_model(model), None, SLOTS)).close()
    for path in (card / "bitmar_memory").glob("*.bin"):
        size = path.stat().st_size
        path.write_bytes(os.urandom(size) if kind == "garbage" else b"")
    before = contents(card)
    board = start(card)
    if kind == "garbage":
        works_in_ram(board, tmp_path, "the card is broken or not formatted")
        assert contents(card) == before
    else:  # empty files hold no memory: a new one is made, and works
        assert board.ask(f"teach {board_picture(tmp_path, 1)} fox")["saved"]


def test_full_card(start: Callable[..., Board], card: Path, tmp_path: Path) -> None:
    """/dev/full takes no byte: the device of a full disk."""
    folder = card / "bitmar_memory"
    folder.mkdir()
    (folder / "memory_backup.bin").symlink_to("/dev/full")
    works_in_ram(start(card), tmp_path, "the card is full")


@pytest.mark.skipif(os.geteuid() == 0 and not shutil.which("setpriv"), reason="root may write everything")
def test_a_read_only_card_can_be_asked(firmware: Firmware, card: Path, model: Path, tmp_path: Path) -> None:
    with Device(card, model, slots=SLOTS) as pi:
        pi.teach(picture_file(tmp_path, 1), "fox")
    files = [*(card / "bitmar_memory").rglob("*"), card / "bitmar_memory", card]
    for path in files:
        path.chmod(0o555 if path.is_dir() else 0o444)
    elf = Path("/tmp") / f"bitmar-{os.getpid()}.elf"  # where another user may read it
    shutil.copy(firmware.elf, elf)
    for folder in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        folder.chmod(0o755)
    before = contents(card)
    command = board_link.emulator_command(elf, ["--card", str(card)])
    if os.geteuid() == 0:
        command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *command]
    try:
        with contextlib.closing(board_link.BoardLink(board_link.EmulatorLine(command, None))) as link:
            board, line = Board(link), board_picture(tmp_path, 1)
            assert "read-only, nothing is saved" in board.greeting
            answer = board.ask(f"ask {line}")
            assert answer["name"] == "fox" and answer["card"] == "the card is read-only"
            for word in (f"teach {line} wolf", "forget fox", "rename fox wolf", "mem undo", "mem prune 1"):
                assert board.ask(word) == {"error": "the card is read-only"}
            board.link.quit()
    finally:
        elf.unlink()
        for path in files:
            path.chmod(0o755 if path.is_dir() else 0o644)
    assert contents(card) == before
