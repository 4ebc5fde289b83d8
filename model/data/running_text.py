"""Running text for the decoder's language: six novels and two dictionaries from Debian packages, as lists of paragraphs."""

from __future__ import annotations

import gzip
import re
import struct
import zlib
from pathlib import Path
from typing import NamedTuple

from pydantic import TypeAdapter, ValidationError

from bitmar.errors import BitmarError
from model.data.files import read_json, write_json
from model.data.packages import DEVIL, JARGON
from model.data.tokenizers import normalise

FILE = "running_text.json"
BOOKS = "usr/lib/R/site-library/janeaustenr/data/Rdata.rdb"
DICTIONARIES = {  # where each package has its text; both are in the format of dictd(8), compressed by gzip's algorithm
    JARGON: "usr/share/dictd/jargon.dict.dz",
    DEVIL: "usr/share/dictd/devil.dict.dz",
}
PARTS = 10  # of a dictionary, in alphabetical order
HELD_OUT = ("northanger abbey", "dict-jargon 4", "dict-devil 4")  # a whole book, a tenth of each dictionary
LEAST = 20  # characters of a paragraph: shorter ones are headings and exclamations
PROSE = 0.75  # share of letters and spaces: below it stand tables, programs and drawings
STRINGS, STRING = 16, 9  # R's types STRSXP and CHARSXP
HEADER = struct.Struct(">2s3iI")  # "X\n", version 3 and two more of R, length of the encoding's name


class Document(NamedTuple):
    """A book, or a part of a dictionary."""

    name: str
    held_out: bool  # never trained on: bits per byte are measured on it
    paragraphs: list[str]  # white space normalised


def read_r_strings(data: bytes, where: str) -> list[str]:
    """A character vector in R's XDR serialisation, version 3 (R Internals, section 1.8); BitmarError for anything else."""
    try:
        magic, version, _, _, encoding = HEADER.unpack_from(data)
        at = HEADER.size + encoding
        kind, count = struct.unpack_from(">II", data, at)
        if (magic, version, kind & 0xFF) != (b"X\n", 3, STRINGS):
            raise ValueError(f"type {kind & 0xFF} of version {version}")
        at, strings = at + 8, []
        for _ in range(count):
            kind, size = struct.unpack_from(">Ii", data, at)
            if kind & 0xFF != STRING or size > len(data) - at - 8:
                raise ValueError(f"type {kind & 0xFF} of {size} bytes at {at}")
            at += 8 + max(size, 0)  # -1: NA
            strings.append(data[at - max(size, 0) : at].decode())
    except (struct.error, ValueError) as error:
        raise BitmarError(f"{where}: {error}, expected a vector of strings as R serialises it") from None
    return strings


def read_r_database(data: bytes, where: str) -> list[list[str]]:
    """The character vectors of an .rdb file: records of a big-endian length and a zlib stream that expands to it."""
    vectors, at = [], 0
    while at < len(data):
        unpack = zlib.decompressobj()
        try:
            record = unpack.decompress(data[at + 4 :])
        except zlib.error as error:
            raise BitmarError(f"{where}: {error} at byte {at}, expected R's data base") from None
        if not unpack.eof or struct.pack(">I", len(record)) != data[at : at + 4]:
            raise BitmarError(f"{where}: {len(record)} bytes at byte {at}, expected R's data base")
        vectors.append(read_r_strings(record, where))
        at = len(data) - len(unpack.unused_data)
    return vectors


def paragraphs(lines: list[str]) -> list[str]:
    """Lines between empty ones joined; marks of emphasis and reference left out; prose alone, see LEAST and PROSE."""
    found = []
    for block in re.split(r"\n\s*\n", "\n".join(lines)):
        text = normalise(re.sub(r"[_{}]", "", block))
        letters = sum(c.isalpha() or c == " " for c in text)
        if len(text) >= LEAST and letters >= PROSE * len(text) and any(map(str.islower, text)):
            found.append(text)
    return found


def documents(austen: Path, dictionaries: dict[str, Path]) -> list[Document]:
    """All documents out of files: R's data base of the novels, and {package's name: .dict.dz}."""
    made = []
    for lines in read_r_database(austen.read_bytes(), str(austen)):
        name = next((normalise(line).lower() for line in lines if line.strip()), "")
        made.append(Document(name, name in HELD_OUT, paragraphs(lines)))
    for name, path in dictionaries.items():
        try:
            text = gzip.decompress(path.read_bytes()).decode()
        except (OSError, EOFError, zlib.error, ValueError) as error:
            raise BitmarError(f"{path}: {error}, expected a dictionary of dictd, UTF-8 in gzip's format") from None
        whole = paragraphs(text.splitlines())
        bounds = [len(whole) * part // PARTS for part in range(PARTS + 1)]
        for part in range(PARTS):
            title = f"{name} {part}"
            made.append(Document(title, title in HELD_OUT, whole[bounds[part] : bounds[part + 1]]))
    return made


def write(path: Path, made: list[Document]) -> None:
    """running_text.json, whole or not at all."""
    write_json(path, [document._asdict() for document in made])


def read(data_dir: Path) -> list[Document]:
    """What `write` wrote into a data folder; [] where it has none: one made without running text, or before there was any."""
    path = data_dir / FILE
    if not path.exists():
        return []
    try:
        return TypeAdapter(list[Document]).validate_python(read_json(path))
    except ValidationError:
        raise BitmarError(f"{path}: expected documents with paragraphs; delete it and run `pipeline.py data`") from None
