"""The three graphs of a BitMar model for one sequence, written with the BITMAR_* composites and a few builtin ops.

Apart from BITMAR_* only ops that are exact element by element or move data: CAST, MUL, ADD, RESHAPE, GATHER.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import tensorflow as tf

from bitmar.errors import BitmarError
from convert import composites
from convert.layouts import LAYOUTS, pack
from model.bitmar import BitMar
from model.layers import RMSNorm, TernaryDense, TernaryEmbedding
from model.layers.block import CrossBlock, DecoderBlock, EncoderBlock, FeedForward
from model.quantizers import ternary_codes

WEIGHTS, SCALE, GAIN = "/weights", "/gamma", "/gain"  # what a constant's name ends with


@dataclass(frozen=True)
class GraphSpec:
    """A graph to convert. `inputs` and `outputs` are in the order of the flatbuffer; `variables` become its state."""

    name: str
    build: Callable[..., dict[str, tf.Tensor]]
    inputs: dict[str, tf.TensorSpec]
    outputs: tuple[str, ...]
    variables: dict[str, tf.TensorSpec] = field(default_factory=dict)


def quantised(layer: TernaryDense | TernaryEmbedding) -> tuple[np.ndarray, np.ndarray]:
    """A layer's weights as the model itself quantises them: codes int8 [rows, cols], gamma float32 [1]. Rows are outputs."""
    dense = isinstance(layer, TernaryDense)
    codes, gamma = ternary_codes(layer.kernel if dense else layer.embeddings)
    codes = np.nan_to_num(codes.numpy()).astype(np.int8)  # gamma tells of a NaN
    return codes.T if dense else codes, gamma.numpy().reshape(1)


def _need_finite(name: str, values: np.ndarray) -> None:
    """A single NaN among the weights makes their mean, gamma, NaN."""
    if not np.isfinite(values).all():
        raise BitmarError(f"{name}: weights that are not finite, expected those of a training that did not diverge")


