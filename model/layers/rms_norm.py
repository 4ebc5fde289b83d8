"""Root mean square layer normalisation (Zhang and Sennrich, 2019)."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from model.discriminant import WINDOWS
from model.functional import rms_norm


@keras.saving.register_keras_serializable(package="bitmar")
class RMSNorm(keras.layers.Layer):
    """y = x / sqrt(mean(x^2) + 1e-6) * gain; float32 [..., n] -> float32 [..., n]. A zero token stays zero."""

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.gain = self.add_weight(name="gain", shape=(input_shape[-1],), initializer="ones", trainable=True)

    def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
        return rms_norm(x, self.gain)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape


def l2_normalize(x: keras.KerasTensor) -> keras.KerasTensor:
    """x / |x| as the device computes it: an RMS norm whose gain is 1 / sqrt(n). Zero stays zero."""
    return rms_norm(x, 1.0 / x.shape[-1] ** 0.5)


def window_normalize(x: keras.KerasTensor) -> keras.KerasTensor:
    """A picture's WINDOWS parts, each of unit mean square; float32 [B, n] -> [B, n]. Zero stays zero."""
    n = x.shape[-1]
    return ops.reshape(rms_norm(ops.reshape(x, (-1, n // WINDOWS)), 1.0), (-1, n))
