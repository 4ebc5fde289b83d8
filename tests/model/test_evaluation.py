"""Property: questions are fair and seeded, decoding is what the device does, and the trained fixture answers."""

import numpy as np
import pytest

from bitmar.errors import BitmarError
from model.data.tokenizers import TextTokenizer
from model.evaluation.ask import encode_texts
from model.evaluation.baseline import nearest_neighbour, wilson
from model.evaluation.decode import GreedyDecoder
from model.evaluation.metrics import OTHER, names_of_a_kind
from model.evaluation.questions import Questions, make_questions

from .conftest import ROOT, SHIPPED


def test_questions_are_fair():
    rng = np.random.default_rng(0)
    concept = np.repeat(np.arange(30), 4)
    pairs = np.array([(a, b) for a in range(120) for b in range(120) if a // 4 == b // 4 and a != b])
    pairs = pairs[rng.permutation(len(pairs))]
    q = make_questions(pairs, concept, 8, 3000, seed=1)
    shown = concept[q.taught]
    assert all(len(set(row)) == 8 for row in shown)
    rows = np.arange(len(q.asked))
    assert (concept[q.asked] == shown[rows, q.answer]).all()
    assert (q.asked != q.taught[rows, q.answer]).all()
    assert np.bincount(q.answer, minlength=8).min() > 300  # no slot is the answer more often than others
    assert np.bincount(concept[q.asked], minlength=30).min() > 60
    again = make_questions(pairs, concept, 8, 3000, seed=1)
    assert all((a == b).all() for a, b in ((q.taught, again.taught), (q.asked, again.asked)))
    assert (make_questions(pairs, concept, 8, 3000, seed=2).taught != q.taught).any()
    with pytest.raises(BitmarError, match="30 concepts"):
        make_questions(pairs, concept, 31, 10, seed=1)


def test_wilson_interval():
    """Against the closed form's known values, and its coverage of a binomial."""
    assert wilson(50, 100) == pytest.approx((0.4038, 0.5962), abs=1e-4)
    assert wilson(0, 10) == pytest.approx((0.0, 0.2775), abs=1e-4)
    assert wilson(0, 0) == (0.0, 1.0)
    right = np.random.default_rng(0).binomial(200, 0.9, 4000)
    inside = [low <= 0.9 <= high for low, high in (wilson(int(r), 200) for r in right)]
    assert 0.93 < np.mean(inside) < 0.97


def test_nearest_neighbour_finds_the_nearest():
    features = np.eye(4, 768, dtype=np.float32)
    features[3, 1] = 5.0
    questions = Questions(np.array([[0, 1, 2]]), np.array([3]), np.array([1]))
    assert nearest_neighbour(features, questions).all()
    assert not nearest_neighbour(features, Questions(np.array([[0, 1, 2]]), np.array([3]), np.array([0]))).any()


@pytest.mark.parametrize("seed", range(2))
def test_decoding_in_stages_is_greedy_decoding(small_model, seed):
    """Token by token, each the likeliest after the ones before."""
    c = small_model.config
    rng = np.random.default_rng(seed)
    context = rng.normal(size=(9, c.episode_dim)).astype(np.float32)
    latent = rng.normal(size=(9, c.vision_latent_size)).astype(np.float32)
    got = GreedyDecoder(small_model)(context, latent)
    tokens = np.full((9, 1), c.bos_id, np.int32)
    for position in range(c.max_seq_len):
        logits = small_model.decode(tokens, context, latent).numpy()[:, position]
        tokens = np.concatenate([tokens, logits.argmax(1)[:, None].astype(np.int32)], 1)
    for row, want in zip(got.tolist(), tokens[:, 1:].tolist(), strict=True):
        end = want.index(c.eos_id) + 1 if c.eos_id in want else len(want)
        assert row[:end] == want[:end] and set(row[end:]) <= {c.pad_id}


@pytest.fixture(scope="module")
def trained():
    """(model, tokenizer, pictures): the shipped model, the pictures of tests/fixtures."""
    from model.saved_run import load_run

    with np.load(ROOT / "tests" / "fixtures" / "pictures.npz") as file:
        pictures = {name: file[name] for name in file.files}
    return load_run(SHIPPED), TextTokenizer.read(SHIPPED / "tokenizer.json"), pictures


def test_the_trained_fixture_answers(trained):
    """Sets of 10, each asked for with the other drawing: well above chance (.1), names it never saw included."""
    model, tokenizer, pictures = trained
    features = pictures["q"].astype(np.float32) * pictures["scale"][:, None]
    taught, asked, names = features[::2], features[1::2], pictures["name"][::2].tolist()
    assert names == pictures["name"][1::2].tolist() and len(names) == 100
    ids, mask = encode_texts(tokenizer, names, model.config.max_seq_len)
    episode = model.encode(ids, mask, taught)["episode"].numpy().reshape(10, 10, -1)
    key = model.keys.of_picture(taught).numpy().reshape(10, 10, -1)
    query = model.keys.of_picture(asked).numpy().reshape(10, 10, -1)
    context, scores = model.recall(query, key, episode)
    slot = (scores.numpy().argmax(-1) == np.arange(10)).mean()
    written = GreedyDecoder(model)(context.numpy().reshape(100, -1), model.vision(asked).numpy())
    exact = np.array([tokenizer.decode(row.tolist()) == name for row, name in zip(written, names, strict=True)])
    held_out = pictures["held_out"][::2]
    assert slot >= 0.9 and exact[held_out].mean() >= 0.6 and exact[~held_out].mean() >= 0.85, (
        slot,
        exact[held_out].mean(),
        exact[~held_out].mean(),
    )


def test_a_text_asks_for_its_picture(trained):
    """`say`: the query of a name alone, written to memory with the picture: among ten, above chance."""
    model, tokenizer, pictures = trained
    known = ~pictures["held_out"][::2]
    names = pictures["name"][::2][known].tolist()
    features = (pictures["q"].astype(np.float32) * pictures["scale"][:, None])[::2][known]
    ids, mask = encode_texts(tokenizer, names, model.config.max_seq_len)
    query = model.encode(ids, mask, np.zeros_like(features))["query"].numpy().reshape(5, 10, -1)
    key = model.keys.of_picture(features).numpy().reshape(5, 10, -1)
    found = (model.memory.scores(query, key).numpy().argmax(-1) == np.arange(10)).mean()
    assert found >= 0.4, found


def test_merging_keeps_the_name_readable(trained):
    """The same thing taught from both drawings: one slot, and the blend still decodes to its name."""
    from model.stateful_memory import StatefulMemory

    model, tokenizer, pictures = trained
    c = model.config
    features = pictures["q"].astype(np.float32) * pictures["scale"][:, None]
    rows = np.flatnonzero(~pictures["held_out"])[:16]
    names = pictures["name"][rows].tolist()
    ids, mask = encode_texts(tokenizer, names, c.max_seq_len)
    out = {name: value.numpy() for name, value in model.encode(ids, mask, features[rows]).items()}
    memory = StatefulMemory(16, c.episode_dim, c.memory_alpha, merge_threshold=0.3)
    memory.build()
    actions = [memory.teach(n, e, k).action for n, e, k in zip(names, out["episode"], out["key"], strict=True)]
    merged = actions.count("merged")
    assert actions.count("new") + merged == 16 and merged >= 6
    contexts, slots = [], []
    for query in out["query"]:
        slot, context = memory.ask(model.keys.of_picture(features[rows][len(slots)][None]).numpy()[0], model.memory)
        slots.append(memory.labels()[slot])
        contexts.append(context)
        assert np.isfinite(query).all()
    written = GreedyDecoder(model)(np.stack(contexts), out["latent"])
    right = [tokenizer.decode(row.tolist()) == name for row, name in zip(written, names, strict=True)]
    assert np.mean([a == b for a, b in zip(slots, names, strict=True)]) >= 0.85 and np.mean(right) >= 0.7


@pytest.mark.parametrize(("questions", "names"), [(1, 4), (39, 4), (2000, 200), (100_000, 200)])
def test_few_questions_have_enough_names(questions: int, names: int) -> None:
    """Fewer than forty questions ended in a traceback: known things had no sixteen names to be taught under."""
    assert names_of_a_kind(questions) == names and names * len(OTHER) >= 16
