"""Property: the layers compute the same in their differentiable form and as BITMAR_* composites, through the same code."""

from __future__ import annotations

import inspect

import numpy as np
import tensorflow as tf

from convert import target
from convert.functional import CompositeFunctions
from model import functional
from model.functional import KeyValueCache

TOLERANCE = 0.02  # of the largest number: a softmax that rounds otherwise may flip an int8 code or two


def replaceable() -> dict[str, object]:
    """The functions that a conversion replaces, by name."""
    return {name: f for name, f in vars(functional).items() if hasattr(f, "__wrapped__") and name != "replaced_by"}


def test_every_function_has_both_forms():
    """The same names, the same parameters: a layer cannot tell which one it calls."""
    methods = {n: m for n, m in vars(CompositeFunctions).items() if inspect.isfunction(m) and not n.startswith("_")}
    assert sorted(methods) == sorted(replaceable()) and len(methods) == 14
    for name, method in methods.items():
        parameters = list(inspect.signature(method).parameters.values())[1:]
        expected = inspect.signature(replaceable()[name]).parameters.values()
        assert [(p.name, p.default) for p in parameters] == [(p.name, p.default) for p in expected], name


def close(device: np.ndarray, keras_side: np.ndarray) -> None:
    """Equal but for a few flipped roundings."""
    error = np.abs(np.asarray(device) - np.asarray(keras_side).reshape(np.shape(device)))
    assert error.max() <= TOLERANCE * np.abs(keras_side).max(), error.max()


def one_sequence(model, seed: int = 3) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """tokens, mask int32 [1, T], picture float32 [1, 768]."""
    c, random = model.config, np.random.default_rng(seed)
    tokens = random.integers(3, c.vocab_size, (1, c.max_seq_len)).astype(np.int32)
    mask = (np.arange(c.max_seq_len)[None] < 9).astype(np.int32)
    return tokens, mask, random.normal(size=(1, c.vision_dim)).astype(np.float32)


def test_encode_in_both_forms(ultra_tiny):
    model = ultra_tiny.model
    tokens, mask, picture = one_sequence(model)
    batched = model.encode(tokens, mask, picture)
    with target("b3"):
        alone = model.encode(tf.constant(tokens[0]), tf.constant(mask[0]), tf.constant(picture))
    for name, value in batched.items():
        close(alone[name], value.numpy())


def test_read_in_both_forms(ultra_tiny):
    model, random = ultra_tiny.model, np.random.default_rng(4)
    scores = random.uniform(-1, 1, (1, 1, 4)).astype(np.float32)
    episodes = random.normal(size=(1, 4, model.config.episode_dim)).astype(np.float32)
    allowed = np.array([1, 0, 1, 1], np.int32)
    batched = model.read(scores, episodes, allowed)
    with target("rm2"):
        close(model.read(scores[0, 0], episodes[0], allowed), batched.numpy())


def caches(config, position: int, batch: tuple[int, ...]) -> list[KeyValueCache]:
    empty = tf.zeros((*batch, config.max_seq_len, config.text_dim))
    at = tf.constant([position])
    return [KeyValueCache(at, empty, empty, config.attention_sinks) for _ in range(config.text_decoder_layers)]


def test_cached_steps_are_the_whole_sequence(ultra_tiny):
    """A stream decoded token by token, as the device does it, gives the logits of the whole sequence as it trains."""
    model, c = ultra_tiny.model, ultra_tiny.model.config
    random = np.random.default_rng(5)
    tokens = random.integers(3, c.vocab_size, (2, 12)).astype(np.int32)
    context = random.normal(size=(2, c.episode_dim)).astype(np.float32)
    latent = random.normal(size=(2, c.vision_latent_size)).astype(np.float32)
    whole = model.decode(tokens, context, latent).numpy()
    kept = caches(c, 0, (2,))
    for position in range(tokens.shape[1]):
        at = tf.constant([position])
        for cache in kept:
            cache.position = at
        ids, logits = model.decode_step(tokens[:, position : position + 1], at, context, latent, kept)
        expected = np.sort(whole[:, position])[:, ::-1][:, : c.decoder_top_k]
        close(logits.numpy()[:, 0], expected)
        chosen = np.take_along_axis(whole[:, position], ids.numpy()[:, 0], axis=1)
        close(chosen, expected)


def test_the_first_step_in_both_forms(ultra_tiny):
    """The composite only reads the caches that it is given; their update is the op's."""
    model, c = ultra_tiny.model, ultra_tiny.model.config
    random = np.random.default_rng(6)
    context = random.normal(size=(1, c.episode_dim)).astype(np.float32)
    latent = random.normal(size=(1, c.vision_latent_size)).astype(np.float32)
    token, slot = tf.constant([7]), tf.constant([0])
    ids, logits = model.decode_step(token[None], slot, context, latent, caches(c, 0, (1,)))
    with target("b3"):
        device_ids, device_logits = model.decode_step(token, slot, context, latent, caches(c, 0, ()))
    close(device_logits, logits.numpy())
    assert device_ids.numpy()[0] == ids.numpy()[0, 0, 0]


def test_nothing_is_replaced_outside_of_a_target(ultra_tiny):
    """Also when the tracing inside fails."""
    tokens, mask, picture = one_sequence(ultra_tiny.model)
    before = ultra_tiny.model.encode(tokens, mask, picture)["episode"].numpy()
    try:
        with target("b3"):
            raise RuntimeError("broken")
    except RuntimeError:
        pass
    np.testing.assert_array_equal(ultra_tiny.model.encode(tokens, mask, picture)["episode"].numpy(), before)
