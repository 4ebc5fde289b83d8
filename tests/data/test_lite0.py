"""Property: the network is EfficientNet-Lite0 with the package's weights, and a weights file cannot run code."""

from __future__ import annotations

import io
import pickle
from pathlib import Path

import numpy as np
import pytest

from bitmar.errors import BitmarError
from bitmar.eye import SIZE, Eye, prepare
from bitmar.image_file import open_image
from convert.aot.vision.network import load as read_network
from model.config import load_config
from model.data import lite0
from model.data.build import Builder
from model.data.pictograms import load_dataset
from tests.data.conftest import ROOT
from tests.data.packages import legacy_file, random_weights


def test_weights_are_read_with_their_strides() -> None:
    weights = random_weights()
    read = lite0.read_weights(io.BytesIO(legacy_file(weights)))
    assert list(read) == list(weights)
    for name, array in weights.items():
        np.testing.assert_array_equal(read[name], array)


class Evil:
    def __reduce__(self) -> tuple:
        return print, ("this must not run",)


@pytest.mark.parametrize("place", [0, 3])
def test_code_in_a_weights_file_is_refused(place: int, capsys: pytest.CaptureFixture[str]) -> None:
    values = [lite0.MAGIC, 1001, {}, Evil()]
    values[place] = Evil()
    file = io.BytesIO(b"".join(pickle.dumps(value, 2) for value in values))
    with pytest.raises(pickle.UnpicklingError, match="not allowed"):
        lite0.read_weights(file)
    assert not capsys.readouterr().out


def test_another_format_is_refused() -> None:
    with pytest.raises(BitmarError, match="legacy format"):
        lite0.read_weights(io.BytesIO(pickle.dumps(1, 2)))


def same_convolution(x: np.ndarray, matrix: np.ndarray, stride: int, groups: int) -> np.ndarray:
    """Convolution with TensorFlow's "same" padding, written out: x [H, W, C], matrix [out, in / groups, k, k], float64."""
    size, k = x.shape[0], matrix.shape[-1]
    out = -(-size // stride)
    pad = max((out - 1) * stride + k - size, 0)
    x = np.pad(x, ((pad // 2, pad - pad // 2), (pad // 2, pad - pad // 2), (0, 0)))
    y = np.zeros((out, out, matrix.shape[0]))
    for i in range(k):
        for j in range(k):
            patch = x[i : i + (out - 1) * stride + 1 : stride, j : j + (out - 1) * stride + 1 : stride]
            y += patch * matrix[:, 0, i, j] if groups > 1 else patch @ matrix[:, :, i, j].T
    return y


def network(weights: dict[str, np.ndarray], image: np.ndarray) -> np.ndarray:
    """The network in NumPy float64, batch normalisation written out: [1, 128, 128, 3] -> [4, 4, 192]."""

    def conv(x: np.ndarray, name: str, norm: str, stride: int, relu: bool, depthwise: bool = False) -> np.ndarray:
        w = {
            key: weights[f"{norm}.{key}"].astype(np.float64)
            for key in ("weight", "bias", "running_mean", "running_var")
        }
        y = same_convolution(x, weights[f"{name}.weight"].astype(np.float64), stride, x.shape[-1] if depthwise else 1)
        y = (y - w["running_mean"]) / np.sqrt(w["running_var"] + 1e-3) * w["weight"] + w["bias"]
        return np.clip(y, 0, 6) if relu else y

    x = conv(image[0].astype(np.float64), "_conv_stem", "_bn0", 2, True)
    strides = [
        2 if (stage in (1, 2, 3, 5) and repeat == 0) else 1
        for stage, n in enumerate((1, 2, 2, 3, 3, 4))
        for repeat in range(n)
    ]
    for block, stride in enumerate(strides):
        p, y = f"_blocks.{block}.", x
        if block:
            y = conv(y, f"{p}_expand_conv", f"{p}_bn0", 1, True)
        y = conv(y, f"{p}_depthwise_conv", f"{p}_bn1", stride, True, depthwise=True)
        y = conv(y, f"{p}_project_conv", f"{p}_bn2", 1, False)
        x = x + y if y.shape == x.shape else y
    return x


def test_before_quantisation_it_is_the_network(small: Builder) -> None:
    """Against NumPy, number by number."""
    import keras

    weights, paths = random_weights(), sorted((small.data_dir / "pictures").glob("*/*.png"))[::13]
    images = [prepare(open_image(path))[None].astype(np.float32) / 128 for path in paths]
    model = keras.Model(*lite0.body(weights, SIZE))
    reference = np.stack([network(weights, image) for image in images])
    seen = np.concatenate([np.asarray(model(image)) for image in images])
    assert np.abs(seen - reference).max() < 1e-4 * np.abs(reference).max()


def test_the_int8_network_is_what_a_board_runs(small: Builder) -> None:
    """vision.tflite is a chain of int8 blocks, below 2.9 MB; vision.bin standardises what is pooled of its map."""
    network_of_blocks = read_network(small.data_dir / "vision.tflite")
    assert 2 * network_of_blocks.blocks[0].side == 128 and network_of_blocks.blocks[-1].out_side == 4
    assert (small.data_dir / "vision.tflite").stat().st_size < 2_900_000
    eye = Eye(small.data_dir)
    seen = np.stack([eye.features(open_image(path)) for path in small.statistics_drawings()])
    assert np.abs(seen.mean(0)).mean() < 0.2 and abs(seen.std(0).mean() - 1) < 0.2


def test_real_features_tell_things_apart(real: Path) -> None:
    """8-way, nearest neighbour: a wrong transposition or normalisation of the weights would show here (chance: .125)."""
    dataset = load_dataset(load_config(ROOT / "configs/bitmar_ultra_tiny.yaml"), real, "final")
    x = dataset.features / np.linalg.norm(dataset.features, axis=1, keepdims=True)
    rng, pairs = np.random.default_rng(0), dataset.held_out_pairs()
    right = 0
    for _ in range(500):
        concepts = rng.choice(np.unique(dataset.concept[pairs[:, 0]]), 8, replace=False)
        chosen = np.array([rng.choice(pairs[dataset.concept[pairs[:, 0]] == c]) for c in concepts])
        right += ((x[chosen[:, 1]] @ x[chosen[:, 0]].T).argmax(1) == np.arange(8)).sum()
    assert right / 4000 > 0.85
    sample = dataset.train_drawings()
    assert abs(dataset.features[sample].mean()) < 0.05 and abs(dataset.features[sample].std() - 1) < 0.1
