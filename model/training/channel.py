"""What the episode's matrices start from instead of random numbers: a channel through the slot that fits itself."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from model.bitmar import BitMar

BATCH = 256
RATE = 0.005
LONGEST = 26  # positions; longer texts are rare
TINY = 1e-12


def fit_channel(model: BitMar, steps: int) -> None:
    """Fit features -> project -> slot -> value -> expand -> features to noise: a matched pair instead of two random matrices.

    Random features of 1 to 26 positions are written into a slot and expanded again; the loss is 1 - their cosine with what
    went in. The matrices keep the spread of their start, which is what AdamW's rate is meant for.
    """
    c = model.config
    positions, features = c.max_seq_len, c.position_features
    longest = min(LONGEST, positions)
    variables = [model.episode.project.kernel, model.memory.value.kernel, model.decoder.expand.kernel]
    spread = [float(np.std(v.numpy())) for v in variables]
    optimizer = keras.optimizers.Adam(RATE, beta_2=c.training.beta_2)
    optimizer.build(variables)

    @tf.function(jit_compile=True)
    def step(x: tf.Tensor, mask: tf.Tensor, rate: tf.Tensor) -> None:
        with tf.GradientTape() as tape:
            episode = model.episode.combine(x * mask[..., None])
            back = model.decoder.expand(model.memory.context_of(episode))
            back = tf.reshape(back, (-1, positions, features))
            # positions that no text reaches fade to zeros, where a norm has no gradient
            length = tf.sqrt(tf.reduce_sum(back * back, -1) + TINY)
            cosine = tf.reduce_sum(back * x, -1) / (length * tf.norm(x, axis=-1) + 1e-6)
            loss = tf.reduce_mean(tf.reduce_sum((1 - cosine) * mask, 1) / tf.reduce_sum(mask, 1))
        optimizer.learning_rate.assign(rate)
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))

    rng = np.random.default_rng((c.training.seed, 5))
    for i in range(steps):
        lengths = 1 + (rng.random(BATCH) ** 1.5 * longest).astype(int)
        x = rng.standard_normal((BATCH, positions, features), np.float32)
        mask = (np.arange(positions) < lengths[:, None]).astype(np.float32)
        step(tf.constant(x), tf.constant(mask), tf.constant(RATE * (1 - i / steps) + 1e-5, tf.float32))
    for variable, before in zip(variables, spread, strict=True):
        values = variable.numpy()
        variable.assign(values / values.std() * before)
