"""What one step sees: pairs of drawings with names, phrases, captions; packed rows of tokens. NumPy, seeded by the step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from bitmar.errors import BitmarError
from model.config import BitMarConfig
from model.data.dataset import NO_VIEWS, Views
from model.data.states import Pictures
from model.sequence_packing import Packing, fill, pack, previous_tokens
from model.training.head_words import choose_words
from model.training.token_rows import TokenRows

STREAM_WINDOWS = 2  # a row of running text is twice the window: the cache's slots go round once
TOKENS_PER_TEXT = 4  # a packed row has room for this many times fewer texts than cells
SLACK = 1.03  # rows beyond the mean need
FEW = 100_000  # up to so many things a step shuffles them all; 3 million take 130 ms
VIEWED = 0.1  # share of the pictures that is a view, where a drawing has views


@dataclass(frozen=True)
class Texts:
    """Token rows: ids int32 [n, T] (tokens, <eos>, padding), lengths int32 [n] without <eos>; all fit into T."""

    ids: np.ndarray | TokenRows
    lengths: np.ndarray


NO_TEXT = np.zeros((0, 0), np.int32)


@dataclass(frozen=True)
class TrainingSet:
    """Everything a run trains on.

    features: float32 [n, 768], in RAM or read from disk as they are drawn. drawings: for each training concept the rows of
    `features` that draw it (at least two, by different artists; with one set, at least one). names: one row for each concept.
    phrases: texts without picture, by kind; shares: how much of a batch's phrases each kind is, adding up to 1. views: what the
    drawings look like otherwise. running: int32 [m, STREAM_WINDOWS * max_seq_len], stretches of running text without a <bos>.
    """

    features: np.ndarray | Pictures
    drawings: Sequence[np.ndarray]
    names: Texts
    phrases: dict[str, Texts]
    shares: dict[str, float]
    views: Views = NO_VIEWS
    running: np.ndarray = field(default_factory=lambda: NO_TEXT)


class Batch(NamedTuple):
    """One step's input. B pairs with texts; N = B + W encoded texts, N + C decoded texts; NumPy."""

    taught: np.ndarray  # float32 [B, 768] the drawing that is written to memory, augmented
    asked: np.ndarray  # float32 [B, 768] another artist's drawing of the same thing, augmented
    text_seen: np.ndarray  # float32 [N] 1: the text is encoded with a picture (a phrase: with any), 0: alone
    phrase_seen: np.ndarray  # float32 [W] 1: the phrase is decoded with any picture's latent, 0: with none
    own_name: np.ndarray  # float32 [B] 0: taught under a random phrase instead of its name
    tokens: np.ndarray  # int32 [R, L] encoder's tokens, packed
    encoder: Packing
    previous: np.ndarray  # int32 [R', L] decoder's input: <bos> and the text
    targets: np.ndarray  # int32 [R', L] the text and <eos>; with head_words as indices into `words`
    decoder: Packing
    recall_weight: np.ndarray  # float32 [R', L] tokens of texts read from memory
    phrase_weight: np.ndarray  # float32 [R', L] tokens of phrases
    caption_weight: np.ndarray  # float32 [R', L] tokens of captions without memory
    words: np.ndarray  # int32 [S] what the head computes, see head_words.py; S is head_words, 0 = the whole vocabulary
    word_weight: np.ndarray  # float32 [S] log of how many words each of them stands for
    stream: (
        np.ndarray
    )  # int32 [M, STREAM_WINDOWS * T] decoder's input: <bos> and running text; M is 0 where there is none
    stream_targets: np.ndarray  # int32, the same shape: the next token of each, as `targets`


def augment(pictures: np.ndarray, noise: float, dropout: float, rng: np.random.Generator) -> np.ndarray:
    """Gaussian noise, then dropout, on float32 [P, 768]: drawings of one thing differ in all 768 numbers.

    In NumPy, beside the step: XLA's counter-based generators took longer on a CPU than the rest of the step.
    """
    out = rng.standard_normal(pictures.shape, np.float32)
    out *= np.float32(noise)
    out += pictures
    out *= rng.random(pictures.shape, np.float32) >= dropout
    out *= np.float32(1 / (1 - dropout))
    return out


