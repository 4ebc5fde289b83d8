"""From the data set to what batches draw from: drawings of each training concept, and tokenised texts."""

from __future__ import annotations

import numpy as np

from bitmar.errors import BitmarError
from model.config import BitMarConfig
from model.data.pictograms import Dataset
from model.data.tokenizers import TextTokenizer
from model.training.batches import Texts, TrainingSet

RECOMBINED = 40_000  # texts made of the words of the training names
JOINED = 5_000  # long texts made of two or three phrases
SHORT = 12  # tokens: longer phrases count as long ones
MIN_LONG = 8  # tokens of a long text


def tokenise(texts: list[str], tokenizer: TextTokenizer, length: int) -> Texts:
    """Texts that fit into `length` tokens with their <eos>; the others are left out."""
    encoded = tokenizer.encode_batch(texts, length)
    lengths = encoded.mask.sum(1).astype(np.int32) - 1
    keep = encoded.fits & (lengths > 0)
    return Texts(encoded.ids[keep], lengths[keep])


def recombined(names: list[str], forbidden: set[str], count: int, seed: int) -> list[str]:
    """Texts of the names' own words in new combinations: half of one name and half of another, or words at random.

    `forbidden` texts (held-out names) never appear.
    """
    rng = np.random.default_rng((seed, 1))
    words = [name.split() for name in names]
    lengths = np.array([len(w) for w in words])
    pool = sorted({word for name in words for word in name})
    texts = []
    for _ in range(count):
        if rng.random() < 0.5:
            first, second = words[rng.integers(len(words))], words[rng.integers(len(words))]
            cut = rng.integers(1, len(first) + 1)
            text = [*first[:cut], *second[rng.integers(0, len(second)) :]]
        else:
            size = lengths[rng.integers(len(lengths))]
            text = [pool[i] for i in rng.integers(0, len(pool), size)]
        texts.append(" ".join(text))
    return [text for text in texts if text not in forbidden]


def joined(phrases: list[str], count: int, seed: int) -> list[str]:
    """Two or three phrases joined with "and": long texts for the late positions."""
    rng = np.random.default_rng((seed, 2))
    picks = rng.integers(0, len(phrases), (count, 3))
    return [" and ".join(phrases[i] for i in row[: 2 + k % 2]) for k, row in enumerate(picks)]


def training_set(
    dataset: Dataset, tokenizer: TextTokenizer, config: BitMarConfig, max_samples: int | None = None
) -> TrainingSet:
    """What a run trains on; `max_samples` limits it to that many drawings, whole concepts at a time."""
    if tokenizer.vocab_size != config.vocab_size:
        raise BitmarError(f"vocab_size is {config.vocab_size}, but the tokenizer has {tokenizer.vocab_size} entries")
    length, seed = config.max_seq_len, config.training.seed
    at_least = 2 if len(dataset.sets) > 1 else 1
    drawings = dataset.train_drawings_by_concept(at_least)
    encoded = tokenizer.encode_batch([dataset.concepts[c].name for c in drawings], length)
    concepts = [c for c, fits in zip(drawings, encoded.fits, strict=True) if fits]
    if max_samples is not None:
        total = np.cumsum([len(drawings[c]) for c in concepts])
        concepts = concepts[: int(np.searchsorted(total, max_samples, "right"))]
    known = [dataset.concepts[c].name for c in concepts]
    forbidden = {concept.name for concept in dataset.concepts if concept.held_out}
    if not known or not dataset.phrases:
        raise BitmarError("training data: no concept with two drawings or no phrases, expected both")
    tags = sorted({tag for c in concepts for tag in dataset.concepts[c].tags} - forbidden)
    short = [*dataset.phrases, *tags, *recombined(known, forbidden, RECOMBINED, seed)]
    glosses = [dataset.concepts[c].gloss for c in concepts if dataset.concepts[c].gloss]
    texts = tokenise(short, tokenizer, length)
    is_short = texts.lengths <= SHORT
    long = tokenise([*glosses, *joined([*dataset.phrases], JOINED, seed)], tokenizer, length)
    is_long = long.lengths >= MIN_LONG
    return TrainingSet(
        features=dataset.features,
        drawings=[drawings[c] for c in concepts],
        names=tokenise(known, tokenizer, length),
        phrases=Texts(texts.ids[is_short], texts.lengths[is_short]),
        long_phrases=Texts(
            np.concatenate([long.ids[is_long], texts.ids[~is_short]]),
            np.concatenate([long.lengths[is_long], texts.lengths[~is_short]]),
        ),
    )
