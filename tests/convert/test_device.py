"""Property: the flatbuffers in the Pi's runtime answer as the Keras model does.

Integer dot products are exact on both sides; norms, softmax and exp add in another order in TensorFlow, so now and then an int8
rounding falls to the neighbouring code. Those are counted, and greedy tokens agree in at least 99.5 %.
"""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest

from model.evaluation.ask import encode_texts
from tests.bitmar.runtimes import NAMES, run_python
from tests.convert import keras_side
from tests.convert.conftest import ROOT
from tests.convert.device import Answers, Device, Questions
from tests.convert.roundings import RecordingGraph, flips, recording_keras
from tests.kernels import spec

AGREEMENT = 0.995
UNTRAINED = (
    0.97  # tokens: logits lie close together, and the int8 of the caches, which Keras does not have, decides more often
)
CHUNK = 256  # questions in a Keras batch
BEFORE_ANY_FLOAT = ("vision/up", "keys/from_vision", "text/block_0/attention/qkv")  # one norm away from exact numbers


def canonical(pictures: np.ndarray) -> np.ndarray:
    """768 numbers as they reach every device: int8 codes times a scale; float32 [N, 768]."""
    codes, scale = spec.absmax_quantise(pictures)
    return codes.astype(np.float32) * scale[:, None]


def random_questions(model, count: int, group: int, longest: int, seed: int = 0) -> Questions:
    """Pictures of independent noise, asked for with noisier copies; names of 1 to `longest` random tokens."""
    c, random = model.config, np.random.default_rng(seed)
    lengths = random.integers(1, longest + 1, count)
    mask = (np.arange(c.max_seq_len) < lengths[:, None]).astype(np.int32)
    tokens = np.where(mask, random.integers(3, c.vocab_size, mask.shape), c.pad_id).astype(np.int32)
    taught = random.normal(size=(count, c.vision_dim)).astype(np.float32)
    asked = taught + 0.5 * random.normal(size=taught.shape).astype(np.float32)
    return Questions(tokens, mask, canonical(taught), canonical(asked), group)


def named_questions(model, tokenizer, names: list[str], taught: np.ndarray, asked: np.ndarray) -> Questions:
    """Groups of eight; those that do not fill a group are left out."""
    whole = len(names) // 8 * 8
    tokens, mask = encode_texts(tokenizer, names[:whole], model.config.max_seq_len)
    return Questions(tokens, mask.astype(np.int32), taught[:whole], asked[:whole], 8)


def check_agreement(model, questions: Questions, device: Answers, tokens_agree: float = AGREEMENT) -> dict[str, float]:
    """Asserts the tolerances; returns what was measured."""
    tokens, slots, cosines = [], [], []
    for first in range(0, len(questions.tokens), CHUNK):
        part, ours = questions.part(first, first + CHUNK), device.part(first, first + CHUNK)
        theirs = keras_side.answer(model, part, ours)
        for name in ("key", "latent"):  # from the picture alone: three roundings at most
            expected = getattr(theirs, name)
            error = np.abs(getattr(ours, name) - expected)
            assert np.median(error) <= 1e-5 * np.abs(expected).max(), name
        cosines.append(cosine(ours.episode, theirs.episode))
        tokens.append((ours.best == theirs.best)[ours.there])
        slots.append(ours.slot == theirs.slot)
    tokens, slots, cosines = (np.concatenate(x) for x in (tokens, slots, cosines))
    measured = {
        "questions": len(slots),
        "slots_agree": round(float(slots.mean()), 5),
        "tokens": len(tokens),
        "tokens_agree": round(float(tokens.mean()), 5),
        "episode_cosine_least": round(float(cosines.min()), 5),
    }
    print(measured)
    assert slots.mean() >= AGREEMENT and tokens.mean() >= tokens_agree and cosines.min() >= 0.98, measured
    return measured


