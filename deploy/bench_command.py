"""`pipeline.py bench`: the speed of a converted model on this machine, on the emulated board or on a real one."""

from __future__ import annotations

import argparse

from deploy.console_command import add_target_arguments
from deploy.targets import HERE, check_no_port, check_target
from pi_app import bench_command


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_target_arguments(parser)
    bench_command.add_arguments(parser)


def run(args: argparse.Namespace) -> int:
    if check_target(args.target, HERE) == HERE:
        check_no_port(HERE, args.port)
        return bench_command.run(args)
    from deploy.board import console

    return console.run_bench(args)
