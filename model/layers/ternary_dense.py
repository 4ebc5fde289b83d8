"""A dense layer with ternary weights and int8 activations (BitLinear of BitNet b1.58)."""

from __future__ import annotations

from typing import Any

import keras

from model.functional import ACTIVATIONS, ternary_fc


@keras.saving.register_keras_serializable(package="bitmar")
class TernaryDense(keras.layers.Layer):
    """y = (int8 codes of x) . (ternary codes of W) * (activation scale * gamma); no bias. See model.functional.ternary_fc.

    Input float32 [..., n]; output float32 [..., units]. `kernel` is float32 [n, units] (the master weights).
    Args: units: outputs. activation: None or "squared_relu" (So et al., 2021: max(y, 0)^2).
    """

    def __init__(self, units: int, activation: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if activation not in ACTIVATIONS:
            raise ValueError(f"TernaryDense: activation is {activation!r}, expected None or 'squared_relu'")
        self.units = units
        self.activation = activation

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.kernel = self.add_weight(
            name="kernel", shape=(input_shape[-1], self.units), initializer="glorot_uniform", trainable=True
        )

    def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
        return ternary_fc(x, self.kernel, self.activation)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units, "activation": self.activation}
