"""Property: running text comes out of the packages as it was written; broken files are one error; the held-out stays so."""

from __future__ import annotations

import gzip
import struct
import zlib
from pathlib import Path

import pytest

from bitmar.errors import BitmarError
from model.data import running_text
from model.data.running_text import Document, documents, paragraphs, read, read_r_database, write

BOOK = [
    "NORTHANGER ABBEY",
    "",
    "",
    "CHAPTER 1",
    "",
    "No one who had _ever_ seen Catherine",
    "would have supposed her a heroine.",
]
OTHER = ["A BOOK OF TWO LINES", "", "It has a single paragraph of text, and no more."]
ENTRIES = "".join(
    f"\nword {i}\n n.\n\n    [from a list] The entry number {i} of {{words}}, in prose.\n" for i in range(40)
)


def r_record(strings: list[str]) -> bytes:
    """A character vector as `saveRDS(version = 3)` serialises it, as a record of an .rdb file."""
    body = b"X\n" + struct.pack(">3iI", 3, 0x40201, 0x30500, 5) + b"UTF-8" + struct.pack(">II", 16, len(strings))
    for text in strings:
        body += struct.pack(">II", 0x40009, len(text.encode())) + text.encode()
    return struct.pack(">I", len(body)) + zlib.compress(body)


@pytest.fixture
def packages(tmp_path: Path) -> tuple[Path, dict[str, Path]]:
    books, words = tmp_path / "Rdata.rdb", tmp_path / "words.dict.dz"
    books.write_bytes(r_record(BOOK) + r_record(OTHER))
    words.write_bytes(gzip.compress(ENTRIES.encode()))
    return books, {"dict-jargon": words}


def test_books_and_dictionaries_become_paragraphs_and_whole_ones_are_held_out(packages) -> None:
    made = documents(*packages)
    assert made[0] == Document(
        "northanger abbey", True, ["No one who had ever seen Catherine would have supposed her a heroine."]
    )
    assert made[1] == Document("a book of two lines", False, [OTHER[2]])
    parts = made[2:]
    assert [part.name for part in parts if part.held_out] == ["dict-jargon 4"]
    assert parts[0].paragraphs[0] == "[from a list] The entry number 0 of words, in prose."
    assert sum(len(part.paragraphs) for part in parts) == 40 and len({p for d in parts for p in d.paragraphs}) == 40


def test_a_drawing_of_letters_and_headings_are_left_out() -> None:
    table = ["  +----+----+----+  ", "  | a  | b  | c  |  ", "  +----+----+----+  "]
    assert paragraphs([*table, "", "CHAPTER THE TWENTY-FIRST", "", "Then there was a sentence of prose."]) == [
        "Then there was a sentence of prose."
    ]


def test_what_is_written_is_read_and_a_folder_without_it_is_read_too(tmp_path: Path, packages) -> None:
    made = documents(*packages)
    assert read(tmp_path) == []
    write(tmp_path / running_text.FILE, made)
    assert read(tmp_path) == made


@pytest.mark.parametrize("keep", [3, 40, -1])
def test_a_cut_data_base_is_one_error(keep: int) -> None:
    with pytest.raises(BitmarError, match=r"books: .*expected R's data base") as error:
        read_r_database(r_record(BOOK)[:keep], "books")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("change", [(5, 4), (26, 19), (34, 7), (35, 99)])
def test_other_objects_of_r_are_one_error(change: tuple[int, int]) -> None:
    body = bytearray(zlib.decompress(r_record(BOOK)[4:]))
    body[change[0]] = change[1]
    with pytest.raises(BitmarError, match=r"books: .*expected a vector of strings"):
        running_text.read_r_strings(bytes(body), "books")


def test_a_broken_dictionary_and_a_broken_file_name_it(tmp_path: Path, packages) -> None:
    books, words = packages
    words["dict-jargon"].write_bytes(b"not gzip")
    with pytest.raises(BitmarError, match=r"words\.dict\.dz: .*expected a dictionary"):
        documents(books, words)
    (tmp_path / running_text.FILE).write_text('[{"name": 3}]')
    with pytest.raises(BitmarError, match=r"running_text\.json: expected documents"):
        read(tmp_path)


def test_a_missing_package_is_one_error(tmp_path: Path, monkeypatch) -> None:
    """apt-get that knows no such package, as on a machine of another distribution."""
    from model.data import download
    from model.data.packages import AUSTEN

    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "apt-get").write_text("#!/bin/sh\necho E: Unable to locate package >&2; exit 100\n")
    (tools / "apt-get").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:/bin:/usr/bin")
    with pytest.raises(BitmarError, match=r"r-cran-janeaustenr: .*Unable to locate package") as error:
        download.fetch(AUSTEN, tmp_path / "downloads")
    assert "\n" not in str(error.value)
