"""The refusal's weights and thresholds, from things that its keys were not trained on, and none of them a held-out one.

A second key head is trained like the first, but without the training concepts that the other split holds out, whole families;
these play the strangers: the model's own keys were trained on them and know them too well. What is fitted to the second head's
scores serves the first.
"""

from __future__ import annotations

import numpy as np

from model.config import BitMarConfig
from model.data.dataset import Dataset
from model.data.splits import SALTS, is_held_out
from model.episodic_memory import KeyHead
from model.evaluation import refusal
from model.evaluation.machine import int8_units
from model.evaluation.unknown import make_strangers, measured, slot_keys
from model.training.keys import train_keys

WAYS = 16
QUESTIONS = 4000
CHUNK = 1024


def keys_of(head: KeyHead, features: np.ndarray) -> np.ndarray:
    """Unit keys of drawings as the index holds them: float32 [N, 768] -> [N, D]."""
    parts = [head.of_picture(features[i : i + CHUNK]).numpy() for i in range(0, len(features), CHUNK)]
    return int8_units(np.concatenate(parts))


def calibrate(head: KeyHead, dataset: Dataset, config: BitMarConfig) -> refusal.Refusal:
    """The criterion for a trained head; its cohort are that head's keys."""
    other = next(split for split in SALTS if split != dataset.split)
    groups = dataset.train_drawings_by_concept()
    strangers = {c for c in groups if is_held_out(dataset.concepts[c].family, other)}
    second = KeyHead(config.vision_dim, config.episode_dim)
    second.build()
    kept = [rows for concept, rows in groups.items() if concept not in strangers]
    train_keys(second, dataset.features, kept, config, config.training.seed + 1, dataset.seen)
    units = keys_of(second, dataset.features)
    pairs = [(a, b) for concept in strangers for a in groups[concept] for b in groups[concept] if a != b]
    questions = make_strangers(np.array(pairs), dataset.concept, WAYS, QUESTIONS, config.training.seed)
    cohort = refusal.cohort_of(units, kept)
    keys = slot_keys(units, questions.taught)
    known, unknown = (measured(units, keys, asked, cohort) for asked in (questions.asked, questions.stranger))
    own = refusal.cohort_of(keys_of(head, dataset.features), list(groups.values()))
    return refusal.fit(known, unknown, cohort)._replace(cohort=own)
