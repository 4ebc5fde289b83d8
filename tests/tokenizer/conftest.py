"""Built once per run: the tokenizer as a shared object, and both vocabularies with their tables."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import NamedTuple

import pytest
from tokenizers import Tokenizer as HuggingFace

from bitmar.tokenizer import Tokenizer
from convert.tokenizer_table import write_table

from . import vocabularies
from .build_c import build, compiler


class Pair(NamedTuple):
    """One vocabulary in both implementations."""

    name: str
    expected: HuggingFace
    ours: Tokenizer
    json: Path
    table: Path


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tokenizer")


@pytest.fixture(scope="session")
def library(folder: Path) -> ctypes.CDLL:
    return ctypes.CDLL(str(build([compiler("gcc"), "-shared", "-fPIC"], folder / "libtokenizer.so")))


def make_pair(name: str, expected: HuggingFace, special: tuple, folder: Path, library: ctypes.CDLL) -> Pair:
    """Write both files of a vocabulary and open the table with the C."""
    json_path, table = folder / f"{name}.json", folder / f"{name}.bin"
    expected.save(str(json_path))
    write_table(json_path, table, *special)
    return Pair(name, expected, Tokenizer(table, library), json_path, table)


@pytest.fixture(scope="session")
def gpt2(folder: Path, library: ctypes.CDLL) -> Pair:
    return make_pair("gpt2", vocabularies.gpt2(), (vocabularies.GPT2_END,) * 3, folder, library)


@pytest.fixture(scope="session")
def small(folder: Path, library: ctypes.CDLL) -> Pair:
    special = (vocabularies.PAD, vocabularies.BOS, vocabularies.EOS)
    return make_pair("small", vocabularies.trained(1024), special, folder, library)


@pytest.fixture(scope="session", params=["gpt2", "small"])
def pair(request: pytest.FixtureRequest) -> Pair:
    return request.getfixturevalue(request.param)
