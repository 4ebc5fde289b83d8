"""`vision: file`: BabyLM's own format, captions as JSON and one 768-d state per caption as .npy.

    <data>/captions/NAME_captions.json            a list of N strings, or of objects with a "caption"
    <data>/captions/NAME_*states*.npy             real numbers [N, 768]; several parts (..._1of2.npy, ..._2of2.npy) are joined

Equal captions are one concept. The format has one state per caption and no artists: all states are one set, and a caption with a
single state is asked with the state that taught it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from bitmar.errors import BitmarError
from bitmar.picture import ABSMAX_FLOOR, FEATURES
from model.data.arrays import map_npy
from model.data.dataset import TRAIN, Concept, Dataset, read_phrases, without_held_out_text
from model.data.features import NONE
from model.data.files import read_json
from model.data.splits import is_held_out
from model.data.writing import mix

FOLDER = "captions"
CHUNK = 65_536  # rows quantised at a time


def _captions(path: Path) -> list[str]:
    entries = read_json(path)
    if not isinstance(entries, list) or not entries:
        raise BitmarError(f"{path}: expected a JSON list of captions (strings, or objects with a 'caption')")
    captions = []
    for number, entry in enumerate(entries):
        if not (text := _caption(entry)):
            raise BitmarError(
                f"{path}: entry {number} is {entry!r:.60}, expected a caption or an object with a 'caption'"
            )
        captions.append(text)
    return captions


def _caption(entry: Any) -> str:
    """An entry's words in lower case; "" where it has none."""
    text = entry.get("caption") if isinstance(entry, dict) else entry
    try:
        return " ".join(text.encode("utf-8").decode().lower().split())
    except (AttributeError, UnicodeEncodeError):  # no text; a lone surrogate, which JSON allows
        return ""


def _states(path: Path) -> np.ndarray:
    states = map_npy(path)
    if states.ndim != 2 or states.shape[1] != FEATURES or states.dtype.kind != "f":
        raise BitmarError(f"{path}: {states.dtype} of shape {states.shape}, expected real numbers [N, {FEATURES}]")
    return states


def quantise_rows(states: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """float [N, 768] -> (int8 [N, 768], float32 [N]): `bitmar.picture.quantise_features` for many rows."""
    q = np.empty(states.shape, np.int8)
    scale = np.empty(len(states), np.float32)
    for start in range(0, len(states), CHUNK):
        with np.errstate(over="ignore"):  # a float64 beyond float32 becomes infinite, and is refused as such
            x = np.asarray(states[start : start + CHUNK], np.float32)
        if not np.isfinite(x).all():
            raise BitmarError(f"states: row {start} or later has a number that is not finite")
        m = np.maximum(np.abs(x).max(1), ABSMAX_FLOOR)
        q[start : start + len(x)] = np.clip(np.rint(x * (np.float32(127) / m)[:, None]), -127, 127)
        scale[start : start + len(x)] = m / np.float32(127)
    return q, scale


def load(data_dir: Path, split: str) -> Dataset:
    """All NAME_captions.json with their states as one data set."""
    folder = data_dir / FOLDER
    tables = sorted(folder.glob("*_captions.json"))
    if not tables:
        raise BitmarError(
            f"{folder}: no NAME_captions.json, expected captions and NAME_*states*.npy for `vision: file`"
        )
    texts: list[str] = []
    parts = []
    for table in tables:
        name = table.name.removesuffix("_captions.json")
        arrays = [_states(path) for path in sorted(folder.glob(f"{name}_*states*.npy"))]
        found, here = sum(len(array) for array in arrays), _captions(table)
        if found != len(here):
            raise BitmarError(f"{table}: {len(here)} captions, but {found} states in {name}_*states*.npy")
        texts += here
        parts += [quantise_rows(array) for array in arrays]
    names = list(dict.fromkeys(texts))
    index = {name: i for i, name in enumerate(names)}
    dataset = Dataset(
        split=split,
        concepts=tuple(
            Concept(str(i), name, (), FOLDER, "", name, is_held_out(name, split)) for i, name in enumerate(names)
        ),
        sets=(FOLDER,),
        roles=(TRAIN,),
        artists=(FOLDER,),
        concept=np.array([index[text] for text in texts], np.int32),
        set_index=np.zeros(len(texts), np.int32),
        q=np.concatenate([q for q, _ in parts]),
        scale=np.concatenate([scale for _, scale in parts]),
        phrases=read_phrases(data_dir),
        writing=mix.read(data_dir),
        views=np.full((len(texts), 0), -1, np.int32),
        view_q=NONE.q,
        view_scale=NONE.scale,
    )
    return without_held_out_text(dataset)