def cosine(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Of corresponding rows."""
    return (a * b).sum(-1) / (np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1))


@pytest.mark.parametrize("group", [8, 2], ids=["more slots than are read", "fewer slots than are read"])
def test_untrained_ultra_tiny(ultra_tiny, group, record_property):
    questions = random_questions(ultra_tiny.model, 64, group, longest=31)
    device = Device(ultra_tiny.folder).answer(questions, steps=32)
    record_property("measured", check_agreement(ultra_tiny.model, questions, device, UNTRAINED))


def test_untrained_tiny_edge(tiny_edge, record_property):
    questions = random_questions(tiny_edge.model, 8, 8, longest=8)
    device = Device(tiny_edge.folder).answer(questions, steps=16)
    record_property("measured", check_agreement(tiny_edge.model, questions, device, UNTRAINED))


@pytest.fixture(scope="module")
def test_split(trained) -> Questions:
    """Every drawing of the test split: known things by an artist that training never saw, held-out things by everybody.

    Each is asked for once; it was taught by the next drawing of the same thing, or by itself where there is no other."""
    from model.data.tokenizers import TextTokenizer

    tokenizer = TextTokenizer.read(trained.folder / "tokenizer.json")
    with np.load(ROOT / "tests" / "fixtures" / "test_split.npz") as file:
        pictures = file["q"].astype(np.float32) * file["scale"][:, None]
        names = file["name"]
    seen: dict[str, list[int]] = {}
    for row, name in enumerate(names):
        seen.setdefault(name, []).append(row)
    rounds = range(max(map(len, seen.values())))
    # all first drawings, then all second ones: the things of a group differ
    pairs = [(rows[(nth + 1) % len(rows)], rows[nth]) for nth in rounds for rows in seen.values() if nth < len(rows)]
    taught, asked = np.array(pairs).T
    return named_questions(trained.model, tokenizer, list(names[asked]), pictures[taught], pictures[asked])


def test_trained_model_on_every_picture_of_the_test_split(trained, test_split, tmp_path, record_property):
    """Both runtimes give the same bits, and Keras agrees with them."""
    np.savez(tmp_path / "questions.npz", **asdict(test_split))
    answers = []
    for runtime in NAMES:
        out = tmp_path / f"{runtime}.npz"
        run_python(runtime, "-m", "tests.convert.device", trained.folder, tmp_path / "questions.npz", out, "32")
        with np.load(out) as arrays:
            answers.append(Answers(**arrays))
    for name, value in asdict(answers[0]).items():
        np.testing.assert_array_equal(value, asdict(answers[1])[name], err_msg=name)
    record_property("measured", check_agreement(trained.model, test_split, answers[0]))


def test_no_text_and_no_picture_give_zeros(ultra_tiny):
    device = Device(ultra_tiny.folder)
    nothing = np.zeros(ultra_tiny.model.config.max_seq_len, np.int32)
    out = device.encode(nothing, nothing, np.zeros(768, np.float32))
    assert {name: np.abs(value).max() for name, value in out.items()} == dict.fromkeys(out, 0)


def test_padding_carries_nothing(ultra_tiny):
    """What stands in the padding's token ids does not move one bit of the episode."""
    q = random_questions(ultra_tiny.model, 4, 4, longest=6, seed=1)
    device = Device(ultra_tiny.folder)
    for i in range(4):
        other = np.where(q.mask[i], q.tokens[i], 700 + i).astype(np.int32)
        clean, dirty = (device.encode(tokens, q.mask[i], q.taught[i]) for tokens in (q.tokens[i], other))
        for name in clean:
            np.testing.assert_array_equal(clean[name], dirty[name], err_msg=name)


def test_roundings_that_flip(ultra_tiny, record_property):
    """Counted for every matrix of the encoder: next to none before float sums pile up, few after eleven layers."""
    model, q = ultra_tiny.model, random_questions(ultra_tiny.model, 32, 8, longest=31)
    with recording_keras() as keras_inputs:
        model.encode(q.tokens, q.mask.astype(np.float32), q.taught)
    graph = RecordingGraph(ultra_tiny.folder / "encoder.tflite")
    counted: dict[str, np.ndarray] = {}
    for i in range(len(q.tokens)):
        graph.run(tokens=q.tokens[i], mask=q.mask[i], vision=q.taught[i : i + 1])
        for name, x in graph.inputs().items():
            ours, theirs = keras_inputs[name][0][i], x
            if len(x) == len(q.mask[i]):  # one row a token: padding does not count
                ours, theirs = ours[q.mask[i] != 0], x[q.mask[i] != 0]
            counted[name] = counted.get(name, np.zeros(3, int)) + flips(ours, theirs)
    record_property("flips", {name: [int(n) for n in row[:2]] for name, row in counted.items()})
    assert len(counted) == len(graph.fed) == len(keras_inputs)
    for name in BEFORE_ANY_FLOAT:
        assert counted[name][0] <= 1e-4 * counted[name][1], name
    flipped, codes, _ = sum(counted.values())
    assert flipped <= 0.03 * codes


def test_the_app_encodes_a_text_as_training_did(ultra_tiny):
    """Same tokens, same padding, no <eos>: the Pi app's encode gives the bits of the graph fed as the trainer feeds the model."""
    from bitmar.engine import Engine
    from bitmar.model_folder import read_model
    from bitmar.native import library
    from bitmar.tokenizer import Tokenizer
    from model.data.tokenizers import TextTokenizer

    engine = Engine(read_model(ultra_tiny.folder))
    app = Tokenizer(ultra_tiny.folder / "tokenizer.bin", library.load())
    texts = ["bade", "kafi sher", "no such word 123 \N{PILE OF POO}"]
    tokens, mask = encode_texts(TextTokenizer.read(ultra_tiny.folder / "tokenizer.json"), texts, 64)
    device = Device(ultra_tiny.folder)
    for i, text in enumerate(texts):
        expected = device.encode(tokens[i], mask[i].astype(np.int32), np.zeros(768, np.float32))
        found = engine.encode(app.encode(text), None)
        for name, value in expected.items():
            np.testing.assert_array_equal(getattr(found, name)[0], value, err_msg=f"{text}: {name}")
