"""From the data set to what batches draw from: drawings of each training concept, and tokenised texts."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence

import numpy as np

from bitmar.errors import BitmarError
from model.config import BitMarConfig
from model.data.groups import Groups
from model.data.pictograms import Dataset
from model.data.progress import progress
from model.data.running_text import Document
from model.data.splits import is_test_text
from model.data.tokenizers import TextTokenizer
from model.training.batches import NO_TEXT, STREAM_WINDOWS, Texts, TrainingSet
from model.training.token_rows import TokenRows

RECOMBINED = 40_000  # texts made of the words of the training names
JOINED = 5_000  # long texts made of two or three phrases
RANDOM = 20_000  # sequences of random tokens, so that every token of the vocabulary is written and read
RARE = 60_000  # sequences of random tokens, those that the other texts seldom have more often
SHOWN = 200_000  # texts: tokenising more shows its progress
SHORT = 12  # tokens: longer texts are drawn apart, `long_phrases` of all
LONG = 24  # tokens: still longer ones are few, LONGEST_SHARE of the long texts
LONGEST_SHARE = 0.1
SHARES = {  # of the short phrases; "plain": noun phrases, tags, new combinations of the names' words
    "plain": 0.54,
    "person": 0.09,
    "labels": 0.05,
    "emoji": 0.03,
    "capitals": 0.05,
    "codes": 0.07,
    "punctuation": 0.07,
    "scripts": 0.04,
    "english": 0.03,
    "random": 0.03,
}


def tokenise(texts: Sequence[str], tokenizer: TextTokenizer, length: int) -> Texts:
    """Texts that fit into `length` tokens with their <eos>; the others are left out."""
    return tokenise_names(texts, np.ones(len(texts), np.int64), tokenizer, length)[0]


def tokenise_names(
    names: Sequence[str], sizes: np.ndarray, tokenizer: TextTokenizer, length: int, most: float = math.inf
) -> tuple[Texts, np.ndarray]:
    """(`tokenise`; the rows in `names` of what was kept, int64).

    sizes: int [n], drawings of each name; the names from that one on with which they would be more than `most` are left out.
    """
    tokens, lengths, rows = array("H" if tokenizer.vocab_size <= 1 << 16 else "I"), array("i"), array("q")
    for row, ids in enumerate(progress(tokenizer.encode_each(names), "tokenise", len(names), SHOWN)):
        if 0 < len(ids) < length:
            if (most := most - sizes[row]) < 0:
                break
            tokens.extend(ids)
            tokens.append(tokenizer.eos)
            lengths.append(len(ids))
            rows.append(row)
    kept = np.array(lengths, np.int32)
    return Texts(TokenRows(Groups(np.array(tokens), kept + 1), length, tokenizer.pad), kept), np.array(rows, np.int64)


def recombined(names: Sequence[str], count: int, seed: int) -> list[str]:
    """Texts of the names' own words in new combinations: half of one name and half of another, or words at random.

    Held-out names may be among them.
    """
    rng = np.random.default_rng((seed, 1))
    lengths = np.fromiter((len(name.split()) for name in names), np.int64, len(names))
    pool = sorted({word for name in names for word in name.split()})
    texts = []
    for _ in range(count):
        if rng.random() < 0.5:
            first, second = (names[rng.integers(len(names))].split() for _ in range(2))
            cut = rng.integers(1, len(first) + 1)
            text = [*first[:cut], *second[rng.integers(0, len(second)) :]]
        else:
            size = lengths[rng.integers(len(lengths))]
            text = [pool[i] for i in rng.integers(0, len(pool), size)]
        texts.append(" ".join(text))
    return texts


def joined(phrases: list[str], count: int, seed: int) -> list[str]:
    """Two or three phrases joined with "and": long texts for the late positions."""
    rng = np.random.default_rng((seed, 2))
    picks = rng.integers(0, len(phrases), (count, 3))
    return [" and ".join(phrases[i] for i in row[: 2 + k % 2]) for k, row in enumerate(picks)]


def random_tokens(
    tokenizer: TextTokenizer, length: int, count: int, seed: tuple[int, ...], seen: np.ndarray | None = None
) -> Texts:
    """1 to SHORT tokens at random, special ones apart.

    seen: int [vocab_size], how often other texts have each token: drawn 1 / sqrt(1 + seen) times as often as one never seen.
    """
    rng = np.random.default_rng(seed)
    special = {tokenizer.pad, tokenizer.bos, tokenizer.eos}
    ordinary = np.array([i for i in range(tokenizer.vocab_size) if i not in special], np.int32)
    lengths = rng.integers(1, min(SHORT, length - 1) + 1, count).astype(np.int32)
    share = None
    if seen is not None:
        share = (1 + seen[ordinary]) ** -0.5
        share /= share.sum()
    ids = rng.choice(ordinary, (count, length), p=share)
    column = np.arange(length)
    ids[np.arange(count), lengths] = tokenizer.eos
    tokens = ids[column <= lengths[:, None]].astype(np.min_scalar_type(tokenizer.vocab_size - 1))
    return Texts(TokenRows(Groups(tokens, lengths + 1), length, tokenizer.pad), lengths)


def occurrences(texts: list[np.ndarray], vocab_size: int) -> np.ndarray:
    """How often each token stands in arrays of ids: int64 [vocab_size]."""
    return sum((np.bincount(ids.ravel(), minlength=vocab_size) for ids in texts), np.zeros(vocab_size, np.int64))


def stretches(paragraphs: list[str], tokenizer: TextTokenizer, length: int) -> np.ndarray:
    """int32 [n, length]: the tokens from the start of each paragraph on, of those with so many behind them."""

    def encoded(texts: list[str]) -> list[list[int]]:
        return [row.ids for row in tokenizer.tokenizer.encode_batch(texts, add_special_tokens=False)]

    first, later = encoded(paragraphs), encoded([f" {paragraph}" for paragraph in paragraphs])
    whole = np.array([token for ids in later for token in ids], np.int32)
    ends = np.cumsum([len(ids) for ids in later])
    rows = [
        np.concatenate([np.array(ids, np.int32), whole[end : end + length]])[:length]
        for ids, end in zip(first, ends.tolist(), strict=True)
    ]
    return np.array([row for row in rows if len(row) == length], np.int32).reshape(-1, length)


def running_text(documents: list[Document], tokenizer: TextTokenizer, length: int) -> np.ndarray:
    """int32 [n, length]: stretches of all documents that are not held out."""
    parts = [stretches(d.paragraphs, tokenizer, length) for d in documents if not d.held_out]
    return np.concatenate(parts) if parts else NO_TEXT


def select(texts: Texts, rows: np.ndarray) -> Texts:
    """The texts of these rows (indices or a mask)."""
    return Texts(texts.ids.select(rows), texts.lengths[rows])


def together(parts: list[Texts]) -> Texts:
    """All texts of several lists."""
    return Texts(parts[0].ids.together([p.ids for p in parts[1:]]), np.concatenate([p.lengths for p in parts]))


def by_length(kinds: dict[str, Texts], seed: int) -> dict[str, Texts]:
    """The kinds' texts of at most SHORT tokens, and "long": all others, the longest thinned out. Empty ones are left out."""
    short = {kind: select(texts, texts.lengths <= SHORT) for kind, texts in kinds.items()}
    rest = together([select(texts, texts.lengths > SHORT) for texts in kinds.values()])
    longest = np.flatnonzero(rest.lengths > LONG)
    few = int(LONGEST_SHARE * (len(rest.lengths) - len(longest)))
    longest = np.random.default_rng((seed, 4)).permutation(longest)[:few]
    long = select(rest, np.concatenate([np.flatnonzero(rest.lengths <= LONG), longest]))
    return {kind: texts for kind, texts in (short | {"long": long}).items() if len(texts.lengths)}


