"""Teach and ask a model as the device would: episodes and keys of every drawing once, then reads over small memories."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from model.bitmar import BitMar
from model.data.pictograms import Dataset
from model.data.tokenizers import TextTokenizer
from model.evaluation.decode import GreedyDecoder
from model.evaluation.questions import Questions

CHUNK = 512


@dataclass(frozen=True)
class EncodedDrawings:
    """Every drawing taught under its name (episode, key) and asked for by itself (query, latent); float32 [N, .]."""

    episode: np.ndarray
    key: np.ndarray
    query: np.ndarray
    latent: np.ndarray


def encode_texts(tokenizer: TextTokenizer, texts: list[str], length: int) -> tuple[np.ndarray, np.ndarray]:
    """Encoder input: ids int32 [n, length] without <eos>, mask float32 [n, length]. A text that is too long is cut."""
    ids = np.full((len(texts), length), tokenizer.pad, np.int32)
    mask = np.zeros((len(texts), length), np.float32)
    for i, text in enumerate(texts):
        tokens = tokenizer.encode(text)[:length]
        ids[i, : len(tokens)], mask[i, : len(tokens)] = tokens, 1.0
    return ids, mask


class Asker:
    """A trained model with the drawings of a data set."""

    def __init__(self, model: BitMar, dataset: Dataset, tokenizer: TextTokenizer) -> None:
        self.model, self.dataset, self.tokenizer = model, dataset, tokenizer
        self.decoder = GreedyDecoder(model)
        self.names = [concept.name for concept in dataset.concepts]
        self.encoded = self._encode()

    def _encode(self) -> EncodedDrawings:
        length = self.model.config.max_seq_len
        ids, mask = encode_texts(self.tokenizer, self.names, length)
        longest = max(1, int(mask.sum(1).max()))  # padding beyond the longest name changes nothing
        ids, mask = ids[:, :longest], mask[:, :longest]

        @tf.function(reduce_retracing=True)
        def run(tokens: tf.Tensor, mask: tf.Tensor, pictures: tf.Tensor) -> tuple[tf.Tensor, ...]:
            out = self.model.encode(tokens, mask, pictures)
            _, query = self.model.keys(pictures, tf.zeros_like(out["episode"]))
            return out["episode"], out["key"], query, out["latent"]

        parts = []
        for first in range(0, len(self.dataset.concept), CHUNK):
            concept = self.dataset.concept[first : first + CHUNK]
            parts.append(run(ids[concept], mask[concept], self.dataset.features[first : first + CHUNK]))
        return EncodedDrawings(*(np.concatenate([part[i].numpy() for part in parts]) for i in range(4)))

    def encode_names(self, texts: list[str]) -> np.ndarray:
        """Episodes of texts without a picture: float32 [n, D]."""
        ids, mask = encode_texts(self.tokenizer, texts, self.model.config.max_seq_len)
        none = np.zeros((len(texts), self.model.config.vision_dim), np.float32)
        return self.model.encode(ids, mask, none)["episode"].numpy()

    def read(self, questions: Questions) -> tuple[np.ndarray, np.ndarray]:
        """(best slot int64 [Q], context float32 [Q, D]) of each question."""
        e = self.encoded
        context, scores = self.model.recall(
            tf.constant(e.query[questions.asked][:, None]),
            tf.constant(e.key[questions.taught]),
            tf.constant(e.episode[questions.taught]),
        )
        return scores.numpy()[:, 0].argmax(1), context.numpy()[:, 0]

    def write_names(self, context: np.ndarray, drawings: np.ndarray) -> list[str]:
        """Decoded names: context float32 [n, D], asked drawings int64 [n]."""
        ids = self.decoder(context, self.encoded.latent[drawings])
        return [self.tokenizer.decode(row.tolist()) for row in ids]

    def truth(self, drawings: np.ndarray) -> list[str]:
        """The drawings' names."""
        return [self.dataset.name_of(int(drawing)) for drawing in drawings]
