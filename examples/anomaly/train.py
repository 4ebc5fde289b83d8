"""Anomaly detection: MLPerf Tiny's autoencoder (640-128-128-128-128-8-128-128-128-128-640), ternary and in int8.

    python examples/anomaly/train.py [--epochs N] [--out build/anomaly]

Both have the original's batch normalisation and ReLU behind each layer but the last. The original's machine sounds are not here;
both train on strips of ten handwritten digits, 0 to 9 in order (scikit-learn's images, 10 x 64 = 640 numbers). An anomaly is a
strip in which one digit is another. A third of the images is held out for the strips that measure.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import keras
import numpy as np
import tensorflow as tf
from sklearn.datasets import load_digits
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split

from bitmar.runtime import Graph
from convert import convert_keras_model
from convert.aot import generate_library
from examples.anomaly.int8_c import interpreter, run_int8, write_int8
from model.layers import TernaryDense

SIZES = (128, 128, 128, 128, 8, 128, 128, 128, 128)
SEED, STRIPS, MEASURED = 1, 8192, 600


def strips(images: np.ndarray, labels: np.ndarray, count: int, odd: bool, rng: np.random.Generator) -> np.ndarray:
    """float32 [count, 640]: an image of each digit in order; with `odd` one place shows another digit."""
    digits = np.tile(np.arange(10), (count, 1))
    if odd:
        places = rng.integers(0, 10, count)
        digits[np.arange(count), places] = (places + rng.integers(1, 10, count)) % 10
    of = [np.flatnonzero(labels == digit) for digit in range(10)]
    return np.stack([images[[rng.choice(of[digit]) for digit in row]].ravel() for row in digits])


def autoencoder(ternary: bool) -> keras.Model:
    """The topology with ternary or float layers."""
    model = keras.Sequential([keras.Input((640,))], name="ternary" if ternary else "int8")
    for size in SIZES:
        model.add(TernaryDense(size) if ternary else keras.layers.Dense(size))
        model.add(keras.layers.BatchNormalization())
        model.add(keras.layers.ReLU())
    model.add(TernaryDense(640) if ternary else keras.layers.Dense(640))
    return model


def train(ternary: bool, x: np.ndarray, epochs: int) -> keras.Model:
    """An autoencoder of these strips."""
    keras.utils.set_random_seed(SEED)
    model = autoencoder(ternary)
    steps = epochs * (len(x) // 128)
    model.compile(keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.003, steps)), "mse")
    model.fit(x, x, batch_size=128, epochs=epochs, verbose=0)
    return model


def to_int8(model: keras.Model, x: np.ndarray) -> bytes:
    """TensorFlow Lite's own full-integer conversion, one scale a matrix as CMSIS-NN's arm_fully_connected_s8 takes it."""
    module = tf.Module()
    module.captured = [variable.value for variable in model.variables]
    module.function = tf.function(lambda x: model(x, training=False), autograph=False)
    concrete = module.function.get_concrete_function(tf.TensorSpec((1, 640)))
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete], module)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([row[None]] for row in x[:256])
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    converter._experimental_disable_per_channel_quantization_for_dense_layers = True
    return converter.convert()


def area(normal: np.ndarray, odd: np.ndarray, answers: tuple[np.ndarray, np.ndarray]) -> float:
    """Area under the ROC curve of the reconstruction error."""
    errors = np.concatenate([((x - y) ** 2).mean(1) for x, y in zip((normal, odd), answers, strict=True)])
    return float(roc_auc_score(np.r_[np.zeros(len(normal)), np.ones(len(odd))], errors))


def main() -> int:
    """Trains and converts both, prints how well they tell; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=30, metavar="N", help="over 8,192 strips (default: 30)")
    parser.add_argument("--out", type=Path, default=Path("build/anomaly"), help="folder (default: build/anomaly)")
    options = parser.parse_args()
    out, rng = options.out, np.random.default_rng(SEED)
    out.mkdir(parents=True, exist_ok=True)
    digits = load_digits()
    images, held, labels, held_labels = train_test_split(
        digits.data.astype(np.float32), digits.target, test_size=1 / 3, random_state=SEED, stratify=digits.target
    )
    x = strips(images, labels, STRIPS, False, rng)
    mean, spread = x.mean(0), np.float32(x.std())
    normal, odd = ((strips(held, held_labels, MEASURED, wrong, rng) - mean) / spread for wrong in (False, True))
    x = (x - mean) / spread
    models = {name: train(name == "ternary", x, options.epochs) for name in ("ternary", "int8")}
    (out / "ternary.tflite").write_bytes(convert_keras_model(models["ternary"]))
    (out / "int8.tflite").write_bytes(to_int8(models["int8"], x))
    generate_library(out / "ternary.tflite", out)
    write_int8(out / "int8.tflite", out)
    graph, eight = Graph(out / "ternary.tflite"), interpreter(out / "int8.tflite")
    runs = {
        "ternary": lambda rows: np.concatenate([graph.run(input=row[None])["output"] for row in rows]),
        "int8": lambda rows: np.stack([run_int8(eight, row)[1] for row in rows]),
    }
    for name, run in runs.items():
        print(f"{name}: area under the ROC curve {area(normal, odd, (run(normal), run(odd))):.3f}")
    numbers = ", ".join(f"{value!r}f" for value in normal[0].tolist())
    (out / "input.h").write_text(f"static const float input[640] = {{{numbers}}};\n")
    np.save(out / "input.npy", normal[0])
    return 0


if __name__ == "__main__":
    sys.exit(main())
