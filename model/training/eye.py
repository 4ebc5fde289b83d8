"""The eye's sixth stage, trained on drawings.

ImageNet's photographs taught the network texture, which flat colours and line art have little of. Its last stage learns what two
artists' drawings of one thing share: contrastively (InfoNCE, van den Oord et al., 2018), through the device's own pooling and a
linear key head that starts from the closed-form discriminant and is thrown away. The stages before it stay as they are: their
maps of all pictures are computed once.

It is trained on `Builder.statistics_drawings()` alone: drawings of the training sets, of concepts that no split holds out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from bitmar.eye import SIZE, prepare
from bitmar.image_file import open_image
from model import discriminant
from model.data import camera_views, drawn_views, lite0
from model.data.build import Builder
from model.data.features import STD_FLOOR, each_view
from model.layers import window_normalize
from model.training.batches import draw_pairs
from model.training.losses import info_nce
from model.training.schedule import cosine

STEPS = 600
PAIRS = 192  # concepts of a step, two drawings each
RATE = 1e-4  # of the convolutions
HEAD_RATE = 1e-3
HEAD_DECAY = 0.01
WARMUP = 50
CLIP = 1.0  # norm of each tensor's gradient
VIEWED = 0.35  # share of the drawings that is a view
NOISE, DROPOUT, TEMPERATURE = 0.5, 0.2, 0.07
DIMS = 128
SHRINKAGE = 0.3
BATCH = 64  # pictures at a time through what is not trained


class Seen(NamedTuple):
    """Drawings as the frozen stages see them. N drawings, each followed by its views."""

    maps: np.ndarray  # float16 [M, 8, 8, 112]
    first: np.ndarray  # int64 [N]: row of the drawing itself
    views: int  # how many rows follow it
    concepts: list[np.ndarray]  # of each concept that two artists drew, its drawings' indices


class Network(NamedTuple):
    """The network, cut before its sixth stage."""

    frozen: keras.Model  # float32 [B, 128, 128, 3] -> [B, 8, 8, 112]
    trained: keras.Model  # float32 [B, 8, 8, 112] -> [B, 4, 4, 192]


def network(weights: dict[str, np.ndarray]) -> Network:
    """The network with ImageNet's weights."""
    image, out = lite0.body(weights, SIZE, batch=None)
    between = keras.Model(image, out).get_layer(lite0.FROZEN).output
    return Network(keras.Model(image, between), keras.Model(between, out))


def see(builder: Builder, frozen: keras.Model) -> Seen:
    """The drawings that may be trained on, and their views, through the frozen stages; progress shown."""
    pictures = builder.statistics_drawings()
    camera = camera_views.views(pictures)
    run = tf.function(lambda x: tf.cast(frozen(tf.cast(x, tf.float32) / 128.0), tf.float16))
    parts = []
    for name in dict.fromkeys(path.parent.name for path in pictures):
        own = [path for path in pictures if path.parent.name == name]
        seen = [[prepare(open_image(path))] for path in own]
        for kind, views in (("camera", camera), ("drawn", drawn_views.views)):
            for rows, more in zip(seen, each_view(own, views, prepare, f"{kind} {name}"), strict=True):
                rows += more
        pixels = np.concatenate(seen)
        parts += [run(tf.constant(pixels[i : i + BATCH])).numpy() for i in range(0, len(pixels), BATCH)]
    views = camera_views.VIEWS + drawn_views.VIEWS
    _, of = np.unique([path.stem for path in pictures], return_inverse=True)
    groups = [np.flatnonzero(of == concept) for concept in range(of.max() + 1)]
    first = np.arange(len(pictures)) * (1 + views)
    return Seen(np.concatenate(parts), first, views, [group for group in groups if len(group) >= 2])


def object_pool(maps: tf.Tensor) -> tf.Tensor:
    """bm_object_pool without its scale and shift (kernels/include/bitmar_vision.h): float32 [B, n, n, c] -> [B, 4 * c]."""
    side, channels = maps.shape[1], maps.shape[-1]
    y, x = (line.reshape(-1) for line in np.indices((side, side), np.float32))
    border = (y == 0) | (y == side - 1) | (x == 0) | (x == side - 1)
    cells = tf.reshape(maps, (-1, side * side, channels))
    around = tf.reduce_mean(tf.boolean_mask(cells, border, axis=1), 1, keepdims=True)
    distance = tf.reduce_sum(tf.square(cells - around), -1)
    weight = distance / tf.maximum(tf.reduce_sum(distance, 1, keepdims=True), 1e-9)

    def lower(line: np.ndarray) -> tf.Tensor:
        return tf.sigmoid((line - tf.reduce_sum(weight * line, 1, keepdims=True)) * (10 / side))

    down, right = lower(y), lower(x)
    quadrants = [(1 - down) * (1 - right), (1 - down) * right, down * (1 - right), down * right]
    return tf.concat([tf.einsum("bi,bic->bc", weight * quadrant, cells) for quadrant in quadrants], 1)


