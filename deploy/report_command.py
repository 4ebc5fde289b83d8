"""`pipeline.py report`: published estimate beside what is measured, for each configuration, on one page."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from bitmar.errors import BitmarError
from bitmar.find_model import SHIPPED

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "report.md"
RESULT = ROOT / "benchmarks" / "results" / "report.json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--models", type=Path, default=SHIPPED[0], metavar="DIR", help="of the shipped models (default: models)"
    )
    parser.add_argument(
        "--run",
        type=Path,
        action="append",
        default=[],
        help="a trained, converted run for a configuration that is not shipped",
    )
    parser.add_argument("--no-board", action="store_true", help="leave out the emulated Cortex-M7")
    parser.add_argument(
        "--page", type=Path, default=PAGE, help="written, with its plots beside it (default: docs/report.md)"
    )
    parser.add_argument("--out", type=Path, default=RESULT, help="written (default: benchmarks/results/report.json)")
    parser.add_argument("--json", action="store_true", help="print the JSON instead of the page")


def tell(what: str) -> None:
    """Progress."""
    print(f"report: {what} ...", file=sys.stderr, flush=True)


def run(args: argparse.Namespace) -> int:
    """Measures, then writes JSON, plots and page; nothing is written where a part fails."""
    from deploy.report.configurations import PUBLISHED, standing
    from deploy.report.measure import measure
    from deploy.report.page import page
    from deploy.report.plots import PLOTS, draw

    for file in (args.page, args.out):
        if not file.parent.is_dir():
            raise BitmarError(f"{file}: {file.parent} is no folder, expected one to write into")
    standings = []
    for name in PUBLISHED:
        tell(f"model of {name}")
        standings.append(found := standing(name, args.models, args.run))
        if not (found.folder / "tokenizer.bin").is_file():
            raise BitmarError(
                f"{found.folder}: no tokenizer.bin, the data were not there when it was converted; "
                "run `pipeline.py data`, delete this folder, and report again"
            )
    report = measure(standings, not args.no_board, tell)
    text = page(report)
    with tempfile.TemporaryDirectory() as folder:
        draw(report, Path(folder))
        try:
            plots = args.page.with_suffix("")
            plots.mkdir(exist_ok=True)
            for name in PLOTS:
                (plots / name).write_bytes((Path(folder) / name).read_bytes())
            args.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
            args.page.write_text(text, encoding="utf-8")
        except OSError as error:
            raise BitmarError(f"{error.filename}: {error.strerror}; the report was not written whole") from None
    print(json.dumps(report, indent=1) if args.json else text)
    return 0
