"""Property: merges are applied lowest rank first, leftmost first, for any table of merges, also one that no training
would give (ranks in random order, several merges that make one token, as `tokenizers`' trainer can produce)."""

from __future__ import annotations

import ctypes
import itertools
import json
import random

import pytest
from tokenizers import models, pre_tokenizers

from . import vocabularies
from .conftest import make_pair


def random_model(rng: random.Random) -> models.BPE:
    """All 256 bytes, and random merges over the letters a, b, c in random order of rank."""
    vocabulary = {character: number for number, character in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    tokens = ["a", "b", "c"]
    pairs = []
    for _ in range(rng.randint(0, 60)):
        pair = (rng.choice(tokens), rng.choice(tokens))
        merged = "".join(pair)
        if pair in pairs or len(merged) > 12:
            continue
        pairs.append(pair)
        tokens.append(merged)
        vocabulary.setdefault(merged, len(vocabulary))
        for cut in range(1, len(merged)):  # other ways to make the same token
            other = (merged[:cut], merged[cut:])
            if other not in pairs and all(part in vocabulary for part in other) and rng.random() < 0.5:
                pairs.append(other)
    rng.shuffle(pairs)
    return models.BPE(vocab=vocabulary, merges=pairs)


@pytest.mark.parametrize("amount", [60, pytest.param(1_500, marks=pytest.mark.full)])
def test_any_merges(amount: int, tmp_path, library: ctypes.CDLL):
    several_ways = 0
    for seed in range(amount):
        rng = random.Random(seed)
        pair = make_pair("random", vocabularies.byte_level(random_model(rng)), (None,) * 3, tmp_path, library)
        texts = ["".join(letters) for size in range(1, 6) for letters in itertools.product("abc", repeat=size)]
        texts += ["".join(rng.choices("abc", k=rng.randint(6, 60))) for _ in range(150)]
        for text in texts:
            assert pair.ours.encode(text) == pair.expected.encode(text).ids, f"table {seed}: {text}"
        made = [left + right for left, right in json.loads(pair.json.read_text())["model"]["merges"]]
        several_ways += len(set(made)) < len(made)
    assert several_ways > amount // 2
