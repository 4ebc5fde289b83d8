"""A converted model as an evaluation asks it: the flatbuffers in the Pi's runtime, one text and one picture at a time."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bitmar.engine import Encoding, Engine, Picture
from bitmar.model_folder import read_model
from bitmar.native import library
from bitmar.picture import quantise_features
from bitmar.tokenizer import Tokenizer
from model.evaluation.machine import Encoded


class FlatbufferMachine:
    """model.evaluation.machine.Machine over bitmar.engine. Episodes are rounded to IEEE half, as they lie on a card."""

    def __init__(self, folder: Path, runtime: str | None = None, threads: int = 1) -> None:
        self.model = read_model(folder)
        self.engine = Engine(self.model, runtime, threads)
        self.tokenizer = Tokenizer(folder / "tokenizer.bin", library.load())
        self.max_tokens, self.episode_dim = self.model.max_tokens, self.model.episode_dim
        self._alone: dict[tuple[int, ...], Encoding] = {}  # texts without a picture: the same name is taught many times
        self._said: dict[bytes, list[int]] = {}

    def tokenise(self, text: str) -> list[int]:
        """Token ids, as many as there are."""
        return self.tokenizer.encode(text)

    def encode(self, tokens: list[list[int]], pictures: np.ndarray) -> Encoded:
        """pictures float32 [n, 768]: int8 codes x scale, or zeros for none."""
        parts = []
        for text, features in zip(tokens, pictures, strict=True):
            got = self._encoding(text, picture_of(features))
            episode = got.episode.astype(np.float16).astype(np.float32)
            parts.append((episode[0], got.key[0], got.query[0], got.latent[0]))
        return Encoded(*(np.stack(column) for column in zip(*parts, strict=True)))

    def _encoding(self, text: list[int], picture: Picture | None) -> Encoding:
        if picture is not None:
            return self.engine.encode(text, picture)
        if tuple(text) not in self._alone:
            self._alone[tuple(text)] = self.engine.encode(text, None)
        return self._alone[tuple(text)]

    def context(self, episodes: np.ndarray) -> np.ndarray:
        """Each slot read alone: float32 [n, D] -> [n, D]."""
        return np.concatenate([self.engine.alone(episode) for episode in episodes])

    def bytes_of(self, token: int) -> int:
        """How many bytes a token stands for."""
        return len(self.tokenizer.decode_bytes([token]))

    def right_tokens(self, context: np.ndarray, tokens: list[list[int]]) -> np.ndarray:
        """int [n]: with how many of these tokens greedy decoding without a picture begins; <eos> behind them counts as one."""
        said = ([*self._answer(row), self.model.eos] for row in context)
        ended = ([*text, self.model.eos] for text in tokens)
        return np.array([common(answer, text) for answer, text in zip(said, ended, strict=True)])

    def _answer(self, context: np.ndarray) -> list[int]:
        key = context.tobytes()
        if key not in self._said:
            self._said[key] = self.engine.answer(context[None], self.engine.no_picture())
        return self._said[key]


def common(one: list[int], other: list[int]) -> int:
    """How many tokens two texts begin with alike."""
    pairs = zip(one, other, strict=False)
    return next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def picture_of(features: np.ndarray) -> Picture | None:
    """The canonical form whose features these are: float32 [768], codes times a scale."""
    return Picture(*quantise_features(features)) if features.any() else None
