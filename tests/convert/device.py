"""The device's side of the comparison: teach, ask and answer with the three flatbuffers in a TensorFlow Lite runtime.

    python -m tests.convert.device MODEL_FOLDER QUESTIONS.npz ANSWERS.npz STEPS

Needs NumPy and a runtime only: it also runs in the environment of tflite-runtime.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from bitmar.runtime import Graph
from tests.kernels import spec


@dataclass(frozen=True)
class Questions:
    """N things taught, and asked for in groups of `group`. tokens, mask int32 [N, T]; taught, asked float32 [N, 768]."""

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
    """What came of N questions.

    episode, key, latent float32 [N, D]: of the taught pair, the episode as a slot holds it. slot int [N]: the best. context
    float32 [N, D]. best int32 [N, T]: the next token after <bos> and after each token of the device's answer; logit float32
    [N, T]. there bool [N, T]: False beyond the device's answer.
    """

    episode: np.ndarray
    key: np.ndarray
    latent: np.ndarray
    slot: np.ndarray
    context: np.ndarray
    best: np.ndarray
    logit: np.ndarray
    there: np.ndarray

    def part(self, first: int, last: int) -> Answers:
        return Answers(**{name: value[first:last] for name, value in asdict(self).items()})


class Device:
    """The three flatbuffers, one sequence at a time, with the calls that the Pi and the microcontroller make."""

    def __init__(self, folder: Path) -> None:
        self.encoder, self.recall, self.decoder = (
            Graph(folder / f"{n}.tflite") for n in ("encoder", "recall", "decoder")
        )
        described = json.loads((folder / "model.json").read_text())
        self.length, self.top_k = described["config"]["max_seq_len"], described["memory"]["top_k"]
        self.bos, self.eos = described["special_tokens"]["bos"], described["special_tokens"]["eos"]

    def encode(self, tokens: np.ndarray, mask: np.ndarray, vision: np.ndarray) -> dict[str, np.ndarray]:
        out = self.encoder.run(tokens=tokens, mask=mask, vision=vision[None])
        return {name: value[0] for name, value in out.items()}

    def context(self, query: np.ndarray, keys: np.ndarray, episodes: np.ndarray) -> tuple[int, np.ndarray]:
        """The memory: exact int8 scores over all keys, the top k slots read (ties: lower slot)."""
        (code, scale), (codes, scales) = spec.absmax_quantise(query), spec.absmax_quantise(keys)
        scores = spec.index_scores(code, scale, codes, scales)
        best = np.argsort(-scores, kind="stable")[: self.top_k]
        mask, found = np.zeros(self.top_k, np.int32), np.zeros(self.top_k, np.float32)
        slots = np.zeros((self.top_k, episodes.shape[1]), np.float32)
        mask[: len(best)], found[: len(best)] = 1, scores[best]
        slots[: len(best)] = episodes[best]
        return int(best[0]), self.recall.run(scores=found, slots=slots, mask=mask)["context"][0]

    def greedy(self, context: np.ndarray, latent: np.ndarray, steps: int) -> tuple[list[int], list[float]]:
        """Tokens until <eos> (included) or `steps`, and their logits."""
        self.decoder.reset()
        token, tokens, logits = self.bos, [], []
        while len(tokens) < steps and (not tokens or token != self.eos):
            at = np.array([len(tokens)], np.int32)
            fed = np.array([token], np.int32)
            out = self.decoder.run(token=fed, position=at, slot=at, context=context[None], latent=latent[None])
            token = int(out["ids"][0])
            tokens.append(token)
            logits.append(out["logits"][0])
        return tokens, logits

    def answer(self, q: Questions, steps: int) -> Answers:
        """Teach every group into a memory of its own and ask for each of its members; at most `steps` tokens each."""
        nothing = np.zeros(self.length, np.int32)
        taught = [self.encode(*args) for args in zip(q.tokens, q.mask, q.taught, strict=True)]
        episode, key, latent = (np.stack([one[name] for one in taught]) for name in ("episode", "key", "latent"))
        episode = episode.astype(np.float16).astype(np.float32)
        n, t = len(taught), self.length
        slot, context, there = np.zeros(n, int), np.zeros_like(episode), np.zeros((n, t), bool)
        best, logit = np.full((n, t), self.eos, np.int32), np.zeros((n, t), np.float32)
        for i in range(n):
            members = slice(i // q.group * q.group, i // q.group * q.group + q.group)
            asked = self.encode(nothing, nothing, q.asked[i])
            slot[i], context[i] = self.context(asked["query"], key[members], episode[members])
            tokens, logits = self.greedy(context[i], asked["latent"], steps)
            best[i, : len(tokens)], logit[i, : len(tokens)], there[i, : len(tokens)] = tokens, logits, True
        return Answers(episode, key, latent, slot, context, best, logit, there)


def main() -> None:
    folder, questions, answers, steps = sys.argv[1:]
    with np.load(questions) as arrays:
        q = Questions(**{name: arrays[name] for name in arrays.files if name != "group"}, group=int(arrays["group"]))
    np.savez(answers, **asdict(Device(Path(folder)).answer(q, int(steps))))


if __name__ == "__main__":
    main()