class Ops:
    """Applies the model's layers inside a graph; every weight becomes one named constant, used as often as needed."""

    def __init__(self, layout: str) -> None:
        self.layout = layout
        self.constants: dict[str, tf.Tensor] = {}

    def constant(self, name: str, value: np.ndarray) -> tf.Tensor:
        if name not in self.constants:
            self.constants[name] = tf.constant(value, name=name)
        return self.constants[name]

    def _weights(self, name: str, layer: TernaryDense | TernaryEmbedding) -> tuple[tuple[int, int, int], tuple]:
        """The op's attributes (layout, rows, cols) and its constants (packed bytes, gamma)."""
        with tf.init_scope():  # outside of the graph: the quantizer runs now
            codes, gamma = quantised(layer)
        _need_finite(name, gamma)
        packed = self.constant(name + WEIGHTS, pack(codes, self.layout))
        return (LAYOUTS[self.layout], *codes.shape), (packed, self.constant(name + SCALE, gamma))

    def dense(self, name: str, layer: TernaryDense, x: tf.Tensor) -> tf.Tensor:
        attributes, weights = self._weights(name, layer)
        return composites.ternary_fc(*attributes, int(layer.activation == "squared_relu"))(x, *weights)

    def embedding(self, name: str, layer: TernaryEmbedding, ids: tf.Tensor) -> tf.Tensor:
        attributes, weights = self._weights(name, layer)
        return composites.ternary_embedding(*attributes)(ids, *weights)

    def top_k(self, name: str, layer: TernaryEmbedding, x: tf.Tensor, k: int) -> tuple[tf.Tensor, tf.Tensor]:
        attributes, weights = self._weights(name, layer)
        return composites.ternary_topk(*attributes, k)(x, *weights)

    def norm(self, name: str, layer: RMSNorm, x: tf.Tensor) -> tf.Tensor:
        with tf.init_scope():
            gain = layer.gain.numpy()
        _need_finite(name, gain)
        return composites.rms_norm()(x, self.constant(name + GAIN, gain))

    def l2_normalize(self, x: tf.Tensor) -> tf.Tensor:
        n = x.shape[-1]
        return composites.rms_norm()(x, self.constant(f"l2_{n}{GAIN}", np.full(n, 1.0 / n**0.5, np.float32)))

    def feed_forward(self, name: str, layer: FeedForward, x: tf.Tensor) -> tf.Tensor:
        h = self.norm(f"{name}/norm", layer.norm, x)
        h = self.dense(f"{name}/up", layer.up, h)
        return x + self.dense(f"{name}/down", layer.down, h)

    def encoder_block(self, name: str, block: EncoderBlock, x: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
        width, heads = block.width, block.heads
        qkv = self.dense(f"{name}/attention/qkv", block.attention.qkv, self.norm(f"{name}/norm", block.norm, x))
        mixed = composites.attention(heads, width, 0, width, 2 * width)(qkv, qkv, mask)
        x = x + self.dense(f"{name}/attention/out", block.attention.out, mixed)
        return self.feed_forward(f"{name}/feed_forward", block.feed_forward, x)

    def cross_block(self, name: str, block: CrossBlock, x: tf.Tensor, memory: tf.Tensor) -> tf.Tensor:
        width, heads = block.width, block.heads
        q = self.dense(f"{name}/attention/q", block.attention.q, self.norm(f"{name}/norm", block.norm, x))
        memory = self.norm(f"{name}/memory_norm", block.memory_norm, memory)
        kv = self.dense(f"{name}/attention/kv", block.attention.kv, memory)
        every = self.constant(f"every_{kv.shape[0]}", np.ones(kv.shape[0], np.int32))
        mixed = composites.attention(heads, width, 0, 0, width)(q, kv, every)
        x = x + self.dense(f"{name}/attention/out", block.attention.out, mixed)
        return self.feed_forward(f"{name}/feed_forward", block.feed_forward, x)

    def decoder_block(
        self, name: str, block: DecoderBlock, x: tf.Tensor, condition: tf.Tensor, step: tuple, sinks: int
    ) -> tf.Tensor:
        """`step`: (position int32 [1], k_cache, v_cache float32 [window, width])."""
        qkv = self.dense(f"{name}/attention/qkv", block.attention.qkv, self.norm(f"{name}/norm", block.norm, x))
        mixed = composites.cached_attention(block.heads, block.width, step[1].shape[0], sinks)(qkv, *step)
        x = x + self.dense(f"{name}/attention/out", block.attention.out, mixed)
        x = x + self.dense(f"{name}/condition", block.condition, condition)
        return self.feed_forward(f"{name}/feed_forward", block.feed_forward, x)


def encoder(model: BitMar) -> GraphSpec:
    """tokens, mask int32 [T], vision float32 [1, 768] -> episode, key, query float32 [1, D], latent float32 [1, L].

    The roundings of storage (episode to half, key to int8) are the store's: the graph gives what goes in.
    """
    c = model.config

    def build(tokens: tf.Tensor, mask: tf.Tensor, vision: tf.Tensor) -> dict[str, tf.Tensor]:
        g = Ops(c.layout)
        see, text, episode, keys = model.vision, model.text, model.episode, model.keys
        x = g.dense("vision/up", see.up, g.norm("vision/norm", see.norm, vision))
        latent = g.dense("vision/down", see.down, g.norm("vision/hidden_norm", see.hidden_norm, x))
        vision_tokens = g.dense("vision/to_tokens", see.to_tokens, latent)
        vision_tokens = tf.reshape(vision_tokens, (see.token_count, see.latent))

        places = g.constant("text/places", np.arange(c.max_seq_len, dtype=np.int32))
        x = g.embedding("text/embedding", text.embedding, tokens)
        x = x + g.embedding("text/positions", text.positions, places)
        for i, block in enumerate(text.blocks):
            x = g.encoder_block(f"text/block_{i}", block, x, mask)
        for i, block in enumerate(text.fusion):
            x = g.cross_block(f"text/fusion_{i}", block, x, vision_tokens)
        x = g.norm("text/norm", text.norm, x)

        x = g.dense("episode/per_position", episode.per_position, x)
        x = x * tf.reshape(tf.cast(mask, tf.float32), (c.max_seq_len, 1))
        x = tf.reshape(x, (1, c.max_seq_len * c.position_features))
        z = g.norm("episode/norm", episode.norm, g.dense("episode/project", episode.project, x))

        seen = g.dense("keys/from_vision", keys.from_vision, g.norm("keys/vision_norm", keys.vision_norm, vision))
        told = g.dense("keys/from_text", keys.from_text, z)
        return {"episode": z, "key": g.l2_normalize(seen), "query": g.l2_normalize(seen + told), "latent": latent}

    inputs = {
        "tokens": tf.TensorSpec((c.max_seq_len,), tf.int32),
        "mask": tf.TensorSpec((c.max_seq_len,), tf.int32),
        "vision": tf.TensorSpec((1, c.vision_dim), tf.float32),
    }
    return GraphSpec("encoder", build, inputs, ("episode", "key", "query", "latent"))


def recall(model: BitMar) -> GraphSpec:
    """scores float32 [k], slots float32 [k, D], mask int32 [k] -> context float32 [1, D]."""
    c = model.config

    def build(scores: tf.Tensor, slots: tf.Tensor, mask: tf.Tensor) -> dict[str, tf.Tensor]:
        g = Ops(c.layout)
        values = g.dense("memory/value", model.memory.value, slots)
        temperature = g.constant("memory/temperature", np.array([c.memory_temperature], np.float32))
        return {"context": composites.memory_read()(scores, values, mask, temperature)}

    inputs = {
        "scores": tf.TensorSpec((c.memory_top_k,), tf.float32),
        "slots": tf.TensorSpec((c.memory_top_k, c.episode_dim), tf.float32),
        "mask": tf.TensorSpec((c.memory_top_k,), tf.int32),
    }
    return GraphSpec("recall", build, inputs, ("context",))


def decoder(model: BitMar) -> GraphSpec:
    """token, position, slot int32 [1], context float32 [1, D], latent float32 [1, L] -> ids int32, logits float32 [top_k]."""
    c, layers = model.config, model.decoder
    names = [f"{kind}_cache_{i}" for i in range(len(layers.blocks)) for kind in "kv"]

    def build(
        token: tf.Tensor,
        position: tf.Tensor,
        slot: tf.Tensor,
        context: tf.Tensor,
        latent: tf.Tensor,
        **caches: tf.Tensor,
    ) -> dict[str, tf.Tensor]:
        g = Ops(c.layout)
        expanded = g.dense("decoder/expand", layers.expand, context)
        expanded = tf.reshape(expanded, (c.max_seq_len, c.position_features))
        x = g.embedding("decoder/embedding", layers.embedding, token)
        x = x + g.embedding("decoder/positions", layers.positions, slot)
        x = x + g.dense("decoder/from_position", layers.from_position, tf.gather(expanded, slot))
        condition = g.dense("decoder/from_context", layers.from_context, context)
        condition = condition + g.dense("decoder/from_latent", layers.from_latent, latent)
        for i, block in enumerate(layers.blocks):
            step = (position, caches[f"k_cache_{i}"], caches[f"v_cache_{i}"])
            x = g.decoder_block(f"decoder/block_{i}", block, x, condition, step, c.attention_sinks)
        x = g.norm("decoder/norm", layers.norm, x)
        ids, logits = g.top_k("decoder/embedding", layers.embedding, x, c.decoder_top_k)
        return {"ids": ids, "logits": logits}

    inputs = {
        "token": tf.TensorSpec((1,), tf.int32),
        "position": tf.TensorSpec((1,), tf.int32),
        "slot": tf.TensorSpec((1,), tf.int32),
        "context": tf.TensorSpec((1, c.episode_dim), tf.float32),
        "latent": tf.TensorSpec((1, c.vision_latent_size), tf.float32),
    }
    cache = tf.TensorSpec((c.max_seq_len, c.text_dim), tf.float32)
    return GraphSpec("decoder", build, inputs, ("ids", "logits"), dict.fromkeys(names, cache))
