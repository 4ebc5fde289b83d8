"""The model's three graphs on the Pi: encode, recall, decode step by step.

The order of calls is the same as on the microcontroller (docs/custom-ops.md), and so are the bits.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from bitmar.decoding import NEVER, GreedyDecoder
from bitmar.errors import BitmarError
from bitmar.model_folder import ModelFolder
from bitmar.model_format import FILE
from bitmar.runtime import Graph, pick_runtime

FEATURES = 768


@dataclass(frozen=True)
class Picture:
    """A picture in its canonical form: 768 int8 numbers and one float32 scale."""

    q: np.ndarray
    scale: np.float32

    def features(self) -> np.ndarray:
        """float32 [1, 768]"""
        return (self.q.astype(np.float32) * np.float32(self.scale)).reshape(1, FEATURES)


@dataclass(frozen=True)
class Encoding:
    """What the encoder makes of a text, a picture or both: float32 [1, D] each, the latent [1, E]."""

    episode: np.ndarray
    key: np.ndarray
    query: np.ndarray
    latent: np.ndarray


@dataclass(frozen=True)
class Step:
    """One decoder step: the best next tokens, int32 [k] by falling logit, and their float32 logits [k]."""

    ids: np.ndarray
    logits: np.ndarray


def cache_slot(position: int, window: int, sinks: int) -> int:
    """Slot of a stream position in a key/value cache of `window` slots whose first `sinks` are never overwritten."""
    return position if position < window else sinks + (position - sinks) % (window - sinks)


class Engine:
    """The loaded graphs of one model; not for two threads at once.

    Raises:
      BitmarError: a runtime, op or graph that does not fit.
    """

    def __init__(self, model: ModelFolder, runtime: str | None = None, threads: int = 1):
        self.model = model
        self.runtime = pick_runtime(runtime)[0]
        self.encoder, self.recaller, self.decoder = (
            Graph(model.path / f"{name}.tflite", runtime, threads=threads) for name in ("encoder", "recall", "decoder")
        )
        self.encoder.require(("tokens", "mask", "vision"), ("episode", "key", "query", "latent"))
        self.recaller.require(("scores", "slots", "mask"), ("context",))
        self.decoder.require(("token", "position", "slot", "context", "latent"), ("ids", "logits"))
        self._check_sizes()
        self.greedy = GreedyDecoder(self.decoder, model)

    def _check_sizes(self) -> None:
        """BitmarError where model.json says another size than a flatbuffer has."""
        model = self.model
        sizes = [
            ("config.max_seq_len", model.max_tokens, self.encoder, self.encoder.shape("tokens")[-1]),
            ("memory.dim", model.episode_dim, self.encoder, self.encoder.shape("episode")[-1]),
            ("memory.dim", model.episode_dim, self.recaller, self.recaller.shape("slots")[-1]),
            ("memory.dim", model.episode_dim, self.decoder, self.decoder.shape("context")[-1]),
            ("memory.top_k", model.top_k, self.recaller, self.recaller.shape("scores")[-1]),
            *(
                ("cache.window", model.window, self.decoder, shape[0])
                for shape in self.decoder.shapes_within("k_cache_")
            ),
        ]
        for key, said, graph, found in sizes:
            if said != found:
                raise BitmarError(f"{model.path / FILE}: {key} is {said}, expected {found}, as in {graph.file.name}")

    def encode(self, tokens: Sequence[int], picture: Picture | None) -> Encoding:
        """Encodes a text (ids without special tokens; empty: no text) and a picture (None: none).

        The encoder was trained on texts without <eos>; one place stays free because the decoder has to write it.

        Raises:
          BitmarError: more tokens than the model takes.
        """
        size = self.model.max_tokens
        if len(tokens) >= size:
            raise BitmarError(f"a text of {len(tokens)} tokens, expected at most {size - 1}")
        ids, mask = np.full(size, self.model.pad, np.int32), np.zeros(size, np.int32)
        ids[: len(tokens)], mask[: len(tokens)] = tokens, 1
        vision = np.zeros((1, FEATURES), np.float32) if picture is None else picture.features()
        return Encoding(**self.encoder.run(tokens=ids, mask=mask, vision=vision))

    def no_context(self) -> np.ndarray:
        """The read-out of an empty memory."""
        return np.zeros((1, self.model.episode_dim), np.float32)

    def no_picture(self) -> np.ndarray:
        """The latent that a stored name is decoded with, whatever is asked with: zeros."""
        return np.zeros(self.greedy.shapes["latent"], np.float32)

    def alone(self, episode: np.ndarray) -> np.ndarray:
        """One slot [D] read alone: its weight is 1. context float32 [1, D]."""
        k = self.model.top_k
        scores, slots = np.zeros(k, np.float32), np.zeros((k, self.model.episode_dim), np.float32)
        mask = np.zeros(k, np.int32)
        slots[0], mask[0] = episode, 1
        return self.recall(scores, slots, mask)

    def recall(self, scores: np.ndarray, slots: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """scores [k], slots [k, D], mask int32 [k] -> context float32 [1, D]."""
        return self.recaller.run(scores=scores, slots=slots, mask=mask)["context"]

    def steps(self, context: np.ndarray, latent: np.ndarray, forced: Sequence[int] = ()) -> Iterator[Step]:
        """Decodes from <bos> without end; step i feeds forced[i], or greedily the best token of step i - 1."""
        self.decoder.reset()
        token, position = self.model.bos, 0
        while True:
            slot = cache_slot(position, self.model.window, self.model.sinks)
            step = Step(
                **self.decoder.run(
                    token=np.array([token], np.int32),
                    position=np.array([position], np.int32),
                    slot=np.array([slot], np.int32),
                    context=context,
                    latent=latent,
                )
            )
            yield step
            token = forced[position] if position < len(forced) else int(step.ids[0])
            position += 1

    def answer(self, context: np.ndarray, latent: np.ndarray, limit: int | None = None) -> list[int]:
        """Greedy tokens until <eos>, at most `limit` (the model's max_seq_len); <eos> is left out."""
        return self.greedy.tokens(context, latent, limit or self.model.max_tokens, self.model.eos)

    def stream(self, context: np.ndarray, latent: np.ndarray, count: int) -> list[int]:
        """`count` greedy tokens, whatever they are: the same work as an answer of that length."""
        return self.greedy.tokens(context, latent, count, NEVER)
