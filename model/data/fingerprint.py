"""Which data a run was trained on: what resuming and evaluating it must find unchanged."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from model.data.pictograms import Dataset
from model.data.running_text import Document
from model.data.states import States

CHUNK = 65_536  # concepts whose lines are made at a time


def fingerprint(dataset: Dataset, max_samples: int | None, documents: Sequence[Document] = ()) -> dict[str, Any]:
    """What was trained on: split, counts and a hash of pictures, names and phrases; of the running text, where there is any."""
    if isinstance(dataset.q, States):  # rows on disk were read once, when they were opened
        digest = dataset.q.digest.copy()
    else:
        digest = hashlib.sha256(np.ascontiguousarray(dataset.q).tobytes())
    for array in (dataset.scale, dataset.concept, dataset.set_index):
        digest.update(np.ascontiguousarray(array).tobytes())
    for first in range(0, len(dataset.concepts), CHUNK):
        lines = (f"{c.id} {c.name} {c.held_out}" for c in dataset.concepts[first : first + CHUNK])
        digest.update(("\n" * (first > 0) + "\n".join(lines)).encode())
    digest.update("\n".join(dataset.phrases).encode())
    for kind, texts in sorted(dataset.writing.items()):
        digest.update("\n".join((kind, *texts)).encode())
    text = hashlib.sha256("\n".join(p for d in documents if not d.held_out for p in d.paragraphs).encode()).hexdigest()
    return {
        "split": dataset.split,
        "concepts": len(dataset.concepts),
        "held_out": int(dataset.held_out.sum()),
        "drawings": len(dataset.concept),
        "phrases": len(dataset.phrases),
        "max_samples": max_samples,
        "sha256": digest.hexdigest(),
        **({"running_text": text} if documents else {}),
    }
