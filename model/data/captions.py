"""`vision: file`: BabyLM's own format, captions as JSON and one 768-d state per caption as .npy.

    <data>/captions/NAME_captions.json            a list of N strings, or of objects with a "caption"
    <data>/captions/NAME_*states*.npy             real numbers [N, 768]; several parts (..._1of2.npy, ..._2of2.npy) are joined

Equal captions are one concept. The format has one state per caption and no artists: all states are one set, and a caption with a
single state is asked with the state that taught it. States stay on disk: each row is read when it is drawn.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from bitmar.errors import BitmarError
from model.data.concepts import CaptionConcepts
from model.data.dataset import TRAIN, Dataset, read_phrases, without_held_out_text
from model.data.features import NONE
from model.data.json_list import read_list
from model.data.progress import progress
from model.data.splits import is_held_out
from model.data.states import StateFile, States
from model.data.strings import Strings
from model.data.writing import mix

FOLDER, TABLE = "captions", "_captions.json"
SHOWN = 100_000  # captions: more show the progress of reading them
WHAT = "captions (strings, or objects with a 'caption')"


def _captions(path: Path, files: list[StateFile]) -> Iterator[str]:
    """The captions of one table; BitmarError unless there are as many as states."""
    states, count = sum(map(len, files)), 0
    for count, entry in enumerate(read_list(path, WHAT), 1):
        if not (text := _caption(entry)):
            raise BitmarError(
                f"{path}: entry {count - 1} is {entry!r:.60}, expected a caption or an object with a 'caption'"
            )
        yield text
    if not count:
        raise BitmarError(f"{path}: empty, expected a JSON list of {WHAT}")
    if states != count:
        name = path.name.removesuffix(TABLE)
        raise BitmarError(f"{path}: {count} captions, but {states} states in {name}_*states*.npy")


def _caption(entry: Any) -> str:
    """An entry's words in lower case; "" where it has none."""
    text = entry.get("caption") if isinstance(entry, dict) else entry
    try:
        return " ".join(text.encode("utf-8").decode().lower().split())
    except (AttributeError, UnicodeEncodeError):  # no text; a lone surrogate, which JSON allows
        return ""


def load(data_dir: Path, split: str) -> Dataset:
    """All NAME_captions.json with their states as one data set."""
    folder = data_dir / FOLDER
    tables = {
        path: [StateFile(part) for part in sorted(folder.glob(f"{path.name.removesuffix(TABLE)}_*states*.npy"))]
        for path in sorted(folder.glob(f"*{TABLE}"))
    }
    if not tables:
        raise BitmarError(f"{folder}: no NAME{TABLE}, expected captions and NAME_*states*.npy for `vision: file`")
    files = [file for parts in tables.values() for file in parts]
    texts = (text for path, parts in tables.items() for text in _captions(path, parts))
    captions = Strings(progress(texts, "captions", sum(map(len, files)), SHOWN))
    first, concept = captions.distinct()
    names = captions.select(first)
    held_out = (is_held_out(name, split) for name in names)
    held_out = np.fromiter(progress(held_out, "split", len(names), SHOWN), bool, len(names))
    states = States(files)
    dataset = Dataset(
        split=split,
        concepts=CaptionConcepts(names, held_out, FOLDER),
        sets=(FOLDER,),
        roles=(TRAIN,),
        artists=(FOLDER,),
        concept=concept,
        set_index=np.zeros(len(captions), np.int32),
        q=states,
        scale=states.scale,
        phrases=read_phrases(data_dir),
        writing=mix.read(data_dir),
        views=np.full((len(captions), 0), -1, np.int32),
        view_q=NONE.q,
        view_scale=NONE.scale,
    )
    return without_held_out_text(dataset)
