"""Property: the three configurations have the published sizes; a wrong file is one error that names the key."""

import pytest
import yaml

from bitmar.errors import BitmarError
from model.bitmar import BitMar
from model.config import from_dict, load_config
from model.parameter_table import component_rows, parameter_table

from .conftest import CONFIGS

SIZES = {  # text width, layers, heads; vision; fusion width, layers, heads; memory; RAM; alpha; window; vocabulary
    "original": ((256, 4, 4), (768, 256), (256, 2, 4), (512, 256, 262_144), 512, 0.1, 128, 50_257),
    "tiny_edge": ((128, 3, 4), (768, 64, 128), (128, 1, 2), (16, 128, 4_096), 8, 0.2, 64, 50_257),
    "ultra_tiny": ((128, 3, 4), (768, 256, 128), (128, 1, 2), (8, 128, 2_048), 4, 0.2, 64, 2_048),
}
MISSING = object()  # a key to leave out
PARAMETERS = {"original": (30e6, 40e6), "tiny_edge": (14.0e6, 14.8e6), "ultra_tiny": (2.4e6, 2.8e6)}


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
    assert 0.7 * model.count_params() < model.config.least_weights < model.count_params()
    rows = component_rows(model)
    gammas = sum(1 for v in model.variables if v.path.endswith(("/kernel", "/embeddings")))
    assert sum(row["ternary"] + row["float32"] for row in rows) - gammas == model.count_params()
    assert f"{model.count_params():,}" in parameter_table(model)
    if name == "tiny_edge":
        assert sum(row["bytes"] for row in rows) <= 3.0e6


WRONG = [  # changed keys, and the error behind the file's name
    ({"colour": 1}, "unknown key 'colour'"),
    ({"text_dim": MISSING}, "missing key 'text_dim'"),
    ({"text_dim": "big"}, "text_dim is 'big', expected a whole number"),
    ({"text_dim": True}, "text_dim is True, expected a whole number"),
    ({"text_dim": None}, "text_dim is None, expected a whole number"),
    ({"text_dim": 128.0}, "text_dim is 128.0, expected a whole number"),
    ({"text_dim": 10**6}, "text_dim is 1000000, expected at most 4096"),
    ({"text_dim": 130}, "text_dim (130) is not a multiple of text_encoder_heads (4)"),
    ({"text_encoder_heads": 3}, "text_dim (128) is not a multiple of text_encoder_heads (3)"),
    ({"text_encoder_layers": 10**7}, "text_encoder_layers is 10000000, expected at most 64"),
    ({"fusion_dim": 64}, "fusion_dim (64) must equal text_dim (128)"),
    ({"vision_tokens": 1}, "vision_tokens is 1, expected at least 4"),
    ({"vision_dim": 512}, "vision_dim is 512, expected 768"),
    ({"memory_top_k": 5}, "memory_top_k (5) exceeds max_memory_slots_in_ram (4)"),
    ({"max_memory_slots_in_ram": 9}, "max_memory_slots_in_ram (9) exceeds memory_slots (8)"),
    ({"memory_slots": 40_000}, "memory_slots is 40000, expected at most 32768"),
    ({"episode_dim": 100}, "episode_dim is 100, expected a power of two, 16 to 256"),
    ({"memory_alpha": 0.0}, "memory_alpha is 0.0, expected more than 0"),
    ({"memory_temperature": 0}, "memory_temperature is 0, expected at least 0.0001"),
    ({"slot_dtype": "float64"}, "slot_dtype is 'float64', expected 'float16' or 'int8'"),
    ({"vocab_size": 100}, "vocab_size is 100, expected at least 300"),
    ({"vocab_size": 10**12}, "vocab_size is 1000000000000, expected at most 65535"),
    ({"vocabulary": "gpt2"}, "vocab_size is 2048, expected 50257 for vocabulary gpt2"),
    ({"attention_sinks": 64}, "attention_sinks (64) must be below max_seq_len (64)"),
    (
        {"max_seq_len": 2048, "position_features": 64},
        "max_seq_len x position_features is 131072, expected at most 65536",
    ),
    (
        {"position_features": 129},
        "position_features is 129, expected at most text_dim (128) and episode_dim (128)",
    ),
    ({"name": "../.."}, "name is '../..', expected 1 to 64 letters, digits, '_' and '-'"),
    ({"name": "x\n"}, "name is 'x\\n', expected 1 to 64 letters"),
    ({"name": "x" * 10**4}, "name is 'xxxxxxxxxx"),
    ({"training": {}}, "training: missing key"),
    ({"training": None}, "training: None, expected a mapping"),
    ({"training": [1] * 10**4}, "training: [1, 1, "),
    (
        {"model": {"text_encoder_dim": 128}},
        "nested key 'model', as in the original BitMar's files; expected the keys at the",
    ),
]
LARGE = {"text_dim": 4096, "fusion_dim": 4096, "vision_latent_size": 4096}
WRONG += [(LARGE, "give 1,426,063,360 weights, expected at most 200,000,000")]
WRONG_TRAINING = [
    ({"steps": 0}, "steps is 0, expected at least 1"),
    ({"steps": 1.5}, "steps is 1.5, expected a whole number"),
    ({"minutes": float("nan")}, "minutes is nan, expected a finite number"),
    ({"minutes": 0}, "minutes is 0, expected more than 0"),
    ({"batch": 130}, "batch (130) is not a multiple of set_size (16)"),
    ({"captions": 65}, "captions (65) exceeds batch (64)"),
    ({"set_size": 0}, "set_size is 0, expected at least 1"),
    ({"warmup_steps": 0}, "warmup_steps is 0, expected at least 1"),
    ({"learning_rate": -0.1}, "learning_rate is -0.1, expected more than 0"),
    ({"learning_rate": float("inf")}, "learning_rate is inf, expected a finite number"),
    ({"learning_rate": "0.1"}, "learning_rate is '0.1', expected a number"),
    ({"vision_dropout": 1.0}, "vision_dropout is 1.0, expected less than 1"),
    ({"beta_2": 1}, "beta_2 is 1, expected less than 1"),
    ({"renamed": -0.5}, "renamed is -0.5, expected at least 0"),
    ({"loss_recall": -1}, "loss_recall is -1, expected at least 0"),
    ({"seed": -1}, "seed is -1, expected at least 0"),
    (dict.fromkeys(("loss_recall", "loss_caption", "loss_text_query"), 0), "every loss_* is 0"),
]


