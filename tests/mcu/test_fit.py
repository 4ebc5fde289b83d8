"""Property: the fit report is what the linked firmware takes, and what the boards and the project allow is kept.

ultra_tiny with its eye: RAM <= 160 KB, code <= 110 KB. tiny_edge with fresh weights, whose norms
share one gain: weights <= 3.0e6 bytes, RAM <= 256 KB; the numbers of the shipped one are the same bits.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from bitmar.engine import Engine
from bitmar.errors import BitmarError
from bitmar.find_model import find_model
from bitmar.model_folder import read_model
from deploy import fit
from deploy.board.console import picture_line
from deploy.board.link import open_emulator
from deploy.firmware import Firmware, build, code_bytes, explain, ram_bytes, sections
from tests.mcu.conftest import ROOT, Board, seeded_picture
from tests.mcu.digest import digest

KEYS = {"engine", "flash_weights", "flash_code", "ram_total", "ram", "fits"}


def deploy(*arguments: str) -> tuple[int, dict]:
    """pipeline.py deploy ... --dry-run --json: exit code and report."""
    command = [sys.executable, "pipeline.py", "deploy", "--dry-run", "--json", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stderr
    return done.returncode, json.loads(done.stdout)


def test_ultra_tiny_fits_where_it_must(model: Path) -> None:
    code, report = deploy("--target", "qemu", "--model", str(model))
    assert code == 0 and report["fits"] and set(report) >= KEYS
    assert report["engine"] == "aot"
    assert report["ram_total"] <= 160 * 1024
    assert report["flash_code"] <= 110 * 1024
    assert report["flash_weights"] + report["flash_tokenizer"] + report["flash_code"] <= 3_400_000  # it sees
    assert report["stack_used"] < report["ram"]["stack"]
    assert sum(report["ram"].values()) == report["ram_total"]
    assert min(report["ram"].values()) >= 0
    assert report["ram"]["arena"] <= 1.05 * report["arena_lower_bound"]
    firmware = build(model)
    assert report["ram_total"] == ram_bytes(firmware.elf) and report["flash_code"] == code_bytes(firmware.elf)
    found = sections(firmware.elf)
    assert 0 <= found[".model"] - report["flash_weights"] - report["flash_tokenizer"] < 512  # all of it, and padding
    assert {engine["engine"] for engine in report["engines"].values()} == {"aot", "tflm"}


def check_tiny_edge(pictures: int) -> None:
    edge = find_model("tiny_edge")
    engine = Engine(read_model(edge))
    with contextlib.closing(open_emulator(build(edge).elf)) as link:
        board = Board(link)
        for seed in range(pictures):
            picture = seeded_picture(seed)
            expected = digest(engine, engine.model.config["vocab_size"], picture)
            assert board.ask(f"digest {picture_line(picture.q, picture.scale)}")["digest"] == expected


def test_tiny_edge_fits() -> None:
    code, report = deploy("--target", "qemu", "--config", "tiny_edge")
    assert code == 0 and report["fits"]
    assert report["flash_weights"] - report["flash_eye"] <= 3.0e6
    assert report["ram_total"] <= 256 * 1024


def test_tiny_edge_has_the_same_bits() -> None:
    check_tiny_edge(pictures=2)


@pytest.mark.full
@pytest.mark.timeout(3600)
def test_tiny_edge_has_the_same_bits_on_20_pictures() -> None:
    check_tiny_edge(pictures=20)


def test_a_board_that_is_too_small_is_refused(model: Path) -> None:
    small = fit.Board("small", "small", None, "", 1 << 20, 1 << 20, 64 << 10, 0, "none")
    report = {"flash_weights": 480_000, "flash_tokenizer": 10_000, "flash_code": 80_000, "ram_total": 140_000}
    assert not fit.fits(report, small)
    assert fit.fits(report | {"ram_total": 60_000}, small)
    assert not fit.fits(report | {"ram_total": 60_000, "flash_weights": 2_000_000}, small)
    shared = fit.Board("shared", "shared", None, "", 500_000, 500_000, 1 << 20, 0, "none", flash_shared=True)
    assert not fit.fits(report, shared)  # code and model together


def test_a_teensys_code_takes_banks_of_its_ram(firmware: Firmware) -> None:
    """RAM1 holds variables, constants and, in banks of 32 KB, the code; RAM2 does not help."""
    measured = {"stack_size": 8192, "stack_used": 2000, "hot_bytes": 1088, "memory_bytes": 7120, "card_bytes": 147456}
    emulator = fit.aot_report(firmware, measured, fit.load_board("qemu"))
    teensy = fit.load_board("teensy41")
    aot = fit.aot_report(firmware, measured, teensy)
    tflm = fit.tflm_report(aot, firmware, 130_048, teensy)
    found = sections(firmware.elf)
    code = found[".vectors"] + found[".text"] + found[".ARM.exidx"] + teensy.library_code
    assert teensy.ram == 512 * 1024 and aot["fits"] and tflm["fits"]
    assert aot["ram"]["code"] % 32768 == 0 and code <= aot["ram"]["code"] < code + 32768
    assert tflm["ram"]["code"] - code - fit.TFLM_CODE in range(32768)
    more = aot["ram"]["code"] + found[".rodata"] + found.get(".init_array", 0) + found.get(".fini_array", 0)
    assert aot["ram_total"] == emulator["ram_total"] + more + teensy.library_ram == sum(aot["ram"].values())
    assert aot["flash_code"] == emulator["flash_code"] + teensy.library_flash
    assert tflm["ram_total"] == sum(tflm["ram"].values())


@pytest.mark.parametrize(
    ("answer", "problem"), [('{"error": "no"}', "ask: no"), ("restarted after a fault\n", "expected JSON")]
)
def test_a_probe_that_fails_is_no_measurement(answer: str, problem: str) -> None:
    with pytest.raises(BitmarError, match=problem):
        fit.checked("ask", answer)


@pytest.mark.parametrize("key", fit.board_names())
def test_boards_are_complete(key: str) -> None:
    board = fit.load_board(key)
    assert board.ram >= 256 * 1024 and board.flash_code >= 1 << 20 and board.card
    assert "M7" in board.processor


def test_boards_that_do_not_exist_are_named() -> None:
    with pytest.raises(BitmarError, match="teensy41"):
        fit.load_board("teensy99")


def test_what_pio_says_becomes_one_line() -> None:
    assert "registry" in explain("teensy41", "HTTPClientError: None\n")
    assert explain("x", "a.c:1:2: error: no such thing\nmore") == "firmware x: a.c:1:2: error: no such thing"
    assert explain("x", "error: model: bad\n") == "firmware x: model: bad"
