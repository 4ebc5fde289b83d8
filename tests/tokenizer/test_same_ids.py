"""Property: for every string of bytes the C tokenizer's ids are Hugging Face's, with both vocabularies, and decoding
gives the bytes back. Texts that are not UTF-8 follow reference.py's rule."""

from __future__ import annotations

import ctypes
import random

import pytest

from bitmar.errors import BitmarError

from . import random_text, reference, vocabularies
from .conftest import Pair, make_pair

QUICK, FULL = 10_000, 100_000
AMOUNTS = [QUICK, pytest.param(FULL, marks=pytest.mark.full)]


@pytest.mark.parametrize("amount", AMOUNTS)
def test_utf8(pair: Pair, amount: int):
    rng = random.Random(amount)
    for number in range(amount):
        text = random_text.text(rng)
        ids = pair.ours.encode(text)
        assert ids == pair.expected.encode(text, add_special_tokens=False).ids, f"string {number}: {text!r}"
        assert pair.ours.decode(ids) == text


@pytest.mark.parametrize("amount", AMOUNTS)
def test_other_bytes(pair: Pair, amount: int):
    rng = random.Random(amount)
    invalid = 0
    for number in range(amount):
        data = random_text.broken(rng)
        ids = pair.ours.encode(data)
        assert ids == reference.encode(pair.expected, data), f"string {number}: {data!r}"
        assert pair.ours.decode_bytes(ids) == data
        invalid += "\ufffd" in data.decode("utf-8", errors="replace")
    assert invalid > amount // 2, "most of these strings should not be UTF-8"


@pytest.mark.parametrize("amount", AMOUNTS)
def test_runs_of_tokens(pair: Pair, amount: int):
    """Any sequence of ids decodes to Hugging Face's text, and that text encodes alike (not to the same ids)."""
    rng = random.Random(amount)
    for _ in range(amount // 4):
        ids = rng.choices(range(pair.ours.vocab_size), k=rng.randint(1, 12))
        text = pair.ours.decode(ids)
        assert text == pair.expected.decode(ids, skip_special_tokens=True)
        assert pair.ours.encode(text) == pair.expected.encode(text, add_special_tokens=False).ids


def test_reference_agrees_with_the_library(pair: Pair):
    """The rule for other bytes is the library's own behaviour where there are none."""
    rng = random.Random(1)
    for _ in range(300):
        text = random_text.text(rng)
        assert reference.encode(pair.expected, text.encode()) == pair.expected.encode(text).ids


def test_every_id_decodes(pair: Pair):
    for token in range(pair.ours.vocab_size):
        assert pair.ours.decode([token]) == pair.expected.decode([token], skip_special_tokens=True), token


def test_every_pair_of_bytes(small: Pair):
    for first in range(256):
        for second in range(256):
            data = bytes([first, second])
            assert small.ours.decode_bytes(small.ours.encode(data)) == data


@pytest.mark.parametrize(
    "text", ["", " ", "  ", "\n", "a", "'", "'s", " 's", "!'s", "a \n", "a \n b", "\x00", "a\x00b", "é", "\ufeff"]
)
def test_examples(pair: Pair, text: str):
    assert pair.ours.encode(text) == pair.expected.encode(text).ids


def test_long_words(pair: Pair):
    """A word of 60,000 bytes: the merges of a whole line of output, without quadratic time."""
    rng = random.Random(3)
    for text in ("ab" * 30_000, " " * 60_000, "".join(rng.choices("etaoin", k=60_000)), "🍓" * 15_000):
        assert pair.ours.encode(text) == pair.expected.encode(text).ids


def test_special_tokens_in_a_text_are_text(pair: Pair):
    special = {pair.ours.pad, pair.ours.bos, pair.ours.eos}
    for text in random_text.SPECIAL:
        assert not special & set(pair.ours.encode(f"a {text} b"))
        assert pair.ours.decode(pair.ours.encode(text)) == text
    assert pair.ours.decode(special) == ""


def test_special_ids(gpt2: Pair, small: Pair):
    assert (gpt2.ours.pad, gpt2.ours.bos, gpt2.ours.eos, gpt2.ours.vocab_size) == (50256, 50256, 50256, 50257)
    assert (small.ours.pad, small.ours.bos, small.ours.eos, small.ours.vocab_size) == (0, 1, 2, 1024)


def test_prefix_space(folder, library: ctypes.CDLL):
    """`add_prefix_space`: the first word gets a space that the text does not have."""
    prefixed = make_pair("prefixed", vocabularies.trained(600, prefix_space=True), (0, 1, 2), folder, library)
    rng = random.Random(4)
    for text in ["", " ", "\n", "\nx", "\n\nx", "'s", "x", "é", "\x85"] + [random_text.text(rng) for _ in range(500)]:
        assert prefixed.ours.encode(text) == prefixed.expected.encode(text).ids, repr(text)
    for _ in range(500):
        data = random_text.broken(rng)
        assert prefixed.ours.encode(data) == reference.encode(prefixed.expected, data, prefix_space=True), data


@pytest.mark.parametrize("token", [-1, 1024, 2**31 - 1])
def test_no_such_id(small: Pair, token: int):
    with pytest.raises(BitmarError, match=f"{token}: expected 0 to 1023"):
        small.ours.decode([token])


def test_capacity(small: Pair, library: ctypes.CDLL):
    """A smaller buffer gives the same ids or BPE_ERROR_CAPACITY, and nothing is written behind it."""
    data = b"the strawberries  in the 12,000 gardens"
    whole = small.ours.encode(data)
    refused = 0
    for capacity in range(len(data) + 1):
        ids = (ctypes.c_int32 * (len(data) + 8))(*[-77] * (len(data) + 8))
        count = library.bpe_encode(small.ours._table, data, len(data), ids, capacity)
        refused += count < 0
        assert (count == -6) or list(ids[:count]) == whole
        assert all(entry == -77 for entry in ids[capacity:])
    assert 0 < refused < len(data), "some capacities below the text's length are enough"


def test_normalise(small: Pair):
    """ASCII white space only; everything else, broken bytes included, is left alone."""
    rng = random.Random(5)
    for _ in range(1_000):
        data = rng.choice(
            [random_text.broken(rng), bytes(rng.choices(b" \t\n\v\f\r\x1c\x85\xa0ab", k=rng.randint(0, 12)))]
        )
        assert small.ours.normalise(data) == b" ".join(data.split())