def refused(path):
    """The one line that a file's error is."""
    with pytest.raises(BitmarError) as error:
        load_config(path)
    message = str(error.value)
    assert message.startswith(f"{path}: ") and "\n" not in message and len(message) < 1000
    return message.removeprefix(f"{path}: ")


@pytest.mark.parametrize(
    ("change", "message"), WRONG + [({"training": c}, f"training: {m}") for c, m in WRONG_TRAINING]
)
def test_a_wrong_value_names_the_key_the_value_and_what_was_expected(tmp_path, change, message):
    values = yaml.safe_load((CONFIGS / "bitmar_ultra_tiny.yaml").read_text())
    if isinstance(change.get("training"), dict) and change["training"]:
        change = {"training": values["training"] | change["training"]}
    path = tmp_path / "c.yaml"
    path.write_text(yaml.safe_dump({key: value for key, value in (values | change).items() if value is not MISSING}))
    assert message in refused(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a: [", "line 1: expected the node content"),
        ("- 1", "expected a mapping"),
        ("", "expected a mapping"),
        ("\0", "not a YAML file"),
        ("name: \xff", "not a YAML file"),
        ("1: 2", "line 1: the key 1, expected text"),
        ("[1, 2]: 3", "line 1: the key [1, 2], expected text"),
        ("name: a\nname: b", "line 2: the key 'name' a second time, expected each key once"),
        ("training: {steps: 1, steps: 2}", "line 1: the key 'steps' a second time"),
        ("a: &x [1]\nb: [*x, *x]", "line 2: an alias (*)"),
        ("a: &x [*x]", "line 1: an alias (*)"),
        ("name: !!python/object/apply:os.getcwd []", "line 1: could not determine a constructor"),
        ("[" * 50_000, "nested too deeply"),
        ("name: " + "9" * 5000, "not a YAML file: Exceeds the limit"),
        ("#" * 70_000, "more than 65,536 bytes"),
    ],
)
def test_a_broken_file_is_one_line(tmp_path, content, message):
    path = tmp_path / "c.yaml"
    path.write_bytes(content.encode("latin-1"))
    assert refused(path).startswith(message)


def test_numbers_are_read_as_people_write_them(tmp_path):
    """YAML 1.1 takes 3e-3 for text."""
    text = (CONFIGS / "bitmar_ultra_tiny.yaml").read_text()
    path = tmp_path / "c.yaml"
    path.write_text(text.replace("learning_rate: 0.003", "learning_rate: 3e-3"))
    assert load_config(path) == load_config(CONFIGS / "bitmar_ultra_tiny.yaml")


def test_the_card_and_the_configuration_agree_on_sizes(ultra_tiny):
    """What a configuration may hold is what memstore's own library takes."""
    from bitmar.memory_abi import DTYPES, Config, bind
    from bitmar.native import library

    memory_size = bind(library.load()).ms_memory_size
    for slots in (1, 8, 32_768, 32_769, 40_000):
        for dim in (8, 16, 100, 128, 256, 512):
            for dtype, number in DTYPES.items():
                hot = min(slots, 4)
                held = memory_size(Config(slots, dim, hot, number, 0.2, 0.8, min_importance=0.0)) > 0
                sizes = {"memory_slots": slots, "episode_dim": dim, "max_memory_slots_in_ram": hot, "memory_top_k": 1}
                try:
                    accepted = bool(from_dict(ultra_tiny.as_dict() | sizes | {"slot_dtype": dtype}))
                except BitmarError:
                    accepted = False
                assert accepted == held, (slots, dim, dtype)


def test_a_missing_file(tmp_path):
    with pytest.raises(BitmarError, match="cannot be read"):
        load_config(tmp_path / "none.yaml")


def test_round_trip(ultra_tiny):
    assert from_dict(ultra_tiny.as_dict()) == ultra_tiny
