"""Where a model to convert comes from: a trained run, or a configuration with fresh weights."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import keras

from model.bitmar import BitMar
from model.config import BitMarConfig, load_config
from model.saved_run import REFUSAL, TOKENIZER, load_run


@dataclass(frozen=True)
class Origin:
    """A model with the files that go beside it; `missing` says what could not be found."""

    model: BitMar
    tokenizer: Path | None
    vision: Path | None
    missing: tuple[str, ...] = ()
    refusal: tuple[Path, ...] = ()


def untrained(config_path: Path, data: Path) -> Origin:
    """Freshly initialised weights, the same each time (the seed is the configuration's)."""
    config = load_config(config_path)
    keras.utils.set_random_seed(config.training.seed)
    tokenizer = find_tokenizer(config, data / "tokenizers")
    vision = find_vision(config, data)
    missing = ()
    if tokenizer is None:
        missing += (f"tokenizer: none of {config.vocab_size} entries in {data / 'tokenizers'}; run `pipeline.py data`",)
    if vision is None and config.vision == "lite0_128":
        missing += (f"vision.tflite: not in {data}; run `pipeline.py data`",)
    return Origin(BitMar(config), tokenizer, vision, missing)


def find_tokenizer(config: BitMarConfig, folder: Path) -> Path | None:
    """The tokenizer.json that `pipeline.py data` made for this vocabulary."""
    pattern = "gpt2.json" if config.vocabulary == "gpt2" else f"bpe-{config.vocab_size}-*.json"
    return max(folder.glob(pattern), default=None)


def find_vision(config: BitMarConfig, data: Path) -> Path | None:
    """vision.tflite, vision.bin beside it, where the configuration's pictures go through them."""
    path = data / "vision.tflite"
    there = path.exists() and path.with_suffix(".bin").exists()
    return path if config.vision == "lite0_128" and there else None


def trained(run: Path, data: Path) -> Origin:
    """The weights and the tokenizer of a finished run; vision.tflite is the one that its pictures went through."""
    model = load_run(run)
    vision, missing = find_vision(model.config, data), ()
    if vision is None and model.config.vision == "lite0_128":
        missing = (f"vision.tflite: not in {data}; without it the device takes no image files, only .npy",)
    refusal = tuple(path for name in REFUSAL if (path := run / name).exists())
    return Origin(model, run / TOKENIZER, vision, missing, refusal)
