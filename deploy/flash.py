"""`pipeline.py deploy --target qemu | teensy41 | ...`: fit report, firmware, flashing."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from bitmar.errors import BitmarError
from deploy import fit, registry
from deploy.firmware import build, check_tools
from deploy.models import pick_model
from model.find_config import config_file

MEASURED_ON = "qemu_cortex_m7"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    board = parser.add_argument_group("--target qemu or a board")
    board.add_argument(
        "--config", type=config_file, help="measure configs/*.yaml (or by name) with fresh weights instead of a model"
    )
    board.add_argument("--dry-run", action="store_true", help="the fit report alone: nothing is flashed")


def run(args: argparse.Namespace) -> int:
    """Prints the fit report; 1 if it does not fit. Without --dry-run builds for the board and flashes it."""
    board = fit.load_board(args.target)
    if not args.dry_run and board.environment is None:
        raise BitmarError(f"{board.name}: there is no firmware for it yet, expected --dry-run for its sizes")
    if not args.dry_run:
        check_registry(board.environment)
    report = measure(pick_model(args.model, args.config), board)
    if args.json:
        print(json.dumps(report))
    else:
        for engine in report["engines"].values():
            print("\n".join(fit.lines(engine, board)))
    if not report["fits"]:
        return 1
    if not args.dry_run:
        deploy(args, board, report)
    return 0


def check_registry(environment: str) -> None:
    """Asks for what the environment still needs before anything is built.

    Raises:
      BitmarError: the registry cannot be reached.
    """
    check_tools(environment)
    if needed := registry.missing(environment):
        print(f"{' and '.join(needed)}: asking PlatformIO's registry ...", file=sys.stderr, flush=True)
    if problem := registry.problem(needed):
        raise BitmarError(problem)


def measure(model: Path, board: fit.Board) -> dict[str, Any]:
    """The report of both engines: that of `aot`, the default, at the top, and each under "engines".

    Sizes come from the firmware linked for the emulated Cortex-M7: a board's own libraries are not in them.
    """
    from deploy.tflm_arena import arena_bytes

    firmware = build(model, MEASURED_ON)
    measured = fit.run_on_emulator(firmware)
    aot = fit.aot_report(firmware, measured, board)
    tflm = fit.tflm_report(aot, firmware, arena_bytes(model), board)
    return aot | {
        "board": board.key,
        "model": firmware.plan["model"],
        "digest": firmware.plan["digest"],
        "engines": {"aot": aot, "tflm": tflm},
    }


def deploy(args: argparse.Namespace, board: fit.Board, report: dict[str, Any]) -> None:
    """Builds for the board and flashes it; the emulator's firmware is only built."""
    model = pick_model(args.model, args.config)
    if board.environment == MEASURED_ON:
        if not args.json:
            print(f"firmware: {build(model).elf}\nrun it: pipeline.py console --target qemu --model {model} --card DIR")
        return
    print(f"{board.name}: building and flashing with PlatformIO ...", file=sys.stderr, flush=True)
    build(model, board.environment, upload=True)
    if not args.json:
        print(
            f"{board.name}: flashed with {report['model']}; "
            f"talk to it with pipeline.py console --target {board.key} --port P"
        )