def look(features: np.ndarray | Pictures, rows: np.ndarray, views: Views, rng: np.random.Generator) -> np.ndarray:
    """float32 [P, 768]: the drawings `rows`, VIEWED of them in one of their views."""
    out = features[rows]
    if views.rows.size:
        of = views.rows[rows, rng.integers(views.rows.shape[1], size=len(rows))]
        viewed = np.flatnonzero((of >= 0) & (rng.random(len(rows)) < VIEWED))
        out[viewed] = views.features[of[viewed]]
    return out


def choose(rng: np.random.Generator, count: int, wanted: int) -> np.ndarray:
    """int64 [min(wanted, count)]: different numbers below `count`, in random order; among many, without listing all of them."""
    if count <= FEW:
        return rng.permutation(count)[:wanted]
    return rng.choice(count, min(wanted, count), replace=False)


def draw_pairs(drawings: list[np.ndarray], rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Two different drawings of each concept, by different artists: rows int64 [n], int64 [n]."""
    first, second = rng.random((2, len(drawings)))
    taught, asked = np.empty((2, len(drawings)), np.int64)
    for i, rows in enumerate(drawings):
        a = int(first[i] * len(rows))
        b = (a + 1 + int(second[i] * (len(rows) - 1))) % len(rows)
        taught[i], asked[i] = rows[a], rows[b]
    return taught, asked


class BatchMaker:
    """Makes step i's batch from (seed, i) alone: a resumed run sees what an uninterrupted one would have seen."""

    def __init__(self, data: TrainingSet, config: BitMarConfig, members: int | None = None) -> None:
        self.data, self.config = data, config
        self.members = members or max(1, config.max_seq_len // TOKENS_PER_TEXT)
        t = config.training
        self.pairs = min(t.batch, len(data.drawings) // t.set_size * t.set_size)
        if not self.pairs:
            raise BitmarError(
                f"training data: {len(data.drawings)} concepts with two drawings, expected at least {t.set_size} (set_size)"
            )
        self.captions = min(t.captions, self.pairs)
        self.sets = self.pairs // t.set_size
        self.text_rows = t.text_rows if len(data.running) else 0
        self.bounds = np.cumsum([data.shares[kind] for kind in data.phrases])
        name = data.names.lengths.mean()
        phrase = sum(data.shares[kind] * texts.lengths.mean() for kind, texts in data.phrases.items())
        pair_text = t.renamed * phrase + (1 - t.renamed) * name
        columns = config.max_seq_len
        encoded = self.pairs * pair_text + t.phrases * phrase
        decoded = encoded + self.pairs + t.phrases + self.captions * (name + 1)
        # a row can also run out of members before it runs out of columns
        self.encoder_rows = self._rows(encoded, self.pairs + t.phrases, columns)
        self.decoder_rows = self._rows(decoded, self.pairs + t.phrases + self.captions, columns)

    def _rows(self, tokens: float, texts: int, columns: int) -> int:
        return int(np.ceil(max(tokens / columns, texts / self.members) * SLACK)) + 1

    def _phrases(self, rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
        """`count` random phrases of all kinds: ids int32 [count, T], lengths int32 [count]."""
        ids = np.empty((count, self.config.max_seq_len), np.int32)
        lengths = np.empty(count, np.int32)
        kinds = np.searchsorted(self.bounds[:-1], rng.random(count), "right")
        for index, texts in enumerate(self.data.phrases.values()):
            here = np.flatnonzero(kinds == index)
            rows = rng.integers(0, len(texts.lengths), len(here))
            ids[here], lengths[here] = texts.ids[rows], texts.lengths[rows]
        return ids, lengths

    def batch(self, step: int) -> Batch:
        """The batch of a step; the same for the same seed, data and configuration."""
        c, t, d, count = self.config, self.config.training, self.data, self.pairs
        rng = np.random.default_rng((t.seed, step))
        concepts = choose(rng, len(d.drawings), count)
        taught, asked = draw_pairs([d.drawings[c] for c in concepts], rng)

        ids, lengths = self._phrases(rng, count + t.phrases)
        own_name = rng.random(count) >= t.renamed
        named = np.flatnonzero(own_name)
        ids[named], lengths[named] = d.names.ids[concepts[named]], d.names.lengths[concepts[named]]
        encoder, placed = pack(lengths, c.max_seq_len, self.encoder_rows, c.max_seq_len, self.members)

        captions = concepts[: self.captions]
        all_ids = np.concatenate([ids, d.names.ids[captions]])
        # captions are few and short: packed before the phrases, so that only phrases can be left out
        order = np.r_[:count, count + t.phrases : count + t.phrases + len(captions), count : count + t.phrases]
        all_lengths = np.concatenate([(lengths + 1) * placed, d.names.lengths[captions] + 1])
        decoder = self._pack_in_order(all_lengths, order)
        encoder_ids = ids.copy()
        encoder_ids[np.arange(len(ids)), lengths] = c.pad_id  # the encoder sees the text without <eos>
        previous = previous_tokens(all_ids, c.bos_id)

        targets, running = fill(decoder, all_ids, c.pad_id), self._running(step)
        written = np.concatenate([targets.ravel(), running.ravel()])
        head = choose_words(written, c.vocab_size, t.head_words, (t.seed, step), c.word_classes)
        cell = decoder.segment >= 0
        pair = decoder.text < count
        caption = decoder.text >= count + t.phrases
        return Batch(
            taught=augment(look(d.features, taught, d.views, rng), t.vision_noise, t.vision_dropout, rng),
            asked=augment(look(d.features, asked, d.views, rng), t.vision_noise, t.vision_dropout, rng),
            text_seen=(rng.random(len(ids)) >= t.teach_dropout).astype(np.float32),
            phrase_seen=(rng.random(t.phrases) >= t.teach_dropout).astype(np.float32),
            own_name=own_name.astype(np.float32),
            tokens=fill(encoder, encoder_ids, c.pad_id),
            encoder=encoder,
            previous=fill(decoder, previous, c.pad_id),
            targets=head.targets[: targets.size].reshape(targets.shape),
            decoder=decoder,
            recall_weight=(cell & pair).astype(np.float32),
            phrase_weight=(cell & ~pair & ~caption).astype(np.float32),
            caption_weight=(cell & caption).astype(np.float32),
            words=head.words,
            word_weight=head.log_weight,
            stream=previous_tokens(running, c.bos_id),
            stream_targets=head.targets[targets.size :].reshape(running.shape),
        )

    def _running(self, step: int) -> np.ndarray:
        """Stretches of running text, int32 [M, STREAM_WINDOWS * T]; of numbers of their own, so that the rest stays the same."""
        rng = np.random.default_rng((self.config.training.seed, step, 6))
        length = STREAM_WINDOWS * self.config.max_seq_len
        if not self.text_rows:
            return np.zeros((0, length), np.int32)
        return self.data.running[rng.integers(0, len(self.data.running), self.text_rows)]

    def _pack_in_order(self, lengths: np.ndarray, order: np.ndarray) -> Packing:
        """Pack texts in `order` while their indices stay those of `lengths`."""
        longest = self.config.max_seq_len
        packing, _ = pack(lengths[order], longest, self.decoder_rows, longest, self.members)
        back = np.argsort(order)
        return packing._replace(
            text=order[packing.text].astype(np.int32) * (packing.segment >= 0),
            members=order[packing.members].astype(np.int32),
            cells=packing.cells[back],
            present=packing.present[back],
        )

    def shapes(self) -> dict[str, Any]:
        """Sizes of a step, for the log."""
        return {
            "pairs": self.pairs,
            "phrases": self.config.training.phrases,
            "captions": self.captions,
            "encoder tokens": self.encoder_rows * self.config.max_seq_len,
            "decoder tokens": self.decoder_rows * self.config.max_seq_len,
            "running text tokens": self.text_rows * STREAM_WINDOWS * self.config.max_seq_len,
        }
