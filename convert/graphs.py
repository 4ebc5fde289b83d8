"""The signatures of a BitMar model's three graphs for one sequence: which method, with what in and out."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import tensorflow as tf

from convert.functional import target
from model.bitmar import BitMar
from model.functional import KeyValueCache

# What BitMar's graphs may have beside BITMAR_*: exact element by element or moving data only, so the same bits everywhere; with
# the newest version of each that tflite-runtime 2.14 has.
BUILTINS = {"ADD": 1, "MUL": 1, "CAST": 1, "RESHAPE": 1, "GATHER": 1}


Traced = Callable[[], AbstractContextManager[None]]  # replaces the layers' functions while a graph is traced


@dataclass(frozen=True)
class GraphSpec:
    """A graph to convert. `inputs` and `outputs` are in the order of the flatbuffer; `variables` become its state.

    `build` takes the inputs and variables by name and traces BITMAR_* ops; `builtins` are the other ops that may
    come of it, with the newest version of each; `captured` are variables whose values it reads.
    """

    name: str
    build: Callable[..., dict[str, tf.Tensor]]
    inputs: dict[str, tf.TensorSpec]
    outputs: tuple[str, ...]
    description: str
    builtins: dict[str, int]
    variables: dict[str, tf.TensorSpec] = field(default_factory=dict)
    captured: list[tf.Variable] = field(default_factory=list)


def _spec(
    model: BitMar,
    name: str,
    method: Callable[..., dict[str, tf.Tensor]],
    inputs: dict[str, tf.TensorSpec],
    outputs: tuple[str, ...],
    traced: Traced | None,
    variables: dict[str, tf.TensorSpec] | None = None,
) -> GraphSpec:
    """A graph of the model's own layers; BITMAR_* ops packed as its configuration says, or what `traced` makes of them."""

    def build(**tensors: tf.Tensor) -> dict[str, tf.Tensor]:
        with traced() if traced else target(model.config.layout):
            return method(**tensors)

    return GraphSpec(name, build, inputs, outputs, f"BitMar {name}", BUILTINS, variables or {})


def encoder(model: BitMar, traced: Traced | None = None) -> GraphSpec:
    """tokens, mask int32 [T], vision float32 [1, 768] -> episode, key, query float32 [1, D], latent float32 [1, L].

    The roundings of storage (episode to half, key to int8) are the store's: the graph gives what goes in.
    """
    c = model.config
    inputs = {
        "tokens": tf.TensorSpec((c.max_seq_len,), tf.int32),
        "mask": tf.TensorSpec((c.max_seq_len,), tf.int32),
        "vision": tf.TensorSpec((1, c.vision_dim), tf.float32),
    }
    return _spec(model, "encoder", model.encode, inputs, ("episode", "key", "query", "latent"), traced)


def recall(model: BitMar, traced: Traced | None = None) -> GraphSpec:
    """scores float32 [k], slots float32 [k, D], mask int32 [k] -> context float32 [1, D]."""
    c = model.config

    def read(scores: tf.Tensor, slots: tf.Tensor, mask: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"context": model.read(scores, slots, mask)}

    inputs = {
        "scores": tf.TensorSpec((c.memory_top_k,), tf.float32),
        "slots": tf.TensorSpec((c.memory_top_k, c.episode_dim), tf.float32),
        "mask": tf.TensorSpec((c.memory_top_k,), tf.int32),
    }
    return _spec(model, "recall", read, inputs, ("context",), traced)


def decoder(model: BitMar, traced: Traced | None = None, cache: str = "int8") -> GraphSpec:
    """token, position, slot int32 [1], context float32 [1, D], latent float32 [1, L] -> ids int32, logits float32 [top_k].

    `cache`: "int8" or "float32", what the key/value caches hold; with `traced` float32.
    """
    c = model.config

    def step(
        token: tf.Tensor,
        position: tf.Tensor,
        slot: tf.Tensor,
        context: tf.Tensor,
        latent: tf.Tensor,
        **kept: tf.Tensor,
    ) -> dict[str, tf.Tensor]:
        caches = [
            KeyValueCache(position, kept[f"k_cache_{i}"], kept[f"v_cache_{i}"], c.attention_sinks)
            for i in range(c.text_decoder_layers)
        ]
        ids, logits = model.decode_step(token, slot, context, latent, caches)
        return {"ids": ids, "logits": logits}

    inputs = {
        "token": tf.TensorSpec((1,), tf.int32),
        "position": tf.TensorSpec((1,), tf.int32),
        "slot": tf.TensorSpec((1,), tf.int32),
        "context": tf.TensorSpec((1, c.episode_dim), tf.float32),
        "latent": tf.TensorSpec((1, c.vision_latent_size), tf.float32),
    }
    spec = tf.TensorSpec((c.max_seq_len, c.text_dim), tf.float32)
    if cache == "int8" and not traced:  # codes, then a float32 scale for each head
        spec = tf.TensorSpec((c.max_seq_len, c.text_dim + 4 * c.text_decoder_heads), tf.uint8)
    caches = {f"{kind}_cache_{i}": spec for i in range(c.text_decoder_layers) for kind in "kv"}
    return _spec(model, "decoder", step, inputs, ("ids", "logits"), traced, caches)
