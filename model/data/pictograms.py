"""Load what `pipeline.py data` made.

dataset = load_dataset(config, "data", split="development")
tokenizer = load_tokenizer(config, dataset, "data")
dataset.train_drawings(), dataset.known_pairs(), dataset.held_out_pairs(), dataset.phrases
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import BaseModel, Field, ValidationError

from bitmar.errors import BitmarError
from model.data import camera_views, captions, drawn_views, features
from model.data.dataset import TRAIN, Concept, Dataset, read_phrases, without_held_out_text
from model.data.families import family_of
from model.data.files import check_readable, key_of, read_json
from model.data.packages import SETS
from model.data.splits import is_held_out
from model.data.tokenizers import TextTokenizer, train_bpe
from model.data.writing import mix

if TYPE_CHECKING:
    from model.config import BitMarConfig

MOST_NAMES = 100_000  # that a tokenizer is trained on

__all__ = ["Concept", "Dataset", "load_dataset", "load_tokenizer"]


class _Entry(BaseModel):
    """A concept in pictograms.json."""

    id: str
    name: str
    tags: list[str]
    group: str
    gloss: str


class _Table(BaseModel):
    """What is read of pictograms.json."""

    sets: dict[str, Literal["train", "new_style", "hard_style"]] = Field(min_length=1)
    concepts: list[_Entry] = Field(min_length=1)


def _read_table(path: Path) -> _Table:
    try:
        return _Table.model_validate(read_json(path))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "the whole"
        raise BitmarError(f"{path}: {where}: {first['msg']}; delete it and run `pipeline.py data`") from None


def load_dataset(config: BitMarConfig, data_dir: str | Path = "data", split: str = "development") -> Dataset:
    """The data for `config.vision`, split by the named salt. BitmarError if `pipeline.py data` has not been run."""
    data_dir = Path(data_dir)
    is_held_out("", split)  # an unknown split is an error before anything is read
    check_readable(data_dir, "pipeline.py data")
    if config.vision == "file":
        return captions.load(data_dir, split)
    table = _read_table(data_dir / "pictograms.json")
    concepts = [
        Concept(c.id, c.name, tuple(c.tags), c.group, c.gloss, family, is_held_out(family, split))
        for c in table.concepts
        for family in [family_of(c.name)]
    ]
    sets = tuple(table.sets)
    index = {concept.id: i for i, concept in enumerate(concepts)}
    loaded = [features.load(data_dir / "features" / f"{config.vision}-{name}.npz") for name in sets]
    if unknown := {str(code) for part in loaded for code in part.ids} - set(index):
        raise BitmarError(
            f"{data_dir}: features of {min(unknown)}, which pictograms.json does not have; run `pipeline.py data` again"
        )
    views, seen = _views(config, data_dir, table.sets, loaded)
    return without_held_out_text(
        Dataset(
            split=split,
            concepts=tuple(concepts),
            sets=sets,
            roles=tuple(table.sets.values()),
            artists=tuple(SETS[name].source.author for name in sets),
            concept=np.array([index[code] for part in loaded for code in part.ids], np.int32),
            set_index=np.repeat(np.arange(len(sets), dtype=np.int32), [len(part.ids) for part in loaded]),
            q=np.concatenate([part.q for part in loaded]),
            scale=np.concatenate([part.scale for part in loaded]),
            phrases=read_phrases(data_dir),
            writing=mix.read(data_dir),
            views=views,
            view_q=seen.q,
            view_scale=seen.scale,
        )
    )


VIEWS = (("camera", camera_views.VIEWS), ("drawn", drawn_views.VIEWS))


def _views(
    config: BitMarConfig, data_dir: Path, sets: dict[str, str], loaded: list[features.Features]
) -> tuple[np.ndarray, features.Features]:
    """(int32 [N, V], rows of the second; -1 where a drawing has no views; the views of all sets)."""
    rows, parts, count = [], [features.NONE], 0
    for (name, role), plain in zip(sets.items(), loaded, strict=True):
        numbers = np.full((len(plain.ids), sum(views for _, views in VIEWS)), -1, np.int32)
        if role == TRAIN and config.vision == "lite0_128":
            for first, (kind, views) in zip((0, VIEWS[0][1]), VIEWS, strict=True):
                part = features.load(path := data_dir / "features" / f"{kind}-{name}.npz")
                if part.ids.tolist() != np.repeat(plain.ids, views).tolist():
                    raise BitmarError(f"{path}: not the views of this data's drawings; run `pipeline.py data` again")
                numbers[:, first : first + views] = np.arange(count, count + len(part.ids)).reshape(-1, views)
                count += len(part.ids)
                parts.append(part)
        rows.append(numbers)
    return np.concatenate(rows), features.Features(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))


def load_tokenizer(config: BitMarConfig, dataset: Dataset, data_dir: str | Path = "data") -> TextTokenizer:
    """The tokenizer of `config.vocabulary`.

    A small BPE is trained on this split's training names (a seeded choice of MOST_NAMES where there are more), phrases and
    other texts at first use, then cached by their content.
    """
    folder = Path(data_dir) / "tokenizers"
    if config.vocabulary == "gpt2":
        return TextTokenizer.read(folder / "gpt2.json")
    names = dataset.train_names()
    if len(names) > MOST_NAMES:
        names = names.select(np.sort(np.random.default_rng(0).choice(len(names), MOST_NAMES, replace=False)))
    names = list(names)
    texts = [*dataset.phrases, *(text for kind in mix.KINDS for text in dataset.writing[kind])]
    key = key_of(2, names, texts, config.vocab_size)
    path = folder / f"bpe-{config.vocab_size}-{dataset.split}-{key}.json"
    if not path.exists():
        train_bpe(names, texts, config.vocab_size).save(path)
    return TextTokenizer.read(path)
