"""Times of all models in one run on this machine, interleaved: a token, a question, a lesson; one thread, Python included."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from bitmar.bench import random_picture
from bitmar.device import memory_shape
from bitmar.engine import Engine
from bitmar.memory import Memory
from bitmar.model_folder import read_model
from bitmar.native import library
from bitmar.tokenizer import Tokenizer
from deploy.report.configurations import Standing

NAME = "grandma's cup"
ANSWER = 4  # tokens of an answer: what its weights make of it does not change how long it takes
STREAM = 32  # tokens of a stream: the shortest window
ROUNDS = 40
ACTIONS = {  # what is timed, in words
    "token": "a token",
    "ask": "a question",
    "teach": "a lesson",
    "encode_picture": "encoding a picture",
    "encode_whole_text": "encoding a text that fills the window",
    "answer_of_a_window": "an answer that fills the window",
}


def actions(engine: Engine, memory: Memory, tokenizer: Tokenizer) -> dict[str, tuple[Callable[[], object], int]]:
    """ACTIONS as functions, and how many times each happens in one call.

    The same work as `Device` does, whatever the weights are: a question's answer has ANSWER tokens, a lesson is read back once.
    """
    picture, name, about = random_picture(), tokenizer.encode(NAME), engine.model
    seen = engine.encode([], picture)
    whole = (name * about.max_tokens)[: about.max_tokens - 1]

    def say(episode: np.ndarray) -> None:
        engine.stream(engine.alone(episode), engine.no_picture(), ANSWER)

    def ask() -> None:
        nearest = memory.nearest(engine.encode([], picture).query)
        say(memory.read(nearest.slot))

    def teach() -> None:
        shown = engine.encode(name, picture)
        episode = memory.as_stored(engine.encode(name, None).episode)
        say(episode)
        memory.teach(NAME, episode, shown.key, decodes=True)

    def stream(count: int) -> None:
        engine.stream(engine.no_context(), seen.latent, count)

    teach()
    return {
        "token": (lambda: stream(STREAM), STREAM),
        "ask": (ask, 1),
        "teach": (teach, 1),
        "encode_picture": (lambda: engine.encode([], picture), 1),
        "encode_whole_text": (lambda: engine.encode(whole, picture), 1),
        "answer_of_a_window": (lambda: stream(about.window), 1),
    }


def times(standings: list[Standing]) -> dict[str, Any]:
    """Medians of the thread's CPU time in milliseconds by configuration and action; the kernels' instruction set.

    class_tokens: which share of a stream's tokens the decoder's head took from a class of words; None where it has none.
    """
    timed, class_tokens = {}, {}
    for standing in standings:
        model = read_model(standing.folder)
        tokenizer = Tokenizer(model.path / "tokenizer.bin", library.load())
        memory, engine = Memory(None, memory_shape(model, None)), Engine(model)
        timed |= {(standing.name, what): how for what, how in actions(engine, memory, tokenizer).items()}
        class_tokens[standing.name] = of_classes(engine)
    found: dict[tuple[str, str], list[float]] = {key: [] for key in timed}
    for _ in range(ROUNDS):
        for key, (action, count) in timed.items():
            action()  # its code and weights are in the cache, not those of the one before
            start = time.thread_time_ns()
            action()
            found[key].append((time.thread_time_ns() - start) / 1e6 / count)
    medians: dict[str, dict[str, float]] = {standing.name: {} for standing in standings}
    for (name, what), values in found.items():
        medians[name][what] = round(float(np.median(values)), 4)
    return {"isa": library.load().bm_isa().decode(), "ms": medians, "class_tokens": class_tokens}


def of_classes(engine: Engine) -> float | None:
    """The share of words of a class among the tokens of the stream that is timed; None for a head without classes."""
    config = engine.model.config
    if not config.get("decoder_class_words"):
        return None
    tokens = engine.stream(engine.no_context(), engine.encode([], random_picture()).latent, STREAM)
    return sum(token >= config["decoder_shortlist"] for token in tokens) / STREAM
