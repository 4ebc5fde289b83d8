"""`pipeline.py train`: train a model from configs/*.yaml into runs/NAME."""

from __future__ import annotations

import argparse
import math
import os
import time
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from bitmar.errors import BitmarError
from model.find_config import config_file

if TYPE_CHECKING:
    from model.config import BitMarConfig

RESERVE = 8.0  # seconds of `--minutes` kept for the weights and the plots


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config",
        type=config_file,
        default="ultra_tiny",
        metavar="C",
        help="sizes and training keys: configs/*.yaml, or the name of one (default: ultra_tiny)",
    )
    parser.add_argument("--run", type=Path, help="the run's folder (default: runs/NAME of the configuration)")
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder written by `pipeline.py data`")
    parser.add_argument("--steps", type=int, help="train this many steps (default: the configuration's)")
    parser.add_argument(
        "--minutes",
        type=float,
        help="end after this long, set-up included, with the schedule shortened to fit (default: no limit)",
    )
    parser.add_argument("--max_samples", type=int, metavar="N", help="train on N drawings only")
    parser.add_argument(
        "--split", default="final", choices=("development", "final"), help="which concepts are held out"
    )
    parser.add_argument("--resume", action="store_true", help="go on with an interrupted run")
    parser.add_argument("--overwrite", action="store_true", help="replace a run that is there")
    parser.add_argument(
        "--strategy",
        default="none",
        choices=("none", "mirrored", "multiworker"),
        help="divide each step among this machine's GPUs (mirrored) or the processes of TF_CONFIG (multiworker)",
    )
    parser.add_argument("--dry-run", action="store_true", help="print the parameter table and stop")


def run(args: argparse.Namespace) -> int:
    began = time.monotonic()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if missing := [name for name in ("tensorflow", "keras", "pydantic", "yaml") if find_spec(name) is None]:
        raise BitmarError(
            f"{missing[0]} is not installed, expected: pip install '.[train]', or '.[train-gpu]' where there is a GPU"
        )
    from model.config import load_config, with_training

    config = load_config(args.config)
    for name in ("steps", "minutes"):
        if (value := getattr(args, name)) is not None:
            config = with_training(config, f"--{name}", **{name: value})
    if args.max_samples is not None and args.max_samples < 1:
        raise BitmarError(f"--max_samples is {args.max_samples}, expected at least 1")
    if args.dry_run:
        from model.bitmar import BitMar
        from model.parameter_table import parameter_table

        print(parameter_table(BitMar(config)))
        return 0
    return train(config, args, began)


def train(config: BitMarConfig, args: argparse.Namespace, began: float) -> int:
    """Load the data, train, save, plot. Exit code 0, or 130 after Ctrl-C (the run can be resumed)."""
    from model.data.files import check_folder, key_of
    from model.training.strategy import choose

    path = args.run or Path("runs") / (config.name.removeprefix("bitmar_") or config.name)
    replicas = choose(args.strategy)
    if replicas.chief:
        check_folder(path)
    from model.data import running_text
    from model.data.fingerprint import fingerprint
    from model.data.pictograms import load_dataset, load_tokenizer
    from model.evaluation import refusal
    from model.run_metrics import project_commit, write_training
    from model.training.calibration import calibrate
    from model.training.loop import Interrupt, Training
    from model.training.plots import draw_plots
    from model.training.run_folder import RunFolder
    from model.training.texts import training_set

    folder, commit = RunFolder(path), project_commit()
    if replicas.chief and not args.resume:
        folder.check_new(args.overwrite)
    dataset = load_dataset(config, args.data, args.split)
    tokenizer = load_tokenizer(config, dataset, args.data)
    documents = running_text.read(args.data) if config.training.text_rows else []
    if config.training.text_rows and not documents:
        print(
            f"{args.data}: no {running_text.FILE}, trained without running text (`pipeline.py data --config` makes it)"
        )
    data = fingerprint(dataset, args.max_samples, documents)
    if replicas.chief and args.resume:
        folder.check_resumable(config, data)
    replicas.check_same(key_of(config.as_dict(), data))
    minutes = config.training.minutes
    training = Training(
        config,
        training_set(dataset, tokenizer, config, args.max_samples, documents),
        folder,
        math.inf if minutes is None else minutes * 60 - RESERVE,
        replicas,
    )
    if replicas.chief:
        if args.resume:
            training.restore()
        else:
            folder.start(config, tokenizer, data)
    sizes = ", ".join(f"{count:,} {what}" for what, count in training.batches.shapes().items())
    divided = f"; divided among {replicas.replicas} replicas" if args.strategy != "none" else ""
    print(f"{path}: {training.plain.count_params():,} parameters; a step: {sizes}{divided}", flush=True)
    with Interrupt().installed() as interrupt:
        done = training.run(interrupt, began=began)
    schedule = training.schedule
    if not done:
        print(f"\ninterrupted after step {schedule.step}; go on with --resume", flush=True)
        return 130
    if not replicas.chief:
        replicas.agree(False, 0.0)  # wait until the chief has written the run: all leave together
        return 0
    model = training.finished()
    folder.save_weights(model)
    if len(dataset.sets) > 1:  # strangers need things drawn by several artists
        refusal.save(path, calibrate(model.keys, dataset, config))
    write_training(path, model, commit, schedule.step, schedule.steps, schedule.spent)
    draw_plots(model, folder)
    if schedule.cut_short:
        print(
            f"{path}: cut short by minutes {minutes:g} after step {schedule.step} of {schedule.steps}, "
            "with the schedule shortened to fit"
        )
    spent = (time.monotonic() - began) / 60
    print(f"{path}: {schedule.step} steps in {spent:.1f} minutes; plots in {folder.plots}")
    replicas.agree(False, 0.0)
    return 0
