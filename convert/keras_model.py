"""Any Keras model of accepted layers -> one flatbuffer, for one input at a time. docs/own-models.md is the guide."""

from __future__ import annotations

import keyword
import re
from pathlib import Path

import keras
import tensorflow as tf

from bitmar.errors import BitmarError
from convert.converter import convert, errors_as_raised
from convert.graphs import GraphSpec
from convert.keras_layers import BUILTINS, KerasFunctions, check_layers, ternary_dense_converted
from convert.reader import parse, ternary_matrices
from model.functional import replaced_by

LAYOUTS = ("b3", "rm2")
AUTOMATIC = re.compile(
    r"(keras_tensor|input_layer|input)(_\d+)?"
)  # names that Keras counts up: another in every process


def convert_keras_model(model: keras.Model, layout: str = "b3", name: str | None = None) -> bytes:
    """A Keras 3 model -> a TensorFlow Lite flatbuffer with BITMAR_* ops.

    The batch axis becomes 1; all other sizes must be static. One input is called "input" and one output "output"; where there
    are several, they keep the names that the model gives them.

    Args: model: functional, sequential, or a subclass that was called with one tensor. layout: "b3" (1.6 bits a weight) or "rm2"
        (2 bits). name: begins every error, and names the graph; the model's own if None.
    Raises: BitmarError: a layer that is not accepted (the message says which are), a size that is not static, weights that
        are not finite, an op that is not accepted.
    """
    where = name or model.name
    if layout not in LAYOUTS:
        raise BitmarError(f"{where}: layout is '{layout}', expected {' or '.join(LAYOUTS)}")
    check_layers(model, where)
    given = _inputs(model, where)

    def build(**tensors: tf.Tensor) -> dict[str, tf.Tensor]:
        functions = KerasFunctions(layout)
        with replaced_by(functions), ternary_dense_converted(model, functions):
            return _outputs(model, model(_as_given(model, [tensors[name] for name in given]), training=False))

    with errors_as_raised():
        shapes = tf.function(build, autograph=False).get_concrete_function(**given).structured_outputs
    spec = GraphSpec(
        where, build, given, tuple(shapes), f"Keras {where}", BUILTINS, captured=[v.value for v in model.variables]
    )
    blob = convert(spec)
    converted = parse(blob, where)
    if not any(ternary_matrices(converted)):
        raise BitmarError(f"{where}: no ternary weights in it, expected a TernaryDense or TernaryEmbedding layer")
    tensors: dict[int, str] = {}
    for entry in converted.signatureDefs[0].outputs:
        other = tensors.setdefault(entry.tensorIndex, entry.name.decode())
        if other != entry.name.decode():
            raise BitmarError(
                f"{where}: outputs '{other}' and '{entry.name.decode()}' are one tensor, expected it once"
            )
    return blob


def load_keras(path: Path) -> keras.Model:
    """The model of a .keras file; our layers are known to it.

    Raises: BitmarError: not a .keras file, or one with classes that nobody registered.
    """
    import model.layers  # noqa: F401 (registers them)

    try:
        loaded = keras.saving.load_model(path, compile=False)
    except Exception as error:  # whatever a broken archive, a foreign class or its configuration leads to
        raise BitmarError(f"{path}: not a Keras model that can be read: {' '.join(str(error).split())[:200]}") from None
    return loaded


def _inputs(model: keras.Model, where: str) -> dict[str, tf.TensorSpec]:
    """The graph's inputs by name, in the model's order, with a batch of 1."""
    if getattr(model, "inputs", None):
        given = [(tensor.name, tensor.shape, tensor.dtype) for tensor in model.inputs]
    else:
        shapes = model.get_build_config() or {}
        if "input_shape" not in shapes:
            raise BitmarError(f"{where}: its input is not known, expected a model that was called with one tensor")
        given = [("input", shapes["input_shape"], "float32")]
    named: dict[str, tf.TensorSpec] = {}
    for i, (name, shape, dtype) in enumerate(given):
        if AUTOMATIC.fullmatch(name):
            name = "input" if len(given) == 1 else f"input_{i}"
        if dtype not in ("float32", "int32"):
            raise BitmarError(f"{where}: input '{name}' is {dtype}, expected float32 or int32")
        if len(shape) < 2 or None in shape[1:]:
            raise BitmarError(
                f"{where}: input '{name}' has shape {tuple(shape)}, expected static sizes after the batch"
            )
        name = re.sub(r"\W", "_", name)
        if not name.isidentifier() or keyword.iskeyword(name):  # it becomes the name of an argument
            name = f"input_{name}"
        named[name] = tf.TensorSpec((1, *shape[1:]), dtype, name=name)
    if len(named) != len(given):
        raise BitmarError(f"{where}: two inputs of one name, expected a name for each")
    return named


def _as_given(model: keras.Model, tensors: list[tf.Tensor]) -> object:
    """The tensors in the structure that the model takes."""
    if len(tensors) == 1 and not isinstance(getattr(model, "_inputs_struct", None), dict | list | tuple):
        return tensors[0]
    return keras.tree.pack_sequence_as(model.input, tensors)


def _outputs(model: keras.Model, outputs: object) -> dict[str, tf.Tensor]:
    """The model's outputs by name."""
    flat = keras.tree.flatten(outputs)
    if isinstance(outputs, dict) and len(outputs) == len(flat):
        names = sorted(outputs)  # the order of flatten
    elif len(flat) == 1:
        names = ["output"]
    else:
        names = [f"output_{i}" for i in range(len(flat))]
    return {re.sub(r"\W", "_", name): tensor for name, tensor in zip(names, flat, strict=True)}
