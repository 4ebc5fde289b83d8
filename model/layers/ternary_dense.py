"""A dense layer with ternary weights and int8 activations (BitLinear of BitNet b1.58)."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from model.quantizers import int8_codes, ternary_codes


@keras.saving.register_keras_serializable(package="bitmar")
class TernaryDense(keras.layers.Layer):
    """y = (int8 codes of x) . (ternary codes of W) * (activation scale * gamma); no bias.

    The product is a sum of integers below 2^24, hence exact in float32 whatever its order: training computes the same
    numbers as the device's integer kernel.

    Input float32 [..., n]; output float32 [..., units]. `kernel` is float32 [n, units] (the master weights).
    Args: units: outputs. activation: None or "squared_relu" (So et al., 2021: max(y, 0)^2).
    """

    def __init__(self, units: int, activation: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if activation not in (None, "squared_relu"):
            raise ValueError(f"TernaryDense: activation is {activation!r}, expected None or 'squared_relu'")
        self.units = units
        self.activation = activation

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.kernel = self.add_weight(
            name="kernel", shape=(input_shape[-1], self.units), initializer="glorot_uniform", trainable=True
        )

    def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
        weight_codes, gamma = ternary_codes(self.kernel)
        codes, scale = int8_codes(x)
        y = ops.matmul(codes, weight_codes) * (scale * gamma)
        if self.activation == "squared_relu":
            y = ops.relu(y)
            y = y * y
        return y

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units, "activation": self.activation}
