#!/usr/bin/env python3
"""BitMar Edge: train, convert and deploy a ternary model with episodic memory.

    pipeline.py data | eye | train | eval | convert | deploy | console | serve | bench | report | doctor

Every command lives in the package that does its work; this file only names them. docs/cli.md lists all words and options.
"""

from __future__ import annotations

import importlib
import sys
from typing import NamedTuple

from pi_app.command_line import Parser, guarded


class Command(NamedTuple):
    """A sub-command: where it lives and what it does. Its module offers `add_arguments(parser)` and `run(args) -> int`."""

    module: str
    help: str


COMMANDS = {
    "data": Command("model.data.data_command", "download the pictures and names, compute the 768-d features"),
    "eye": Command("model.training.eye_command", "train the vision network's last stage on the drawings"),
    "train": Command("model.training.train_command", "train a model from configs/*.yaml"),
    "eval": Command("deploy.eval_command", "ask a trained model: any name, known and unknown things, beside baselines"),
    "convert": Command(
        "convert.convert_command",
        "convert a run, or a Keras model of your own, into flatbuffers with BITMAR_* ops",
    ),
    "deploy": Command("deploy.deploy_command", "put a converted model on a Raspberry Pi, a board or the emulator"),
    "console": Command(
        "deploy.console_command", "teach, ask and look into the memory: on this machine, a board or the emulator"
    ),
    "serve": Command("pi_app.serve_command", "the page for everyone in the house, and its HTTP API"),
    "bench": Command("deploy.bench_command", "tokens/s, recall and card times of a converted model"),
    "report": Command("deploy.report_command", "published estimates beside what is measured, for each configuration"),
    "doctor": Command("deploy.doctor", "check this machine: Python, compilers, emulators, runtimes"),
}


def main(argv: list[str] | None = None) -> int:
    parser = Parser(prog="pipeline.py", description=__doc__.splitlines()[0])
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    arguments = sys.argv[1:] if argv is None else argv
    for name, command in COMMANDS.items():
        subparser = subparsers.add_parser(name, help=command.help, description=command.help)
        if name in arguments[:1]:  # only the command that runs is imported: `--help` stays fast
            importlib.import_module(command.module).add_arguments(subparser)
    return guarded(lambda: execute(parser, arguments))


def execute(parser: Parser, arguments: list[str]) -> int:
    args = parser.parse_args(arguments)
    return importlib.import_module(COMMANDS[args.command].module).run(args)


def program(arguments: list[str]) -> int:
    """`main` in a process of its own: without what TensorFlow says on its way."""
    if arguments[:1] and arguments[0] in ("data", "eye", "train", "eval", "convert"):
        from model.library_noise import left_out

        with left_out():
            return main(arguments)
    return main(arguments)


if __name__ == "__main__":
    sys.exit(program(sys.argv[1:]))
