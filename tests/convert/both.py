"""One question put to both sides: the Keras model, and its flatbuffers in the Pi's runtime with the BITMAR_* ops.

Both teach the same names into one memory, ask it with other pictures and answer greedily. What the card rounds (episodes to
half, keys to int8) is rounded on both sides; everything else is each side's own arithmetic.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from model.bitmar import BitMar
from pi_app.runtime import Graph
from tests.kernels import spec


@dataclass(frozen=True)
class Questions:
    """N things taught, and asked for in groups of K. tokens, mask int32 [N, T]; taught, asked float32 [N, 768]."""

    tokens: np.ndarray
    mask: np.ndarray
    taught: np.ndarray
    asked: np.ndarray
    group: int

    def part(self, first: int, last: int) -> Questions:
        """Questions first .. last - 1, which must be whole groups."""
        rows = slice(first, last)
        return Questions(self.tokens[rows], self.mask[rows], self.taught[rows], self.asked[rows], self.group)


@dataclass(frozen=True)
class Answers:
    """Per question: encoder outputs of the taught pair float32 [N, D], the slot found int [N], the context float32 [N, D]; after
    <bos> and each token of the device's greedy answer the best next token int32 [N, T] and its logit float32 [N, T]."""

    encoded: dict[str, np.ndarray]
    slot: np.ndarray
    context: np.ndarray
    best: np.ndarray
    logit: np.ndarray


class KerasSide:
    """The model as it was trained, in batches."""

    def __init__(self, model: BitMar) -> None:
        self.model = model

    def encode(self, q: Questions, vision: np.ndarray, text: bool) -> dict[str, np.ndarray]:
        mask = q.mask if text else np.zeros_like(q.mask)
        out = self.model.encode(q.tokens, mask.astype(np.float32), vision)
        return {name: keras.ops.convert_to_numpy(value) for name, value in out.items()}

    def answer(self, q: Questions, device: Answers) -> Answers:
        """Everything from the pictures on; only the tokens fed to the decoder are the device's."""
        taught, asked = self.encode(q, q.taught, True), self.encode(q, q.asked, False)
        grouped = [x.reshape(-1, q.group, x.shape[-1]) for x in (asked["query"], taught["key"], taught["episode"])]
        context, scores = (keras.ops.convert_to_numpy(x) for x in self.model.recall(*grouped))
        context = context.reshape(-1, context.shape[-1])
        logits = keras.ops.convert_to_numpy(self.model.decode(fed(device.best, self.model), context, asked["latent"]))
        return Answers(taught, scores.argmax(-1).reshape(-1), context, logits.argmax(-1), logits.max(-1))


def fed(best: np.ndarray, model: BitMar) -> np.ndarray:
    """What a decoder is fed that answers `best`: <bos>, then all but the last; int32 [N, T]."""
    bos = np.full((len(best), 1), model.config.bos_id, np.int32)
    return np.concatenate([bos, best[:, :-1]], axis=1)


class DeviceSide:
    """The three flatbuffers, one sequence at a time, with the calls that the Pi and the microcontroller make."""

    def __init__(self, folder: Path, model: BitMar) -> None:
        self.config = model.config
        self.encoder, self.recall, self.decoder = (
            Graph(folder / f"{n}.tflite") for n in ("encoder", "recall", "decoder")
        )

    def encode(self, tokens: np.ndarray, mask: np.ndarray, vision: np.ndarray) -> dict[str, np.ndarray]:
        out = self.encoder.run(tokens=tokens, mask=mask, vision=vision[None])
        return {name: value[0] for name, value in out.items()}

    def context(self, query: np.ndarray, keys: np.ndarray, episodes: np.ndarray) -> tuple[int, np.ndarray]:
        """The memory: exact int8 scores over all keys, the top k slots read (ties: lower slot)."""
        k = self.config.memory_top_k
        (code, scale), (codes, scales) = spec.absmax_quantise(query), spec.absmax_quantise(keys)
        scores = spec.index_scores(code, scale, codes, scales)
        best = np.argsort(-scores, kind="stable")[:k]
        mask, found = np.zeros(k, np.int32), np.zeros(k, np.float32)
        slots = np.zeros((k, episodes.shape[1]), np.float32)
        mask[: len(best)], found[: len(best)] = 1, scores[best]
        slots[: len(best)] = episodes[best]
        return int(best[0]), self.recall.run(scores=found, slots=slots, mask=mask)["context"][0]

    def greedy(self, context: np.ndarray, latent: np.ndarray, steps: int) -> tuple[list[int], list[float]]:
        """Tokens until <eos> (included) or `steps`, and their logits."""
        self.decoder.reset()
        token, tokens, logits = self.config.bos_id, [], []
        while len(tokens) < steps and (not tokens or token != self.config.eos_id):
            at = np.array([len(tokens)], np.int32)
            out = self.decoder.run(
                token=np.array([token], np.int32), position=at, slot=at, context=context[None], latent=latent[None]
            )
            token = int(out["ids"][0])
            tokens.append(token)
            logits.append(out["logits"][0])
        return tokens, logits

    def answer(self, q: Questions, steps: int) -> tuple[Answers, np.ndarray]:
        """(answers, padded with <eos>; bool [N, T]: where there is a token)."""
        nothing = np.zeros(self.config.max_seq_len, np.int32)
        taught = [self.encode(*args) for args in zip(q.tokens, q.mask, q.taught, strict=True)]
        encoded = {name: np.stack([one[name] for one in taught]) for name in taught[0]}
        encoded["episode"] = encoded["episode"].astype(np.float16).astype(np.float32)  # what a slot holds
        n, t = len(taught), self.config.max_seq_len
        slot, context = np.zeros(n, int), np.zeros_like(encoded["episode"])
        best, logit = np.full((n, t), self.config.eos_id, np.int32), np.zeros((n, t), np.float32)
        there = np.zeros((n, t), bool)
        for i in range(n):
            members = slice(i // q.group * q.group, i // q.group * q.group + q.group)
            asked = self.encode(nothing, nothing, q.asked[i])
            slot[i], context[i] = self.context(asked["query"], encoded["key"][members], encoded["episode"][members])
            tokens, logits = self.greedy(context[i], asked["latent"], steps)
            best[i, : len(tokens)], logit[i, : len(tokens)], there[i, : len(tokens)] = tokens, logits, True
        return Answers(encoded, slot, context, best, logit), there
