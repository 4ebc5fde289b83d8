"""Models to convert, each built and converted once."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = ROOT / "configs"
SHIPPED = ROOT / "models" / "ultra_tiny"


class Converted(NamedTuple):
    """A Keras model and the folder that it was converted into."""

    model: object
    folder: Path
    report: dict


@pytest.fixture(scope="session")
def tokenizer_json(tmp_path_factory) -> Path:
    """A byte-level BPE of ultra_tiny's size, trained on made-up words."""
    from model.data.tokenizers import train_bpe

    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    syllables = [a + b for a in "bdfgklmnprst" for b in ("a", "e", "i", "o", "u", "ay", "er", "in", "ou", "sh")]
    words = [a + b + c for a in syllables[::3] for b in syllables[1::7] for c in ("", *syllables[2::31])]
    train_bpe(words, [" ".join(words[i : i + 4]) for i in range(len(words) - 4)], 1024).save(path)
    return path


def build(config_name: str, changes: dict | None = None):
    """An untrained model of configs/<config_name>.yaml, with some keys changed; the same each time."""
    import keras

    from model.bitmar import BitMar
    from model.config import from_dict, load_config

    config = load_config(CONFIGS / f"{config_name}.yaml")
    if changes:
        config = from_dict({**config.as_dict(), **changes})
    keras.utils.set_random_seed(7)
    return BitMar(config)


@pytest.fixture(scope="session")
def ultra_tiny(tmp_path_factory, tokenizer_json) -> Converted:
    from convert.model_folder import write_model

    model = build("bitmar_ultra_tiny")
    spread_gains(model)
    folder = tmp_path_factory.mktemp("ultra_tiny") / "model"
    return Converted(model, folder, write_model(model, tokenizer_json, None, folder))


@pytest.fixture(scope="session")
def small_model():
    """One layer each: for tests that convert again and again."""
    layers = {"text_encoder_layers": 1, "text_decoder_layers": 1, "fusion_layers": 0}
    return build("bitmar_ultra_tiny", layers)


@pytest.fixture(scope="session")
def tiny_edge(tmp_path_factory) -> Converted:
    from convert.model_folder import write_model

    model = build("bitmar_tiny_edge")
    spread_gains(model)
    folder = tmp_path_factory.mktemp("tiny_edge") / "model"
    return Converted(model, folder, write_model(model, None, None, folder))


@pytest.fixture(scope="session")
def trained(tmp_path_factory) -> Converted:
    """The shipped model's weights, converted anew."""
    from convert.model_folder import write_model
    from convert.origin import trained as read_run

    source = read_run(SHIPPED, ROOT / "none")
    folder = tmp_path_factory.mktemp("trained") / "model"
    return Converted(source.model, folder, write_model(source.model, source.tokenizer, None, folder))


def spread_gains(model) -> None:
    """Gives every norm gains of its own, as training does: equal constants would be merged into one."""
    import numpy as np

    random = np.random.default_rng(3)
    for variable in model.variables:
        if variable.name == "gain":
            variable.assign(random.uniform(0.5, 1.5, variable.shape).astype(np.float32))