def train(trained: keras.Model, seen: Seen, steps: int = STEPS, seed: int = 0) -> Iterator[float]:
    """Train the sixth stage; yields each step's loss. The result depends on the threads' order of additions too."""
    pooled = tf.function(lambda maps: object_pool(trained(tf.cast(maps, tf.float32))))
    plain = seen.maps[seen.first]
    numbers = np.concatenate([pooled(tf.constant(plain[i : i + BATCH])).numpy() for i in range(0, len(plain), BATCH)])
    mean, std = numbers.mean(0), numbers.std(0) + STD_FLOOR
    drawn = np.concatenate(seen.concepts)
    concept = np.repeat(np.arange(len(seen.concepts)), [len(group) for group in seen.concepts])
    inputs = discriminant.window_normalised((numbers[drawn] - mean) / std)
    matrix = discriminant.fit(inputs, concept, DIMS, SHRINKAGE)
    head = tf.Variable(matrix / matrix.std() * matrix.shape[0] ** -0.5)
    step = _step(trained, head, mean, std)
    rng = np.random.default_rng((seed, 7))
    for i in range(steps):
        chosen = rng.permutation(len(seen.concepts))[:PAIRS]
        pair = draw_pairs([seen.concepts[c] for c in chosen], rng)
        maps = [tf.constant(seen.maps[_looked(seen, rows, rng)]) for rows in pair]
        shape = (len(chosen), len(mean))
        noise = [tf.constant(rng.standard_normal(shape, np.float32) * np.float32(NOISE)) for _ in pair]
        kept = [tf.constant((rng.random(shape, np.float32) >= DROPOUT) / np.float32(1 - DROPOUT)) for _ in pair]
        rate = min(1.0, (i + 1) / WARMUP) * cosine(i / steps)
        yield float(step(maps, noise, kept, tf.constant(rate, tf.float32)))


def _looked(seen: Seen, drawings: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Rows of `maps`: the drawings, VIEWED of them in one of their views."""
    view = rng.integers(1, seen.views + 1, size=len(drawings))
    return seen.first[drawings] + view * (rng.random(len(drawings)) < VIEWED)


def _step(trained: keras.Model, head: tf.Variable, mean: np.ndarray, std: np.ndarray) -> Any:
    """A compiled training step: (two sets of maps, noise and dropout of their numbers, share of the rates) -> loss."""
    variables = trained.trainable_variables
    convolutions, linear = keras.optimizers.Adam(RATE), keras.optimizers.AdamW(HEAD_RATE, weight_decay=HEAD_DECAY)
    convolutions.build(variables)
    linear.build([head])

    def key(maps: tf.Tensor, noise: tf.Tensor, kept: tf.Tensor) -> tf.Tensor:
        numbers = (object_pool(trained(tf.cast(maps, tf.float32), training=True)) - mean) / std
        return tf.math.l2_normalize(tf.matmul(window_normalize((numbers + noise) * kept), head), -1)

    @tf.function
    def step(maps: list[tf.Tensor], noise: list[tf.Tensor], kept: list[tf.Tensor], rate: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            taught, asked = (key(*given) for given in zip(maps, noise, kept, strict=True))
            loss = info_nce(asked, taught, TEMPERATURE)
        *gradients, last = tape.gradient(loss, [*variables, head])
        convolutions.learning_rate.assign(RATE * rate)
        linear.learning_rate.assign(HEAD_RATE * rate)
        clipped = [tf.clip_by_norm(gradient, CLIP) for gradient in gradients]
        convolutions.apply_gradients(zip(clipped, variables, strict=True))
        linear.apply_gradients([(last, head)])
        return loss

    return step


def stored(trained: keras.Model) -> dict[str, np.ndarray]:
    """What `lite0.read_trained` reads: kernels in half precision (int8 is what becomes of them), biases float32."""
    layers = [layer for layer in trained.layers if layer.weights]
    arrays = {}
    for layer in layers:
        kernel, bias = layer.get_weights()
        arrays |= {f"{layer.name}/kernel": kernel.astype(np.float16), f"{layer.name}/bias": bias.astype(np.float32)}
    return arrays
