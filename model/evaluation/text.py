"""Bits per byte of running text that was never trained on: in windows that begin anew, and in streams through the cache.

By the Keras model, teacher forced, with nothing in memory and no picture: a flatbuffer gives its few best words alone.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from model.bitmar import BitMar
from model.data.running_text import Document
from model.data.tokenizers import TextTokenizer
from model.evaluation.bootstrap import ratio_interval
from model.sequence_packing import previous_tokens
from model.streams import streams

STRETCH = 5000  # bytes at least: eight windows of 128 tokens of GPT-2's
STRETCHES = 48
QUESTIONS = 40  # asked of each kind for one stretch, where fewer stretches are measured
WINDOWS = 8  # of a stream
LOGITS = 2**24  # numbers of a chunk's logits, about
ROWS = 64  # of a chunk at most


class Bits(NamedTuple):
    """What each stretch of text costs, float64: all of it [n], and its first WINDOWS windows [m] where it has that many."""

    anew: np.ndarray  # bits, each window beginning anew
    tokens: np.ndarray
    size: np.ndarray  # bytes
    inside: np.ndarray  # bits of the first WINDOWS windows, each beginning anew; their last one's alone: inside_last
    inside_last: np.ndarray
    stream: np.ndarray  # bits of the same tokens as one stream; its last window's alone: stream_last
    stream_last: np.ndarray
    stream_size: np.ndarray  # bytes of the same tokens


def stretches(documents: list[Document], count: int = STRETCHES) -> list[str]:
    """`count` pieces of the held-out documents at even distances, the same for every model and tokenizer.

    Each begins with a paragraph, ends with one, and has STRETCH bytes or a little more; what is left of a document is left out.
    """
    found = []
    for document in documents:
        piece: list[str] = []
        for paragraph in document.paragraphs if document.held_out else ():
            piece.append(paragraph)
            text = " ".join(piece)
            if len(text.encode()) >= STRETCH:
                found.append(text)
                piece = []
    count = min(count, len(found))
    return [found[i * len(found) // count] for i in range(count)]


def token_bits(model: BitMar, rows: np.ndarray) -> np.ndarray:
    """-log2 p of each token, after <bos> and the tokens before it: int32 [n, L] -> float64 [n, L].

    Rows longer than the window go through the cache's slots, as the device decodes; see model.streams.
    """
    c, (count, length) = model.config, rows.shape
    size = min(ROWS, max(1, LOGITS // (length * c.vocab_size)), count)
    through = streams(size, length, c)
    nothing = tf.zeros((size, c.episode_dim)), tf.zeros((size, c.vision_latent_size))

    @tf.function
    def nats(previous: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
        # a head with classes gives log probabilities: their softmax is the probabilities again, so one formula does for both
        logits = model.decode(previous, *nothing, through)
        return keras.losses.sparse_categorical_crossentropy(targets, logits, from_logits=True)

    previous = previous_tokens(rows, c.bos_id)
    out = np.empty(rows.shape)
    for first in range(0, count, size):
        part = np.arange(first, min(first + size, count))
        whole = np.resize(part, size)  # the last chunk repeats rows: one graph for all
        out[part] = nats(previous[whole], rows[whole]).numpy()[: len(part)]
    return out / np.log(2)


def measure(model: BitMar, tokenizer: TextTokenizer, texts: list[str]) -> Bits:
    """The bits of each text."""
    window = model.config.max_seq_len
    ids = [np.array(tokenizer.encode(text), np.int32) for text in texts]
    rows = [np.pad(tokens, (0, -len(tokens) % window)).reshape(-1, window) for tokens in ids]
    flat, ends = token_bits(model, np.concatenate(rows)), np.cumsum([len(part) for part in rows])
    anew = [part.ravel()[: len(tokens)] for part, tokens in zip(np.split(flat, ends[:-1]), ids, strict=True)]
    long = [i for i, tokens in enumerate(ids) if len(tokens) >= WINDOWS * window]
    streamed = np.array([ids[i][: WINDOWS * window] for i in long], np.int32).reshape(-1, WINDOWS * window)
    inside = np.array([anew[i][: WINDOWS * window] for i in long]).reshape(streamed.shape)
    stream = token_bits(model, streamed) if long else inside
    return Bits(
        np.array([bits.sum() for bits in anew]),
        np.array([len(tokens) for tokens in ids]),
        np.array([len(text.encode()) for text in texts]),
        inside.sum(1),
        inside[:, -window:].sum(1),
        stream.sum(1),
        stream[:, -window:].sum(1),
        np.array([byte_count(tokenizer, row) for row in streamed.tolist()]),
    )


def byte_count(tokenizer: TextTokenizer, ids: list[int]) -> int:
    """Bytes that these tokens stand for: in a byte-level vocabulary a character of a token is a byte, whole letters or not."""
    return sum(len(tokenizer.tokenizer.id_to_token(i)) for i in ids)


def text_row(bits: Bits, window: int) -> dict[str, Any]:
    """{"bits_per_byte", "low", "high", "bytes", "tokens", "window", "n", "stream": of the streams, None where there is none}

    stream: {"tokens": of each, "inside": bits per byte of its tokens in windows that begin anew, "bits_per_byte": in one stream,
    "ratio" of the two with "low" and "high", "last_window": the ratio of the last window alone, "n"}. Intervals are 95 % by
    bootstrap over stretches.
    """

    def ratio(over: np.ndarray, under: np.ndarray) -> float:
        return round(float(over.sum() / under.sum()), 4)

    low, high = ratio_interval(bits.anew, bits.size)
    row: dict[str, Any] = {
        "bits_per_byte": ratio(bits.anew, bits.size),
        "low": round(low, 4),
        "high": round(high, 4),
        "bytes": int(bits.size.sum()),
        "tokens": int(bits.tokens.sum()),
        "window": window,
        "n": len(bits.size),
        "stream": None,
    }
    if len(bits.stream):
        low, high = ratio_interval(bits.stream, bits.inside)
        row["stream"] = {
            "tokens": WINDOWS * window,
            "inside": ratio(bits.inside, bits.stream_size),
            "bits_per_byte": ratio(bits.stream, bits.stream_size),
            "ratio": ratio(bits.stream, bits.inside),
            "low": round(low, 4),
            "high": round(high, 4),
            "last_window": ratio(bits.stream_last, bits.inside_last),
            "n": len(bits.stream),
        }
    return row
