"""Property: any text survives its tokens; names are lower-case [a-z0-9 ]; phrases and glosses are WordNet's."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bitmar.errors import BitmarError
from model.config import BitMarConfig, load_config
from model.data import text
from model.data.build import Builder
from model.data.names import normalise, read_emojis
from model.data.packages import EMOJIBASE, WORDNET
from model.data.pictograms import load_dataset, load_tokenizer
from model.data.tokenizers import TextTokenizer, train_bpe
from tests.data.conftest import ROOT
from tests.data.packages import CONCEPTS, OTHER_PHRASES

NAMES = ["red apple", "green tree", "blue bird", "yellow sun"]
BPE = train_bpe(NAMES, OTHER_PHRASES, 300)


@given(st.text())
@settings(max_examples=300)
def test_any_text_round_trips(value: str) -> None:
    value = " ".join(value.encode("utf-8", "ignore").decode().split())
    ids = BPE.encode(value)
    assert BPE.decode([*ids, BPE.eos, *ids]) == value
    assert not {BPE.pad, BPE.bos, BPE.eos} & set(ids)


def test_special_tokens() -> None:
    assert (BPE.pad, BPE.bos, BPE.eos) == (0, 1, 2) and BPE.vocab_size == 300


def test_rows() -> None:
    encoded = BPE.encode_batch(["  red \n apple ", "x" * 100, ""], 12)
    tokens = BPE.encode("red apple")
    assert encoded.ids[0].tolist() == [*tokens, BPE.eos] + [BPE.pad] * (11 - len(tokens))
    assert encoded.mask.sum(1).tolist() == [len(tokens) + 1, 0, 1]
    assert encoded.fits.tolist() == [True, False, True]
    exact = BPE.encode_batch(["red apple"], len(tokens) + 1)
    short = BPE.encode_batch(["red apple"], len(tokens))
    assert exact.fits.all() and not short.fits.any() and not short.mask.any()


def test_training_is_deterministic(tmp_path: Path) -> None:
    again = train_bpe(NAMES, OTHER_PHRASES, 300)
    assert again.tokenizer.to_str() == BPE.tokenizer.to_str()
    BPE.save(tmp_path / "tokenizer.json")
    assert TextTokenizer.read(tmp_path / "tokenizer.json").tokenizer.to_str() == BPE.tokenizer.to_str()


def test_impossible_vocabularies() -> None:
    with pytest.raises(BitmarError, match="vocab_size: 100, expected at least 259"):
        train_bpe(NAMES, [], 100)
    with pytest.raises(BitmarError, match="gives only"):
        train_bpe(NAMES, [], 5000)


def test_broken_tokenizer_file(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(BitmarError, match=r"not a tokenizer.json"):
        TextTokenizer.read(tmp_path / "tokenizer.json")


def test_tokenizer_is_cached(small: Builder, config: BitMarConfig) -> None:
    dataset = load_dataset(config, small.data_dir)
    first = load_tokenizer(config, dataset, small.data_dir)
    files = sorted((small.data_dir / "tokenizers").iterdir())
    stamp = [file.stat().st_mtime_ns for file in files]
    assert load_tokenizer(config, dataset, small.data_dir).tokenizer.to_str() == first.tokenizer.to_str()
    assert [file.stat().st_mtime_ns for file in files] == stamp


def test_gpt2(real: Path) -> None:
    """Ids that GPT-2's own encoder gives."""
    tokenizer = TextTokenizer.read(real / "tokenizers/gpt2.json")
    assert tokenizer.vocab_size == 50257
    assert tokenizer.pad == tokenizer.bos == tokenizer.eos == 50256
    assert tokenizer.encode("Hello world") == [15496, 995]
    assert tokenizer.encode("The quick brown fox") == [464, 2068, 7586, 21831]
    for value in ("na\u00efve caf\u00e9 \U0001f353", "it's 100 %", "\u4f60\u597d"):
        assert tokenizer.decode(tokenizer.encode(value)) == value


def test_real_names_fit(real: Path) -> None:
    """Every name fits ultra_tiny's 32 tokens, end included, in both splits' vocabularies."""
    config = load_config(ROOT / "configs/bitmar_ultra_tiny.yaml")
    for split in ("development", "final"):
        dataset = load_dataset(config, real, split)
        tokenizer = load_tokenizer(config, dataset, real)
        assert tokenizer.vocab_size == config.vocab_size
        assert tokenizer.encode_batch([c.name for c in dataset.concepts], config.max_seq_len).fits.all()


@given(st.text())
def test_names_are_plain(value: str) -> None:
    name = normalise(value)
    assert re.fullmatch(r"([a-z0-9]+( [a-z0-9]+)*)?", name)
    assert normalise(name) == name


def test_names() -> None:
    assert normalise("Man\u2019s Shoe") == "mans shoe"
    assert normalise("Pi\u00f1ata & Co.") == "pinata and co"
    assert normalise("keycap: 10") == "keycap 10"


def test_concepts(small: Builder) -> None:
    concepts = read_emojis(small.packages[EMOJIBASE])
    assert {concept.id: concept.name for concept in concepts} == CONCEPTS  # the flag is left out


def test_wordnet(small: Builder) -> None:
    phrases = text.noun_phrases(small.packages[WORDNET])
    assert phrases == sorted([*CONCEPTS.values(), *OTHER_PHRASES])
    glosses = text.glosses(small.packages[WORDNET], ["apple tree", "river bank", "nowhere"])
    assert glosses == {"apple tree": "morning light", "river bank": "table cloth"}


def test_missing_data_is_an_error_that_says_what_to_do(config: BitMarConfig, tmp_path: Path) -> None:
    for vision in ("lite0_128", "thumb16"):
        with pytest.raises(BitmarError, match=r"run `pipeline.py data`"):
            load_dataset(dataclasses.replace(config, vision=vision), tmp_path)


def test_loaded_arrays(small: Builder, config: BitMarConfig) -> None:
    dataset = load_dataset(config, small.data_dir)
    n = len(dataset.concept)
    assert n == 4 * len(CONCEPTS) and dataset.q.shape == (n, 768) and dataset.features.dtype == np.float32
    for drawing in range(0, n, 11):
        assert dataset.find(dataset.reference(drawing)) == drawing
        assert dataset.name_of(drawing) == CONCEPTS[dataset.reference(drawing).split("/")[1]]
    with pytest.raises(BitmarError, match="expected SET/CODE"):
        dataset.find("noto/nothing")
