"""A head of two levels: probabilities add up, the loss is exact where all words are computed and fair where some are drawn."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import tensorflow as tf

from bitmar.errors import BitmarError
from convert.converter import convert
from convert.graphs import decoder
from convert.reader import attributes, is_custom, op_name, parse
from model.bitmar import BitMar
from model.config import from_dict
from model.functional import class_log_probabilities, class_top_k, ternary_logits
from model.quantizers import ternary_codes
from model.training.batches import BatchMaker
from model.training.head_words import choose_words
from model.training.losses import class_cross_entropy, token_cross_entropy
from model.training.step import TrainStep, make_optimizer
from model.word_classes import WordClasses
from tests.kernels import spec

CLASSES = WordClasses(vocab_size=301, shortlist=40, size=29)  # nine whole classes
ALONE = WordClasses(vocab_size=300, shortlist=40, size=37)  # the last class is one word, as GPT-2's <eos> is


@pytest.fixture
def scores() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    return rng.normal(0, 2, (3, 8, ALONE.vocab_size)).astype("f"), rng.normal(0, 2, (3, 8, ALONE.count)).astype("f")


def by_hand(words: np.ndarray, of_classes: np.ndarray, classes: WordClasses) -> list[float]:
    """log p of each word, one position."""
    e = np.exp(words.astype(np.float64))
    total = e[: classes.shortlist].sum() + np.exp(of_classes.astype(np.float64)).sum()
    found = [math.log(p / total) for p in e[: classes.shortlist]]
    for word in range(classes.shortlist, classes.vocab_size):
        c = (word - classes.shortlist) // classes.size
        first = classes.shortlist + c * classes.size
        found.append(of_classes[c] - math.log(total) + math.log(e[word] / e[first : first + classes.size].sum()))
    return found


def test_probabilities_are_those_of_the_two_softmaxes_and_add_up_to_one(scores) -> None:
    found = class_log_probabilities(*map(tf.constant, scores), ALONE).numpy()
    np.testing.assert_allclose(np.exp(found.astype(np.float64)).sum(-1), 1, rtol=1e-5)
    np.testing.assert_allclose(found[1, 2], by_hand(scores[0][1, 2], scores[1][1, 2], ALONE), atol=1e-4)


def test_the_classes_cover_the_words_once() -> None:
    for classes in (CLASSES, ALONE):
        of = classes.of(np.arange(classes.vocab_size))
        assert (of[: classes.shortlist] < 0).all() and set(of[classes.shortlist :]) == set(range(classes.count))
        assert np.bincount(of[classes.shortlist :]).max() == classes.size


def test_all_words_give_the_exact_loss_and_its_gradient(scores) -> None:
    targets = np.random.default_rng(2).integers(0, ALONE.vocab_size, (3, 8)).astype(np.int32)
    head = choose_words(targets, ALONE.vocab_size, 0, (0, 0), ALONE)
    logits, of_classes = map(tf.constant, scores)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch((logits, of_classes))
        ours = class_cross_entropy(
            tf.concat([logits, of_classes], -1), head.targets, tf.constant(head.words), head.log_weight, ALONE
        )
        theirs = token_cross_entropy(class_log_probabilities(logits, of_classes, ALONE), targets)
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)
    for of in (logits, of_classes):
        np.testing.assert_allclose(tape.gradient(ours, of), tape.gradient(theirs, of), atol=1e-5)


def test_every_class_is_drawn_from_and_its_sum_has_no_bias() -> None:
    targets = np.random.default_rng(3).integers(0, ALONE.vocab_size, 30).astype(np.int32)
    e = np.exp(np.random.default_rng(4).normal(0, 1, ALONE.vocab_size))
    sums = []
    for step in range(300):
        head = choose_words(targets, ALONE.vocab_size, 120, (0, step), ALONE)
        assert len(np.unique(head.words)) == 120 and (head.words[: ALONE.shortlist] == np.arange(40)).all()
        assert (head.words[head.targets] == targets).all() and (head.log_weight[head.targets] == 0).all()
        of = ALONE.of(head.words[40:])
        sums.append(np.bincount(of, e[head.words[40:]] * np.exp(head.log_weight[40:]), ALONE.count))
    exact = np.bincount(ALONE.of(np.arange(40, ALONE.vocab_size)), e[40:], ALONE.count)
    error = np.std(sums, 0) / len(sums) ** 0.5
    assert (np.abs(np.mean(sums, 0) - exact) <= 4 * error + 1e-6).all()


def test_too_few_words_are_refused() -> None:
    with pytest.raises(BitmarError, match=r"head_words is 45, expected .* of each class"):
        choose_words(np.zeros(3, np.int32), ALONE.vocab_size, 45, (0, 0), ALONE)


@pytest.mark.parametrize("classes", [CLASSES, ALONE])
@pytest.mark.parametrize("k", [1, 5, 35])
def test_greedy_choice_level_by_level(classes: WordClasses, k: int) -> None:
    rng = np.random.default_rng(5)
    table = rng.normal(0, 1, (classes.vocab_size, 16)).astype("f")
    x = rng.normal(0, 1, (40, 16)).astype("f")
    # whole numbers, so that words and classes tie
    of_classes = np.round(rng.normal(0, 30, (40, classes.count))).astype("f")
    of_classes[:5] = -1e6
    of_classes[5:10, -1] = 1e6
    ids, logits = (
        t.numpy() for t in class_top_k(tf.constant(x), tf.constant(table), tf.constant(of_classes), k, classes)
    )
    words = ternary_logits(tf.constant(x), tf.constant(table)).numpy()
    codes, gamma = (t.numpy() for t in ternary_codes(tf.constant(table)))
    for row in range(40):
        order = np.argsort(-words[row], kind="stable")
        short = order[order < classes.shortlist]
        c = int(of_classes[row].argmax())
        inside = order[classes.of(order) == c] if of_classes[row, c] > words[row, short[0]] else []
        want = np.r_[inside, short][:k].astype(int)
        assert ids[row].tolist() == want.tolist()
        assert (logits[row] == words[row][want]).all()
        device = spec.ternary_class_topk(x[row], codes, gamma, of_classes[row], k, classes.shortlist, classes.size)
        assert all(a.tobytes() == b[row].tobytes() for a, b in zip(device, (ids, logits), strict=True))


def test_a_model_with_classes_trains_and_its_loss_is_that_of_its_probabilities(small_config, small_data) -> None:
    c = dataclasses.replace(
        small_config,
        decoder_shortlist=40,
        decoder_class_words=37,
        training=dataclasses.replace(small_config.training, head_words=200),
    )
    assert from_dict(c.as_dict()) == c
    model = BitMar(c)
    batch = BatchMaker(small_data, c).batch(0)
    exact = BatchMaker(
        small_data, dataclasses.replace(c, training=dataclasses.replace(c.training, head_words=0))
    ).batch(0)
    step = TrainStep(model, make_optimizer(model))
    sampled, whole = (float(step.losses(b)["phrases"]) for b in (batch, exact))
    assert abs(sampled - whole) < 0.2
    before = model.decoder.class_head.kernel.numpy().copy()
    metrics = [step(batch, 0.003)["loss"] for _ in range(5)]
    assert metrics[-1] < metrics[0] and (model.decoder.class_head.kernel.numpy() != before).any()


@pytest.mark.parametrize("shortlist,words", [(0, 10), (300, 10), (40, 0), (4, 10)])
def test_sizes_that_make_no_classes_are_refused(small_config, shortlist: int, words: int) -> None:
    values = small_config.as_dict() | {"decoder_shortlist": shortlist, "decoder_class_words": words}
    with pytest.raises(BitmarError, match="decoder_shortlist"):
        from_dict(values)


def test_a_model_with_classes_is_converted(small_config) -> None:
    """The op has the attributes of the configuration; without classes no graph has it."""
    with_classes = dataclasses.replace(small_config, decoder_shortlist=40, decoder_class_words=37)
    for config, heads in ((with_classes, ["BITMAR_TERNARY_CLASS_TOPK"]), (small_config, ["BITMAR_TERNARY_TOPK"])):
        parsed = parse(convert(decoder(BitMar(config))), "decoder")
        found = {op_name(parsed, op): attributes(op) for op in parsed.subgraphs[0].operators if is_custom(parsed, op)}
        assert [name for name in found if name.endswith("TOPK")] == heads
        if config is with_classes:
            assert (found[heads[0]]["shortlist"], found[heads[0]]["class_words"]) == (40, 37)
