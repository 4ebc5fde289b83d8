"""Models that a user might bring: every accepted layer is in one of them. The same weights each time."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
from keras import layers

from convert import convert_keras_model
from model.layers import CrossBlock, EncoderBlock, FeedForward, RMSNorm, TernaryDense, TernaryEmbedding
from model.word_classes import WordClasses


def perceptron() -> keras.Model:
    """RMSNorm, TernaryDense, and layers that do nothing once trained."""
    return keras.Sequential(
        [
            keras.Input((64,)),
            layers.GaussianNoise(0.1),
            RMSNorm(),
            TernaryDense(96, activation="squared_relu"),
            layers.Dropout(0.1),
            layers.GaussianDropout(0.1),
            layers.ActivityRegularization(l1=0.01),
            RMSNorm(),
            layers.Identity(),
            TernaryDense(10),
        ]
    )


def normalised() -> keras.Model:
    """BatchNormalization that has seen data, ReLU (fused into the sum before it), Rescaling."""
    model = keras.Sequential(
        [
            keras.Input((64,)),
            layers.Rescaling(1 / 16, offset=-0.5),
            TernaryDense(40),
            layers.BatchNormalization(),
            layers.ReLU(),
            TernaryDense(7),
        ]
    )
    random = np.random.default_rng(0)
    statistics = (
        random.uniform(0.5, 2, 40),
        random.normal(size=40),
        random.normal(size=40),
        random.uniform(0.5, 2, 40),
    )
    next(layer for layer in model.layers if isinstance(layer, layers.BatchNormalization)).set_weights(statistics)
    return model


def branches() -> keras.Model:
    """Two named inputs and outputs, sums, products, concatenation, reshapes; a name that is a word of Python and C."""
    left, right = keras.Input((16,), name="left"), keras.Input((16,), name="while")
    both = layers.Concatenate()([TernaryDense(8)(left), layers.Activation("relu")(TernaryDense(8)(right))])
    total = layers.Add()([both, left])
    difference = layers.Subtract()([total, layers.Multiply()([both, right])])
    rows = layers.Concatenate(axis=1)(
        [layers.Reshape((4, 4))(difference), layers.Reshape((2, 4))(TernaryDense(8)(left))]
    )
    pooled = TernaryDense(5)(layers.Flatten()(layers.ReLU()(rows)))
    return keras.Model([left, right], {"total": total, "out": layers.Activation("linear")(pooled)})


def text() -> keras.Model:
    """Token ids and a mask through an embedding and two blocks, one of them masked."""
    ids = keras.Input((12,), dtype="int32", name="ids")
    mask = keras.Input((12,), dtype="int32", name="mask")
    x = layers.SpatialDropout1D(0.1)(TernaryEmbedding(50, 32)(ids))
    x = EncoderBlock(32, 4)(x, mask)
    x = RMSNorm()(EncoderBlock(32, 2)(x))
    return keras.Model([ids, mask], TernaryDense(3)(layers.Flatten()(x)))


def fused() -> keras.Model:
    """Cross-attention of a sequence to another, then a feed-forward half inside a nested model."""
    x, memory = keras.Input((6, 32), name="x"), keras.Input((4, 32), name="memory")
    inner = keras.Sequential([keras.Input((6, 32)), FeedForward(32), RMSNorm()])
    return keras.Model([x, memory], inner(CrossBlock(32, 2)(x, memory)))


class TiedHead(keras.Model):
    """A subclass: the sum of two projections looked up in an embedding table, the three nearest rows."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = TernaryDense(8, activation="squared_relu"), TernaryDense(8)
        self.table = TernaryEmbedding(30, 8)
        self.table.build()

    def call(self, x: keras.KerasTensor) -> tuple[keras.KerasTensor, keras.KerasTensor]:
        return self.table.top_k(self.first(x) + self.second(x), 3)


class ClassHead(keras.Model):
    """A subclass with an output head of two levels: nine frequent words, three classes of the others."""

    def __init__(self) -> None:
        super().__init__()
        self.classes = WordClasses(vocab_size=30, shortlist=9, size=8)
        self.table, self.class_head = TernaryEmbedding(30, 8), TernaryDense(self.classes.count)
        self.table.build()

    def call(self, x: keras.KerasTensor) -> tuple[keras.KerasTensor, keras.KerasTensor]:
        return self.table.class_top_k(x, self.class_head(x), 3, self.classes)


def class_head() -> keras.Model:
    model = ClassHead()
    model(np.zeros((1, 8), np.float32))
    return model


def tied_head() -> keras.Model:
    model = TiedHead()
    model(np.zeros((1, 8), np.float32))
    return model


MODELS: dict[str, Callable[[], keras.Model]] = {
    function.__name__: function for function in (perceptron, normalised, branches, text, fused, tied_head, class_head)
}


def build(name: str) -> keras.Model:
    """One of MODELS with seeded weights and gains of its own."""
    keras.utils.set_random_seed(11)
    model = MODELS[name]()
    random = np.random.default_rng(12)
    for variable in model.variables:
        if variable.name == "gain":
            variable.assign(random.uniform(0.5, 1.5, variable.shape))
    return model


@functools.cache
def converted(name: str, layout: str = "b3") -> bytes:
    """The flatbuffer of one of MODELS, converted once in a test run."""
    return convert_keras_model(build(name), layout, name)


def random_inputs(file: Path, seed: int) -> dict[str, np.ndarray]:
    """Numbers for every input of a flatbuffer; int32 ones are ids below 30, masks 0 or 1."""
    from bitmar.runtime import Graph

    random = np.random.default_rng(seed)

    def numbers(detail: dict) -> np.ndarray:
        if detail["dtype"] == np.float32:
            return random.normal(size=detail["shape"]).astype(np.float32)
        return random.integers(0, 2 if detail["name"] == "mask" else 30, detail["shape"]).astype(np.int32)

    return {detail["name"]: numbers(detail) for detail in Graph(file).interpreter.get_input_details()}
