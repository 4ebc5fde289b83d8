"""A small int8 network of every kind of block, and the C of any such network built for a target."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np

from convert.aot.vision.generate import generate_vision
from tests.kernels.build import KERNEL_SOURCES, Target, compile_to

ROOT = Path(__file__).resolve().parents[2]
# kernel, stride, expansion, channels; repeated channels with stride 1 make an addition
BLOCKS = ((3, 1, 1, 8), (3, 2, 48, 16), (5, 1, 96, 16), (5, 2, 96, 24), (3, 1, 144, 24))
SIDE = 48  # maps of 24, 12 and 6 columns: whole fours and not


def small_network(path: Path, seed: int = 0) -> None:
    """Writes an int8 .tflite file with random weights and biases, its ranges measured on random pictures."""
    import keras
    import tensorflow as tf

    random = np.random.default_rng(seed)

    def weighed(layer: Any, x: Any, relu: bool) -> Any:
        y = layer(x)
        kernel, bias = layer.get_weights()
        inputs = np.prod(kernel.shape[:2]) * (1 if isinstance(layer, keras.layers.DepthwiseConv2D) else kernel.shape[2])
        # some channels much smaller than others: shifts differ
        scale = 2.0 ** random.integers(-3, 2, bias.shape[0]) * 2 / np.sqrt(inputs)
        scale[::7] *= 1e-7  # nearly no weights: their quantised biases are about as large as they can be
        kernel = random.normal(size=kernel.shape) * (
            scale[:, None] if isinstance(layer, keras.layers.DepthwiseConv2D) else scale
        )
        layer.set_weights([kernel, random.normal(size=bias.shape)])
        return keras.layers.ReLU(6.0)(y) if relu else y

    image = keras.Input((SIDE, SIDE, 3), batch_size=1)
    x = weighed(keras.layers.Conv2D(8, 3, 2, padding="same"), image, True)
    for kernel, stride, wide, channels in BLOCKS:
        y = weighed(keras.layers.Conv2D(wide, 1), x, True) if wide > 1 else x
        y = weighed(keras.layers.DepthwiseConv2D(kernel, stride, padding="same"), y, True)
        y = weighed(keras.layers.Conv2D(channels, 1), y, False)
        x = keras.layers.Add()([x, y]) if stride == 1 and x.shape[-1] == channels and wide > 1 else y
    network = keras.Model(image, x)
    converter = tf.lite.TFLiteConverter.from_keras_model(network)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    pictures = random.uniform(-1, 1, (20, 1, SIDE, SIDE, 3)).astype(np.float32)
    converter.representative_dataset = lambda: ([picture] for picture in pictures)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    path.write_bytes(converter.convert())


def reference_maps(path: Path, pictures: np.ndarray) -> np.ndarray:
    """int8 pictures [N, side, side, 3] through TensorFlow Lite's reference kernels."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter = Interpreter(str(path), experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
    interpreter.allocate_tensors()
    maps = []
    for picture in pictures:
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], picture[None])
        interpreter.invoke()
        maps.append(interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0])
    return np.stack(maps)


def kernels(target: Target, *flags: str) -> list[Path]:
    """kernels/ as one object file, compiled once; as sources where the target's linker options are for whole programs."""
    if "m7" in target.name:
        return KERNEL_SOURCES
    return [compile_to("kernels.o", target, KERNEL_SOURCES, ["-r", "-nostdlib", *flags])]


def run_c(
    path: Path, pictures: np.ndarray, target: Target, folder: Path, *extra: str, arena_bytes: int = 0
) -> tuple[dict[str, int], np.ndarray]:
    """Generated C on a target: {variant: instructions of the first picture}, maps [variants, N, n, n, channels]."""
    report = generate_vision(path, folder, "vision_net", arena_bytes)
    sources = [ROOT / "tests/convert/vision_run.c", folder / "vision_net.c", folder / "vision_net_data.S"]
    flags = ("-std=c11", "-ffp-contract=off", "-fno-math-errno", "-Wall", "-Wextra", "-Werror", *extra)
    # on the emulator flash is where nothing else is loaded to
    flags += ("-DBITMAR_MODEL_SECTION=.model", "-Wl,--section-start=.model=0x60000000") if "m7" in target.name else ()
    command = [target.compiler, *target.flags, *flags, f"-I{folder}", f"-I{ROOT / 'kernels/include'}", "-Wno-error=cpp"]
    command += [*map(str, [*target.sources, *sources, *kernels(target, *extra)]), "-lm", "-o", str(folder / "run")]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"})
    assert done.returncode == 0, done.stderr[-3000:]
    pictures.astype(np.int8).tofile(folder / "in")
    said = target.run(folder / "run", str(folder / "in"), str(folder / "out"))
    counts = {line.split()[0]: int(line.split()[1]) for line in said.splitlines()}
    side = report["map"][0]
    return counts, np.fromfile(folder / "out", np.int8).reshape(len(counts), len(pictures), side, side, -1)
