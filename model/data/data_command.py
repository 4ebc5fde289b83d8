"""`pipeline.py data`: download, render, compute features, write phrases and tokenizers."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

from model.data.files import check_folder
from model.data.packages import SETS
from model.find_config import config_file


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dir", type=Path, default=Path("data"), help="where the data goes (default: data)")
    parser.add_argument("--set", nargs="+", choices=list(SETS), default=list(SETS), help="drawing sets (default: all)")
    parser.add_argument(
        "--config",
        type=config_file,
        default="ultra_tiny",
        metavar="C",
        help="whose tokenizer and running text to make: configs/*.yaml, or the name of one (default: ultra_tiny)",
    )
    parser.add_argument("--json", action="store_true", help="print the summary as JSON")


def summary(data_dir: Path, config_path: Path) -> dict[str, Any]:
    """Counts of the finished data, for both splits."""
    from model.config import load_config
    from model.data.pictograms import load_dataset, load_tokenizer
    from model.data.splits import SALTS

    config = load_config(config_path)
    splits = {}
    for split in SALTS:
        dataset = load_dataset(config, data_dir, split)
        tokenizer = load_tokenizer(config, dataset, data_dir)
        names = tokenizer.encode_batch([concept.name for concept in dataset.concepts], config.max_seq_len)
        phrases = tokenizer.encode_batch(list(dataset.phrases), config.max_seq_len)
        splits[split] = {
            "training_concepts": int((~dataset.held_out).sum()),
            "held_out_concepts": int(dataset.held_out.sum()),
            "training_drawings": len(dataset.train_drawings()),
            "known_pairs": len(dataset.known_pairs()),
            "held_out_pairs": len(dataset.held_out_pairs()),
            "hard_style_pairs": len(dataset.hard_style_pairs()),
            "phrases": len(dataset.phrases),
            "vocab_size": tokenizer.vocab_size,
            "longest_name_tokens": int(names.mask.sum(1).max()),
            "names_too_long": int((~names.fits).sum()),
            "phrases_too_long": int((~phrases.fits).sum()),
        }
    drawings = {name: int((dataset.set_index == i).sum()) for i, name in enumerate(dataset.sets)}
    return {"concepts": len(dataset.concepts), "drawings": drawings, "splits": splits}


def run(args: argparse.Namespace) -> int:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from model.config import load_config
    from model.data.build import Builder

    config = load_config(args.config)  # a wrong file is an error before the work, not after it
    check_folder(args.dir)
    Builder(args.dir, args.set, texts=config.training.text_rows > 0).run()
    report = summary(args.dir, args.config)
    if args.json:
        print(json.dumps(report, indent=1))
        return 0
    print(f"{args.dir}: {report['concepts']} concepts, {sum(report['drawings'].values())} drawings; licences in NOTICE")
    for split, counts in report["splits"].items():
        print(f"  split {split}: " + ", ".join(f"{count} {what.replace('_', ' ')}" for what, count in counts.items()))
    return 0
