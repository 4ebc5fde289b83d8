"""Property: a model comes back from its files with the same answers; a broken or foreign file is one clear error."""

import shutil

import keras
import numpy as np
import pytest

from bitmar.errors import BitmarError
from model.bitmar import BitMar
from model.quantizers import ternary_codes
from model.saved_run import load_compact, load_run, save_compact

from .conftest import SHIPPED


def logits_of(model):
    rng = np.random.default_rng(0)
    c = model.config
    tokens = rng.integers(3, c.vocab_size, (4, c.max_seq_len)).astype(np.int32)
    out = model.encode(tokens, np.ones(tokens.shape, np.float32), rng.normal(size=(4, 768)).astype(np.float32))
    context, _ = model.recall(out["query"][None], out["key"][None], out["episode"][None])
    return model.decode(tokens, context[0], out["latent"]).numpy()


def test_keras_file(small_model, tmp_path):
    small_model.save(tmp_path / "m.keras")
    back = keras.saving.load_model(tmp_path / "m.keras")
    assert isinstance(back, BitMar) and back.config == small_model.config
    np.testing.assert_array_equal(logits_of(back), logits_of(small_model))


def test_weights_file(small_model, small_config, tmp_path):
    small_model.save_weights(tmp_path / "m.weights.h5")
    back = BitMar(small_config)
    back.load_weights(tmp_path / "m.weights.h5")
    np.testing.assert_array_equal(logits_of(back), logits_of(small_model))


def test_compact_file_keeps_every_code(small_model, small_config, tmp_path):
    save_compact(tmp_path / "m.npz", small_model)
    back = BitMar(small_config)
    load_compact(tmp_path / "m.npz", back)
    for mine, theirs in zip(small_model.variables, back.variables, strict=True):
        if not mine.path.endswith(("/kernel", "/embeddings")):
            np.testing.assert_array_equal(mine.numpy(), theirs.numpy())
            continue
        (codes, gamma), (codes_back, gamma_back) = ternary_codes(mine.value), ternary_codes(theirs.value)
        np.testing.assert_array_equal(codes, codes_back)
        assert float(gamma_back) == pytest.approx(float(gamma), rel=0.02)
        # the scale does not depend on the order of additions
        shuffled = np.random.default_rng(1).permutation(np.abs(theirs.numpy()).reshape(-1))
        total = np.float32(0)
        for part in np.array_split(shuffled, 7):
            total += part.sum(dtype=np.float32)
        assert total == np.abs(theirs.numpy()).sum(dtype=np.float64)


def changed_array(ending, change):
    """A change of the first of the decoder's arrays in model.npz whose name ends like this."""

    def damage(run):
        with np.load(run / "model.npz") as file:
            arrays = dict(file)
        name = next(name for name in arrays if name.startswith("decoder") and name.endswith(ending))
        np.savez(run / "model.npz", **(arrays | {name: change(arrays[name])}))

    return damage


def other_h5(path):
    """An HDF5 file with something else in it."""
    import h5py

    with h5py.File(path, "w") as file:
        file["layers/x"] = [1, 2]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda run: shutil.rmtree(run), "No such file or directory, expected a folder"),
        (lambda run: (run / "config.yaml").unlink(), "config.yaml"),
        (lambda run: (run / "model.npz").unlink(), "expected a finished run"),
        (lambda run: (run / "model.npz").write_bytes(b"x"), "model.npz: broken"),
        (lambda run: (run / "model.weights.h5").write_bytes(b"x"), "model.weights.h5: broken"),
        (lambda run: other_h5(run / "model.weights.h5"), "model.weights.h5: broken"),
        (changed_array(":gamma", lambda a: a.reshape(1)), "model.npz: decoder/"),
        (changed_array(":gamma", lambda a: np.float32(np.nan)), "model.npz: decoder/"),
        (changed_array(":codes", lambda a: a[:-1]), "model.npz: decoder/"),
        (changed_array(":codes", lambda a: a.astype("U3")), "model.npz: decoder/"),
        (changed_array("gain", lambda a: a[None]), "model.npz: decoder/"),
        (
            lambda run: (run / "config.yaml").write_text(
                (run / "config.yaml").read_text().replace("text_encoder_layers: 3", "text_encoder_layers: 4")
            ),
            "is missing, expected weights of this configuration",
        ),
        (
            lambda run: (run / "config.yaml").write_text(
                (run / "config.yaml").read_text().replace("vision_hidden_size: 256", "vision_hidden_size: 512")
            ),
            "expected",
        ),
    ],
)
def test_a_broken_run_is_one_clear_error(tmp_path, damage, message):
    run = tmp_path / "run"
    shutil.copytree(SHIPPED, run)
    damage(run)
    with pytest.raises(BitmarError) as error:
        load_run(run)
    assert message in str(error.value) and str(run) in str(error.value) and "\n" not in str(error.value)
