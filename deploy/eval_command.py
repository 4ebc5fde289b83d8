"""`pipeline.py eval`: seeded questions to a trained run, or to its flatbuffers in the Pi's runtime."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from bitmar.errors import BitmarError
from model.default_run import DEFAULT_RUN

MAX_QUESTIONS = 100_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--run", type=Path, default=DEFAULT_RUN, help=f"a trained run (default: {DEFAULT_RUN})")
    parser.add_argument(
        "--model",
        type=Path,
        help="the run's converted model: its flatbuffers are asked, in the runtime of a Raspberry Pi",
    )
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder written by `pipeline.py data`")
    parser.add_argument("--questions", type=int, default=2000, help="questions of each kind (default: 2000)")
    parser.add_argument(
        "--photos",
        action="store_true",
        help="ask for photographed things in front of backgrounds too (downloads 161 MB at first use)",
    )
    parser.add_argument("--report", type=Path, metavar="DIR", help="draw a report into this folder")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--out", type=Path, help="write the JSON to this file, beside metrics.json of the run")


def run(args: argparse.Namespace) -> int:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from model.data import photos, running_text
    from model.data.files import check_file, check_folder, check_readable, read_json, write_json
    from model.data.fingerprint import fingerprint
    from model.data.pictograms import load_dataset
    from model.data.tokenizers import TextTokenizer
    from model.evaluation import refusal, text
    from model.evaluation.machine import KerasMachine
    from model.evaluation.metrics import Evaluation
    from model.evaluation.pictures import draw_report
    from model.evaluation.report import table
    from model.run_metrics import add_evaluation
    from model.saved_run import DATA, METRICS, TOKENIZER, WEIGHTS, load_run, run_config

    if not 1 <= args.questions <= MAX_QUESTIONS:
        raise BitmarError(f"--questions is {args.questions}, expected 1 to {MAX_QUESTIONS}")
    if args.out:
        check_file(args.out)
    if args.report:
        check_folder(args.report)
    check_readable(args.run, "pipeline.py train")
    trained_on = read_json(args.run / DATA, "pipeline.py train")
    if not isinstance(trained_on, dict) or not isinstance(trained_on.get("split"), str):
        raise BitmarError(f"{args.run / DATA}: expected the split and counts that `pipeline.py train` writes")
    config = run_config(args.run)
    if args.photos and config.vision != "lite0_128":
        raise BitmarError(f"--photos: {args.run} sees by `vision: {config.vision}`, expected `vision: lite0_128`")
    dataset = load_dataset(config, args.data, trained_on["split"])
    documents = running_text.read(args.data)
    read = documents if "running_text" in trained_on else []
    if fingerprint(dataset, trained_on.get("max_samples"), read) != trained_on:
        raise BitmarError(f"{args.data}: not the data that {args.run} was trained on, expected the same (see {DATA})")
    stretches = text.stretches(documents, max(1, min(text.STRETCHES, args.questions // text.QUESTIONS)))
    if not stretches:
        print(
            f"{args.data}: no held-out running text, bits per byte are not measured "
            "(`pipeline.py data --config configs/bitmar_tiny_edge.yaml` makes it)",
            file=sys.stderr,
        )
    seen = photos.load(args.data) if args.photos else None
    model, tokenizer = load_run(args.run), TextTokenizer.read(args.run / TOKENIZER)
    if args.model:
        from deploy.flatbuffer_machine import FlatbufferMachine

        machine = FlatbufferMachine(args.model)
    else:
        machine = KerasMachine(model, tokenizer)
    criterion = refusal.load(args.run) if (args.run / refusal.FILE).exists() else None
    evaluation = Evaluation(machine, dataset, criterion, args.questions, photos=seen)
    report = evaluation.run()
    if stretches:
        report["text"] = text.text_row(text.measure(model, tokenizer, stretches), config.max_seq_len)
    if (args.run / METRICS).exists():
        trained = read_json(args.run / METRICS)
        report |= {key: trained[key] for key in ("steps", "seconds", "seeds", "commit") if key in trained}
    report["run"], report["asked"] = str(args.run), str(args.model) if args.model else "keras"
    if args.out:
        write_json(args.out, report)
    if args.report:
        draw_report(report, evaluation.details, args.data, args.report)
    if (args.run / WEIGHTS).exists():  # a run; the figures of a shipped model stay what they were
        try:
            add_evaluation(args.run, report)
        except BitmarError as error:  # one on a read-only disk is evaluated too
            print(f"{error}; the evaluation is not recorded there", file=sys.stderr)
    print(json.dumps(report, indent=1) if args.json else table(report))
    return 0