def shares_of(kinds: dict[str, Texts], long: float) -> dict[str, float]:
    """How much of the phrases each kind is: `long` for the long ones, SHARES of the others; missing kinds leave theirs."""
    shares = {kind: (long if kind == "long" else (1 - long) * SHARES[kind]) for kind in kinds}
    return {kind: share / sum(shares.values()) for kind, share in shares.items()}


def training_set(
    dataset: Dataset,
    tokenizer: TextTokenizer,
    config: BitMarConfig,
    max_samples: int | None = None,
    documents: Sequence[Document] = (),
) -> TrainingSet:
    """What a run trains on; `max_samples` limits it to that many drawings, whole concepts at a time.

    documents: running text, for configurations with `text_rows`.
    """
    if tokenizer.vocab_size != config.vocab_size:
        raise BitmarError(f"vocab_size is {config.vocab_size}, but the tokenizer has {tokenizer.vocab_size} entries")
    length, seed = config.max_seq_len, config.training.seed
    at_least = 2 if len(dataset.sets) > 1 else 1
    concepts, drawings = dataset.train_groups(at_least)
    most = math.inf if max_samples is None else max_samples
    names, fit = tokenise_names(dataset.names.select(concepts), drawings.sizes, tokenizer, length, most)
    if not len(fit) or not dataset.phrases:
        raise BitmarError("training data: no concept with two drawings or no phrases, expected both")
    concepts, drawings = concepts[fit], drawings.select(fit)
    mixed = recombined(dataset.names.select(concepts), RECOMBINED, seed)
    described = dataset.described(concepts)
    tags = sorted({tag for concept in described for tag in concept.tags})
    forbidden = dataset.held_out_among([*tags, *mixed])
    plain = [*dataset.phrases, *(text for text in [*tags, *mixed] if text not in forbidden)]
    glosses = [concept.gloss for concept in described if concept.gloss]
    written = {
        **dataset.writing,
        "plain": plain,
        "english": [*dataset.writing["english"], *glosses, *joined(list(dataset.phrases), JOINED, seed)],
    }
    kinds = {
        kind: tokenise([text for text in written[kind] if not is_test_text(text)], tokenizer, length)
        for kind in SHARES
        if kind != "random"
    }
    kinds["random"] = random_tokens(tokenizer, length, RANDOM, (seed, 3))
    phrases = by_length(kinds, seed)
    shares = shares_of(phrases, config.training.long_phrases)
    running = (
        running_text(list(documents), tokenizer, STREAM_WINDOWS * length) if config.training.text_rows else NO_TEXT
    )
    if rare := config.training.rare_words:
        seen = occurrences([*(texts.ids.tokens.rows for texts in phrases.values()), running], tokenizer.vocab_size)
        phrases["rare"] = random_tokens(tokenizer, length, RARE, (seed, 7), seen)
        shares = {kind: (1 - rare) * share for kind, share in shares.items()} | {"rare": rare}
    return TrainingSet(
        features=dataset.features,
        drawings=drawings,
        names=names,
        phrases=phrases,
        shares=shares,
        views=dataset.seen,
        running=running,
    )
