"""Property: the three configurations have the published sizes; a wrong file is one error that names the key."""

import pytest
import yaml

from bitmar.errors import BitmarError
from model.bitmar import BitMar
from model.config import from_dict, load_config
from model.training.table import component_rows, parameter_table

from .conftest import CONFIGS

SIZES = {  # text width, layers, heads; vision; fusion width, layers, heads; memory; RAM; alpha; window; vocabulary
    "original": ((256, 4, 4), (768, 256), (256, 2, 4), (512, 256, 262_144), 512, 0.1, 128, 50_257),
    "tiny_edge": ((128, 3, 4), (768, 64, 128), (128, 1, 2), (16, 128, 4_096), 8, 0.2, 32, 50_257),
    "ultra_tiny": ((128, 3, 4), (768, 256, 128), (128, 1, 2), (8, 128, 2_048), 4, 0.2, 32, 1_024),
}
PARAMETERS = {"original": (30e6, 40e6), "tiny_edge": (14.0e6, 14.8e6), "ultra_tiny": (1.8e6, 2.4e6)}


def config_of(name):
    return load_config(CONFIGS / f"bitmar_{name}.yaml")


@pytest.mark.parametrize("name", SIZES)
def test_sizes(name):
    c = config_of(name)
    text, vision, fusion, memory, hot, alpha, window, vocabulary = SIZES[name]
    assert (c.text_dim, c.text_encoder_layers, c.text_encoder_heads) == text
    assert (c.text_dim, c.text_decoder_layers, c.text_decoder_heads) == text
    assert c.vision_dim == vision[0] and c.vision_latent_size == vision[-1]
    assert len(vision) == 2 or c.vision_hidden_size == vision[1]
    assert (c.fusion_dim, c.fusion_layers, c.fusion_heads) == fusion
    assert (c.memory_slots, c.episode_dim, c.memory_bytes) == memory
    assert (c.max_memory_slots_in_ram, c.memory_alpha, c.max_seq_len, c.vocab_size) == (hot, alpha, window, vocabulary)


@pytest.mark.parametrize("name", SIZES)
def test_parameters_and_their_table(name):
    model = BitMar(config_of(name))
    low, high = PARAMETERS[name]
    assert low <= model.count_params() <= high
    rows = component_rows(model)
    gammas = sum(1 for v in model.variables if v.path.endswith(("/kernel", "/embeddings")))
    assert sum(row["ternary"] + row["float32"] for row in rows) - gammas == model.count_params()
    assert f"{model.count_params():,}" in parameter_table(model)
    if name == "tiny_edge":
        assert sum(row["bytes"] for row in rows) <= 3.0e6


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"colour": 1}, "unknown key 'colour'"),
        ({"text_dim": None}, "missing key 'text_dim'"),
        ({"text_dim": "big"}, "text_dim is 'big', expected int"),
        ({"text_dim": True}, "text_dim is True, expected int"),
        ({"text_dim": 130}, "text_dim"),
        ({"fusion_dim": 64}, "fusion_dim"),
        ({"vision_tokens": 1}, "vision_tokens is 1"),
        ({"vision_dim": 512}, "vision_dim is 512, expected 768"),
        ({"memory_top_k": 5}, "memory_top_k"),
        ({"max_memory_slots_in_ram": 9}, "max_memory_slots_in_ram"),
        ({"memory_alpha": 0.0}, "memory_alpha"),
        ({"slot_dtype": "float64"}, "slot_dtype is 'float64', expected one of float16, int8"),
        ({"vocab_size": 100}, "vocab_size is 100"),
        ({"attention_sinks": 32}, "attention_sinks"),
        ({"training": {}}, "training: missing key"),
    ],
)
def test_a_wrong_configuration_names_the_key(tmp_path, change, message):
    values = yaml.safe_load((CONFIGS / "bitmar_ultra_tiny.yaml").read_text()) | change
    path = tmp_path / "c.yaml"
    path.write_text(yaml.safe_dump({key: value for key, value in values.items() if value is not None}))
    with pytest.raises(BitmarError, match=r"c\.yaml") as error:
        load_config(path)
    assert message in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("content", ["a: [", "- 1", "\0", ""])
def test_a_broken_file_is_one_line(tmp_path, content):
    path = tmp_path / "c.yaml"
    path.write_text(content)
    with pytest.raises(BitmarError) as error:
        load_config(path)
    assert str(path) in str(error.value) and "\n" not in str(error.value)


def test_a_missing_file(tmp_path):
    with pytest.raises(BitmarError, match="cannot be read"):
        load_config(tmp_path / "none.yaml")


def test_round_trip(ultra_tiny):
    assert from_dict(ultra_tiny.as_dict()) == ultra_tiny
