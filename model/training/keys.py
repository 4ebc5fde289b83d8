"""The key head, trained by itself before the rest: one ternary matrix that tells things apart, whoever drew them.

It starts from the closed-form discriminant and is trained contrastively between different artists' drawings of one thing
(InfoNCE, van den Oord et al., 2018), with noise and dropout on the 768 numbers; an anchor holds its cosines near the
discriminant's. The discriminant is of the drawings; of what is compared a tenth are views: by a camera, in front of backgrounds,
and as other hands might draw them (`pipeline.py data`). Nothing else trains it later, so its figures depend on drawings and
seed alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from model import discriminant
from model.config import BitMarConfig
from model.data.dataset import NO_VIEWS, Views
from model.data.groups import sizes_of, some_of
from model.data.states import Pictures
from model.episodic_memory import KeyHead
from model.layers import l2_normalize, window_normalize
from model.quantizers import int8_rounded
from model.training.batches import augment, choose, draw_pairs, look
from model.training.losses import info_nce
from model.training.schedule import cosine

RATE = 0.003
SHRINKAGE = 0.5  # what the eye was trained on spreads less within a thing than what it was not
MOST = 8192  # drawings that the discriminant is of, at most: it computes with eight float64 copies of them


def some_groups(drawings: Sequence[np.ndarray], dims: int, seed: int) -> Sequence[np.ndarray]:
    """The groups that the discriminant is of: all, or a seeded choice of about MOST drawings, whole groups.

    If there are more than `dims` groups of two drawings or more, the choice is among these: they tell of the spread within.
    """
    sizes = sizes_of(drawings)
    if sizes.sum() <= MOST:
        return drawings
    several = np.flatnonzero(sizes > 1)
    among = several if len(several) > dims else np.arange(len(drawings))
    chosen = some_of(among, sizes, MOST, dims + 1, np.random.default_rng((seed, 7)))
    return [drawings[i][:MOST] for i in chosen]


def train_keys(
    head: KeyHead,
    features: np.ndarray | Pictures,
    drawings: Sequence[np.ndarray],
    config: BitMarConfig,
    seed: int,
    views: Views = NO_VIEWS,
) -> None:
    """Train `from_vision` and its norm's gain. features float32 [N, 768]; drawings: rows of each concept, at least two each."""
    t = config.training
    if len(drawings) <= head.dim:  # fewer things than numbers: nothing to compute a discriminant from
        return
    groups = some_groups(drawings, head.dim, seed)
    concept = np.repeat(np.arange(len(groups)), sizes_of(groups))
    pictures = features[np.concatenate(groups)]
    matrix = discriminant.fit(discriminant.window_normalised(pictures), concept, head.dim, SHRINKAGE)
    kernel = head.from_vision.kernel
    kernel.assign(matrix / matrix.std() * float(np.std(kernel.numpy())))
    variables = [kernel, head.vision_norm.gain]
    optimizer = keras.optimizers.AdamW(RATE, weight_decay=t.weight_decay, beta_2=t.beta_2)
    optimizer.exclude_from_weight_decay(var_names=["gain"])
    optimizer.build(variables)
    reference = tf.constant(matrix)

    def closed_form(x: tf.Tensor) -> tf.Tensor:
        return l2_normalize(tf.matmul(window_normalize(x), reference))

    @tf.function(jit_compile=True)
    def step(taught: tf.Tensor, asked: tf.Tensor, rate: tf.Tensor) -> None:
        with tf.GradientTape() as tape:
            keys, queries = (int8_rounded(head.of_picture(x)) for x in (taught, asked))
            wanted = tf.matmul(closed_form(asked), closed_form(taught), transpose_b=True)
            off = tf.reduce_mean(tf.square(tf.matmul(queries, keys, transpose_b=True) - wanted))
            loss = info_nce(queries, keys, t.contrastive_temperature) + t.key_anchor * off
        optimizer.learning_rate.assign(rate)
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))

    rng = np.random.default_rng((seed, 6))
    for i in range(t.key_steps):
        chosen = choose(rng, len(drawings), t.contrastive_pairs)
        rows = draw_pairs([drawings[c] for c in chosen], rng)
        seen = (look(features, r, views, rng) for r in rows)
        taught, asked = (augment(x, t.vision_noise, t.vision_dropout, rng) for x in seen)
        rate = RATE * cosine(i / t.key_steps)
        step(tf.constant(taught), tf.constant(asked), tf.constant(rate, tf.float32))
