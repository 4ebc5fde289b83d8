"""`pipeline.py convert`: a trained run, or an untrained configuration, becomes a model folder; a Keras file one flatbuffer."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from bitmar.errors import BitmarError
from bitmar.model_format import FILE as MARK
from model.data.files import check_folder, check_readable
from model.default_run import DEFAULT_RUN
from model.find_config import config_file

if TYPE_CHECKING:
    from model.bitmar import BitMar

STOCK = ("int8", "int4", "int2")
CACHES = ("int8", "float32")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `pipeline.py convert`."""
    parser.add_argument("--run", type=Path, metavar="R", help=f"the folder of a trained run (default: {DEFAULT_RUN})")
    parser.add_argument("--out", type=Path, metavar="DIR", help="where the model goes (default: R/model)")
    parser.add_argument(
        "--config", type=config_file, metavar="C", help="with --untrained: configs/*.yaml, or the name of one"
    )
    parser.add_argument(
        "--untrained", action="store_true", help="convert freshly initialised weights, to measure sizes"
    )
    parser.add_argument("--keras", type=Path, metavar="K", help="a model of your own, e.g. my.keras: DIR/my.tflite")
    parser.add_argument("--layout", choices=("b3", "rm2"), help="with --keras: how weights are packed (default: b3)")
    parser.add_argument(
        "--stock", choices=STOCK, help="the graphs in builtin ops with such weights, for runtimes without libbitmar"
    )
    parser.add_argument(
        "--cache",
        choices=CACHES,
        help="what the decoder's key/value caches hold (default: int8, a scale for each head)",
    )
    parser.add_argument("--data", type=Path, default=Path("data"), help="where vision.tflite is (default: data)")
    parser.add_argument("--json", action="store_true", help="print the size report as JSON")


def run(args: argparse.Namespace) -> int:
    """Converts and prints the size report; returns the exit code."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    out = destination(args)
    check_folder(out if args.keras or args.stock else out.parent)
    if args.keras:
        return convert_own(args.keras, out, args.layout or "b3", args.json)
    from convert.model_folder import check_replaceable, write_model
    from convert.origin import trained, untrained
    from convert.report import table

    if not args.stock:
        check_replaceable(out)
    source = untrained(args.config, args.data) if args.untrained else trained(args.run, args.data)
    if args.stock:
        return write_stock(source.model, args.stock, out, args.json)
    report = write_model(source.model, source.tokenizer, source.vision, out, source.refusal, args.cache or CACHES[0])
    if args.json:
        print(json.dumps(report, indent=1))
    else:
        print(table(report))
        for missing in source.missing:
            print(f"left out: {missing}")
        print(f"{out}: written")
    return 0


def write_stock(model: BitMar, kind: str, out: Path, as_json: bool) -> int:
    """Writes out/encoder.tflite, recall.tflite and decoder.tflite in builtin ops, each whole or not at all, and stock.json."""
    from convert.stock import stock_graphs
    from model.data.files import replacing, write_json

    graphs = stock_graphs(model, kind)
    for name, blob in graphs.items():
        with replacing(out / name) as temporary:
            temporary.write_bytes(blob)
    sizes = {name: len(blob) for name, blob in graphs.items()}
    report = {"name": model.config.name, "weights": kind, "files": sizes, "bytes": sum(sizes.values())}
    write_json(out / "stock.json", report)
    lines = [f"{name:16} {size:>12,} bytes" for name, size in sizes.items()]
    print(json.dumps(report, indent=1) if as_json else "\n".join([*lines, f"{out}: written, builtin ops, {kind}"]))
    return 0


def convert_own(source: Path, out: Path, layout: str, as_json: bool) -> int:
    """Writes out/NAME.tflite and its size report out/NAME.json, each whole or not at all."""
    from convert.keras_model import convert_keras_model, load_keras
    from convert.reader import parse
    from convert.report import size_report, table
    from model.data.files import replacing, write_json

    target = out / f"{source.stem}.tflite"
    blob = convert_keras_model(load_keras(source), layout, source.stem)
    report = size_report(source.stem, {target.name: parse(blob, target.name)}, {target.name: len(blob)})
    with replacing(target) as temporary:
        temporary.write_bytes(blob)
    write_json(target.with_suffix(".json"), report)
    print(json.dumps(report, indent=1) if as_json else f"{table(report)}\n{target}: written")
    return 0


def destination(args: argparse.Namespace) -> Path:
    """The folder to write; checks which options go together before TensorFlow is loaded."""
    if args.cache and (args.keras or args.stock):
        raise BitmarError("convert --cache: expected without --keras and --stock")
    if args.stock and (args.keras or not args.out or (args.out / MARK).exists()):
        raise BitmarError("convert --stock: expected --out DIR, a folder without a converted model, and no --keras")
    if args.keras:
        if args.run or args.config or args.untrained:
            raise BitmarError("convert --keras: expected --out DIR and neither --run, --config nor --untrained")
        if not args.out:
            raise BitmarError("convert --keras: expected --out DIR")
        if not args.keras.is_file():
            raise BitmarError(f"{args.keras}: no such file, expected one that model.save() wrote")
        return args.out
    if args.layout:
        raise BitmarError("convert --layout: expected with --keras only; a configuration has its own")
    if args.untrained:
        if not args.config or args.run:
            raise BitmarError("convert --untrained: expected --config C and no --run")
        if not args.out:
            raise BitmarError("convert --untrained: expected --out DIR")
        return args.out
    if args.config:
        raise BitmarError("convert: expected --run R, --keras K --out DIR, or --config C --untrained --out DIR")
    args.run = args.run or DEFAULT_RUN
    check_readable(args.run, "pipeline.py train")
    return args.out or args.run / "model"
