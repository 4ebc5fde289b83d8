"""Property: a model of accepted layers becomes a flatbuffer that answers as Keras does; any other is refused by name."""

from __future__ import annotations

import json
import re
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

import pipeline
from bitmar.errors import BitmarError
from bitmar.runtime import Graph
from convert import convert_keras_model, reader
from convert.keras_layers import BUILTINS, KERAS, OURS
from model.layers import DecoderBlock, EncoderBlock, RMSNorm, TernaryDense
from tests.convert.own_models import MODELS, build, converted, random_inputs

ROOT = Path(__file__).resolve().parents[2]
GUIDE = ROOT / "docs" / "own-models.md"
TOLERANCE = 0.02  # of the largest number: a softmax that rounds otherwise may flip an int8 code


def outputs_of_keras(model: keras.Model, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The model's outputs under the names that the flatbuffer has."""
    values = list(inputs.values())
    found = model(values if len(values) > 1 else values[0], training=False)
    if isinstance(found, dict):
        return {name: np.asarray(value) for name, value in found.items()}
    flat = keras.tree.flatten(found)
    names = ["output"] if len(flat) == 1 else [f"output_{i}" for i in range(len(flat))]
    return {name: np.asarray(value) for name, value in zip(names, flat, strict=True)}


@pytest.mark.parametrize("layout", ["b3", "rm2"])
@pytest.mark.parametrize("name", MODELS)
def test_it_answers_as_keras_does(name, layout, tmp_path):
    """With accepted ops alone, and weights in the asked layout."""
    model, file = build(name), tmp_path / "own.tflite"
    file.write_bytes(converted(name, layout))
    parsed = reader.read(file)
    kinds = {reader.op_name(parsed, op) for op in parsed.subgraphs[0].operators}
    assert {kind for kind in kinds if not kind.startswith("BITMAR_")} <= set(BUILTINS)
    assert {matrix.layout for matrix in reader.ternary_matrices(parsed)} == {layout}
    for seed in range(3):
        inputs = random_inputs(file, seed)
        expected, found = outputs_of_keras(model, inputs), Graph(file).run(**inputs)
        assert sorted(found) == sorted(expected)
        for key, value in expected.items():
            assert found[key].shape == value.shape and found[key].dtype == value.dtype, key
            error = np.abs(found[key] - value).max()
            assert error <= TOLERANCE * np.abs(value).max(), (key, error)


def test_every_accepted_layer_is_in_a_tested_model():
    used = {type(layer).__name__ for name in MODELS for layer in build(name)._flatten_layers()}
    assert used >= (OURS.keys() | KERAS.keys())


def test_the_guide_lists_what_is_accepted():
    """docs/own-models.md has the two tables of convert/keras_layers.py, word for word."""
    rows = dict(
        re.findall(r"^\| `(\w+)` \| (.+?) \|$", GUIDE.read_text(encoding="utf-8").split("### Keras's")[1], re.M)
    )
    ours = dict(
        re.findall(r"^\| `(\w+)` \| (.+?) \|$", GUIDE.read_text(encoding="utf-8").split("### Keras's")[0], re.M)
    )
    assert rows == KERAS
    assert ours == OURS


def test_the_same_bytes_from_a_file_in_another_process(tmp_path, capsys):
    """And the command writes what the function gives, beside a size report."""
    model = build("text")
    model.save(tmp_path / "mine.keras")
    out = tmp_path / "out"
    assert pipeline.main(["convert", "--keras", str(tmp_path / "mine.keras"), "--out", str(out)]) == 0
    assert (out / "mine.tflite").read_bytes() == convert_keras_model(model, name="mine")
    assert sorted(path.name for path in out.iterdir()) == ["mine.json", "mine.tflite"]
    report = json.loads((out / "mine.json").read_text())
    assert report["totals"]["weights"] == sum(row["weights"] for row in report["tensors"]) == 27_328
    assert "all 27,328 weights" in capsys.readouterr().out


class Exponential(keras.layers.Layer):
    """Holds an accepted layer; what it computes itself is not."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.inner = TernaryDense(4)

    def call(self, x):
        return keras.ops.exp(self.inner(x))


def two_inputs(first, second, block):
    a, b = keras.Input(first), keras.Input(second)
    return keras.Model([a, b], block(a, b))


REFUSED = {
    "a float Dense": (lambda: [layers.Dense(3, name="head")], r"own: layer 'head' \(Dense\) cannot be converted"),
    "a layer of nobody's": (
        lambda: [type("Mine", (layers.Layer,), {"call": lambda self, x: x})(name="mine")],
        r"layer 'mine' \(Mine\)",
    ),
    "a softmax": (lambda: [TernaryDense(3), layers.Activation("softmax", name="p")], r"'p' \(Activation\) has activation 's"),
    "a ReLU that ends": (lambda: [TernaryDense(3), layers.ReLU(6.0, name="r")], r"layer 'r' \(ReLU\) has max_value 6.0"),
    "code of its own": (lambda: [Exponential()], r"op EXP version 1, which makes output 'output', is not accepted"),
    "half precision": (lambda: [TernaryDense(3, dtype="mixed_float16")], "computes in float16, expected float32"),
    "nothing ternary": (lambda: [layers.ReLU()], "expected a TernaryDense or TernaryEmbedding layer"),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_not_accepted_is_named(what):
    made, expected = REFUSED[what]
    model = keras.Sequential([keras.Input((4,)), *made()])
    with pytest.raises(BitmarError, match=expected) as error:
        convert_keras_model(model, name="own")
    assert "\n" not in str(error.value)


def test_the_list_of_accepted_layers_stands_in_the_message():
    with pytest.raises(BitmarError) as error:
        convert_keras_model(keras.Sequential([keras.Input((4,)), layers.Dense(2)]))
    assert all(name in str(error.value) for name in (*OURS, *KERAS))


def test_inputs_that_are_refused():
    sequence, wide = (6, 8), (None, 8)
    cases = [
        (keras.Sequential([keras.Input(wide), TernaryDense(3)]), r"input 'input' has shape \(None, None, 8\)"),
        (
            keras.Sequential([keras.Input((4,), dtype="float64"), TernaryDense(3)]),
            "is float64, expected float32 or int32",
        ),
        (keras.Sequential([TernaryDense(3)]), "expected a model that was called with one tensor"),
        (two_inputs(sequence, (1, 6, 6), EncoderBlock(8, 2)), "a causal mask is none"),
        (two_inputs(sequence, (6,), EncoderBlock(8, 2)), r"mask is float32 \(1, 6\), expected int32 \[1, 6\]"),
        (
            two_inputs(sequence, (8,), lambda a, b: DecoderBlock(8, 2)(a, None, b)),
            r"\(DecoderBlock\) cannot be converted",
        ),
    ]
    for model, expected in cases:
        with pytest.raises(BitmarError, match=expected) as error:
            convert_keras_model(model)
        assert "\n" not in str(error.value)
    with pytest.raises(BitmarError, match="layout is 'b4', expected b3 or rm2"):
        convert_keras_model(build("perceptron"), "b4")


def test_weights_that_diverged_are_one_line():
    model = build("perceptron")
    kernel = next(v for v in model.variables if v.name == "kernel")
    kernel.assign(np.full(kernel.shape, np.nan))
    with pytest.raises(BitmarError, match="weights that are not finite") as error:
        convert_keras_model(model)
    assert "\n" not in str(error.value)


def test_one_tensor_under_two_names_is_refused():
    x = keras.Input((4,))
    y = TernaryDense(3)(x)
    with pytest.raises(BitmarError, match="outputs 'a' and 'b' are one tensor"):
        convert_keras_model(keras.Model(x, {"a": y, "b": y}))


def test_two_layers_of_one_name_keep_their_own_weights(tmp_path):
    """Names come from the layers' paths; equal ones are told apart by their values."""

    class Pair(keras.Model):
        def __init__(self):
            super().__init__(name="pair")
            self.one, self.two = TernaryDense(8, name="same"), TernaryDense(8, name="same")

        def call(self, x):
            return self.two(self.one(x))

    keras.utils.set_random_seed(5)
    model, x = Pair(), np.random.default_rng(6).normal(size=(1, 8)).astype(np.float32)
    expected = np.asarray(model(x))
    (tmp_path / "pair.tflite").write_bytes(convert_keras_model(model))
    np.testing.assert_array_equal(Graph(tmp_path / "pair.tflite").run(input=x)["output"], expected)


def test_command_errors(capsys, tmp_path):
    """One line, exit code 2, nothing written."""
    (tmp_path / "text.keras").write_text("not a model")
    keras.Sequential([keras.Input((4,)), layers.Dense(2, name="head")]).save(tmp_path / "float.keras")
    out = tmp_path / "out"
    cases = {
        ("--keras", tmp_path / "text.keras"): "expected --out DIR",
        ("--keras", tmp_path / "none.keras", "--out", out): "none.keras: no such file",
        ("--keras", tmp_path / "text.keras", "--out", out): "text.keras: not a Keras model that can be read",
        ("--keras", tmp_path / "float.keras", "--out", out): "float: layer 'head' (Dense) cannot be converted",
        ("--keras", tmp_path / "float.keras", "--out", out, "--untrained"): "neither --run, --config nor --untrained",
        ("--run", tmp_path, "--layout", "rm2"): "expected with --keras only",
    }
    for arguments, expected in cases.items():
        assert pipeline.main(["convert", *map(str, arguments)]) == 2, arguments
        lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
        assert len(lines) == 1 and expected in lines[0], lines
    assert not out.exists()


def ternary_dense_of_keras(units, threshold=None, activation=None, use_bias=True, frozen=None):
    """A layer with the class name, attributes and documented formula of keras.layers.TernaryDense, which no release has yet."""

    class TernaryDense(layers.Layer):
        def __init__(self):
            super().__init__(name="theirs")
            self.threshold, self.activation = threshold, keras.activations.get(activation)

        def build(self, shape):
            self._kernel = self.add_weight(name="kernel", shape=(shape[-1], units))
            self.bias = self.add_weight(name="bias", shape=(units,), initializer="normal") if use_bias else None

        kernel = property(lambda self: self._kernel)
        quantization_mode = frozen

        def call(self, x):
            size = keras.ops.abs(self._kernel)
            mean = keras.ops.mean(size)
            bound = 0.5 * mean if self.threshold is None else self.threshold
            y = keras.ops.matmul(x, keras.ops.where(size > bound, keras.ops.sign(self._kernel), 0.0))
            y = y * mean if self.threshold is None else y
            return self.activation(y if self.bias is None else y + self.bias)

    TernaryDense.__module__ = "keras.src.layers.core.ternary_dense"
    return TernaryDense()


@pytest.mark.parametrize(
    "options", [{}, {"threshold": 0.03}, {"activation": "relu"}, {"use_bias": False}, {"threshold": 0.0}]
)
def test_kerass_own_ternary_dense(options, tmp_path):
    """Its formula, on inputs that int8 holds exactly, is what the op computes; on others it differs by their rounding."""
    keras.utils.set_random_seed(8)
    model = keras.Sequential([keras.Input((48,)), ternary_dense_of_keras(20, **options)])
    file = tmp_path / "theirs.tflite"
    file.write_bytes(convert_keras_model(model))
    parsed = reader.read(file)
    assert reader.op_name(parsed, parsed.subgraphs[0].operators[0]) == "BITMAR_TERNARY_FC"
    random, graph = np.random.default_rng(9), Graph(file)
    whole = random.integers(-126, 127, (1, 48)).astype(np.float32)
    whole[0, 0] = 127
    for x, tolerance in ((whole, 1e-5), (random.normal(size=(1, 48)).astype(np.float32), 0.02)):
        expected = np.asarray(model(x))
        assert np.abs(graph.run(input=x)["output"] - expected).max() <= tolerance * np.abs(expected).max()
    np.testing.assert_array_equal(np.asarray(model(whole)), np.asarray(model(whole)))  # the layer is itself again


def test_kerass_own_ternary_dense_that_is_refused():
    for options, expected in (
        ({"activation": "gelu"}, "activation is 'gelu', expected None or 'relu'"),
        ({"frozen": "ternary"}, "is quantized"),
    ):
        model = keras.Sequential([keras.Input((8,)), ternary_dense_of_keras(4, **options), RMSNorm()])
        with pytest.raises(BitmarError, match=expected):
            convert_keras_model(model)
        assert "call" not in vars(model.layers[0])
