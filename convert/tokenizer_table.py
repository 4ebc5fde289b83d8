"""tokenizer.json (Hugging Face, byte-level BPE) -> tokenizer.bin, the table that the C tokenizer reads in place.

The format's byte offsets stand in tokenizer/include/bpe.h. Merges are found through a perfect hash ("hash and
displace", Pagh 1999): built here once, so that the device builds nothing.
"""

from __future__ import annotations

import json
import os
import struct
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bitmar.errors import BitmarError

MAGIC = b"BPET"
VERSION = 1
HEADER_SIZE = 64
FLAG_PREFIX_SPACE = 1
ORIGIN_SPECIAL = 0xFEFF
ORIGIN_BYTE = 0xFF00
MAX_MERGES = 0xFEFF
MAX_VOCABULARY = 0xFFFF
EMPTY = 0xFFFF
ABSENT = 0xFFFFFFFF
PAIRS_PER_BUCKET = 4
LOAD = 0.85  # fuller needs longer searches for displacements, emptier costs flash: 2 bytes a slot


class Vocabulary(NamedTuple):
    """A byte-level BPE in numbers. `merges` are (left, right, merged) ids by rank; `tokens` has the bytes of every id
    (empty for special tokens)."""

    tokens: list[bytes]
    merges: list[tuple[int, int, int]]
    byte_ids: list[int]
    special_ids: set[int]
    prefix_space: bool


def byte_alphabet() -> dict[str, int]:
    """GPT-2's printable stand-ins for the 256 bytes: character -> byte."""
    printable = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(256 + i): byte for i, byte in enumerate(others)}


def write_table(
    tokenizer_json: str | os.PathLike[str],
    out: str | os.PathLike[str],
    pad: int | None,
    bos: int | None,
    eos: int | None,
) -> int:
    """Write the binary table of a Hugging Face tokenizer.json; returns its size in bytes.

    `pad`, `bos`, `eos` are ids of special tokens (GPT-2: 50256 for all three), None where the vocabulary has none.
    Raises BitmarError where the tokenizer is not a byte-level BPE with GPT-2's pre-tokenization, or an id is not that
    of a special token. `out` is replaced at the end or not at all.
    """
    source, target = Path(tokenizer_json), Path(out)
    vocabulary = read_vocabulary(source)
    for name, token in (("pad", pad), ("bos", bos), ("eos", eos)):
        if token is not None and token not in vocabulary.special_ids:
            raise BitmarError(f"{source}: {name} = {token}, expected the id of one of its special tokens")
    table = pack(vocabulary, pad, bos, eos)
    temporary = target.with_name(target.name + ".part")
    try:
        temporary.write_bytes(table)
        temporary.replace(target)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise BitmarError(f"{target}: cannot be written: {error.strerror}") from error
    return len(table)


def read_vocabulary(path: Path) -> Vocabulary:
    """Read and check a tokenizer.json; BitmarError names what our tokenizer could not reproduce."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        _require_byte_level_bpe(path, data)
        return _vocabulary(path, data)
    except OSError as error:
        raise BitmarError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BitmarError(f"{path}: not a tokenizer.json: {type(error).__name__}: {error}") from error


def _require_byte_level_bpe(path: Path, data: dict[str, Any]) -> None:
    model, splitter = data["model"], data["pre_tokenizer"] or {}
    expected = (
        ("model.type", model.get("type", "BPE"), "BPE"),
        ("model.dropout", model.get("dropout") or None, None),
        ("model.unk_token", model.get("unk_token"), None),
        ("model.continuing_subword_prefix", model.get("continuing_subword_prefix") or None, None),
        ("model.end_of_word_suffix", model.get("end_of_word_suffix") or None, None),
        ("model.byte_fallback", bool(model.get("byte_fallback")), False),
        ("model.ignore_merges", bool(model.get("ignore_merges")), False),
        ("normalizer", data.get("normalizer"), None),
        ("pre_tokenizer.type", splitter.get("type"), "ByteLevel"),
        ("pre_tokenizer.use_regex", splitter.get("use_regex", True), True),
    )
    for name, found, wanted in expected:
        if found != wanted:
            raise BitmarError(f"{path}: {name} is {found!r}, expected {wanted!r} (a byte-level BPE as GPT-2's)")


def _vocabulary(path: Path, data: dict[str, Any]) -> Vocabulary:
    ids: dict[str, int] = data["model"]["vocab"]
    added = data.get("added_tokens") or []
    for token in added:
        if not token.get("special"):
            raise BitmarError(f"{path}: added token {token['content']!r} is not special, expected only special ones")
    special_ids = {int(token["id"]) for token in added}
    size = 1 + max([*ids.values(), *special_ids])
    if not 256 <= size <= MAX_VOCABULARY:
        raise BitmarError(f"{path}: {size} entries in the vocabulary, expected 256 to {MAX_VOCABULARY}")

    alphabet = byte_alphabet()
    missing = [byte for character, byte in alphabet.items() if character not in ids]
    if missing:
        raise BitmarError(f"{path}: no token for byte {missing[0]}, expected all 256 (train with ByteLevel.alphabet())")
    byte_ids = [ids[character] for character, _ in sorted(alphabet.items(), key=lambda item: item[1])]

    merges = _merges(path, data["model"]["merges"], ids)
    made = {*byte_ids, *(merged for _, _, merged in merges)}
    tokens = [b""] * size
    for token, number in ids.items():
        if number in special_ids:
            continue
        if number not in made:
            raise BitmarError(f"{path}: token {token!r} is neither a byte nor special nor made by a merge")
        tokens[number] = bytes(alphabet[character] for character in token)
        if len(tokens[number]) > 255:
            raise BitmarError(f"{path}: token {number} has {len(tokens[number])} bytes, expected at most 255")
    if made & special_ids:
        raise BitmarError(f"{path}: special token {min(made & special_ids)} is also a token of text")
    return Vocabulary(tokens, merges, byte_ids, special_ids, bool(data["pre_tokenizer"].get("add_prefix_space", True)))


def _merges(path: Path, entries: list[Any], ids: dict[str, int]) -> list[tuple[int, int, int]]:
    """Merges by rank, from either of the two forms that `tokenizers` has written: "a b" and ["a", "b"]."""
    if len(entries) > MAX_MERGES:
        raise BitmarError(f"{path}: {len(entries)} merges, expected at most {MAX_MERGES}")
    merges = []
    for entry in entries:
        left, right = entry.split(" ") if isinstance(entry, str) else entry
        merges.append((ids[left], ids[right], ids[left + right]))
    if len({(left, right) for left, right, _ in merges}) != len(merges):
        raise BitmarError(f"{path}: a pair is merged twice, expected each pair once")
    return merges


def pack(vocabulary: Vocabulary, pad: int | None, bos: int | None, eos: int | None) -> bytes:
    """The bytes of tokenizer.bin."""
    merges = np.array(vocabulary.merges, dtype=np.uint32).reshape(-1, 3)
    displacements, slots = perfect_hash(merges[:, 0] << 16 | merges[:, 1])
    origin = np.full(len(vocabulary.tokens), ORIGIN_SPECIAL, np.uint16)
    origin[merges[::-1, 2]] = np.arange(len(merges), dtype=np.uint16)[::-1]  # the first merge that makes the token
    origin[vocabulary.byte_ids] = ORIGIN_BYTE + np.arange(256, dtype=np.uint16)
    sections = (
        merges[:, :2].astype("<u2"),
        merges[:, 2].astype("<u2"),
        origin.astype("<u2"),
        displacements.astype("<u2"),
        slots.astype("<u2"),
        np.array(vocabulary.byte_ids, "<u2"),
        np.array([len(token) for token in vocabulary.tokens], np.uint8),
    )
    body = b"".join(section.tobytes() for section in sections)
    counts = (len(vocabulary.tokens), len(merges), len(displacements), len(slots))
    special = (ABSENT if token is None else token for token in (pad, bos, eos))
    flags = FLAG_PREFIX_SPACE if vocabulary.prefix_space else 0
    header = struct.pack("<HHI7I20x", VERSION, flags, HEADER_SIZE + len(body), *counts, *special)
    return MAGIC + struct.pack("<I", zlib.crc32(header + body)) + header + body


def perfect_hash(keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Displacements [buckets] and slots [slots] (index of the key or EMPTY) for distinct uint32 keys.

    Buckets are placed from the largest to the smallest: each takes the first displacement that sends all its keys to
    free slots.
    """
    slot_count = min(max(1, int(len(keys) / LOAD)), 0xFFFF)
    bucket_count = max(1, -(-len(keys) // PAIRS_PER_BUCKET))
    slots = np.full(slot_count, EMPTY, np.uint32)
    displacements = np.zeros(bucket_count, np.uint32)
    buckets: list[list[int]] = [[] for _ in range(bucket_count)]
    for index, bucket in enumerate(_reduce(_mix(keys), bucket_count)):
        buckets[bucket].append(index)
    for bucket in sorted(range(bucket_count), key=lambda number: -len(buckets[number])):
        members = np.array(buckets[bucket], dtype=np.intp)
        if len(members):
            displacements[bucket], places = _displacement(keys[members], slots)
            slots[places] = members
    return displacements, slots


def _displacement(keys: np.ndarray, slots: np.ndarray) -> tuple[int, np.ndarray]:
    for first in range(0, 0x10000, 64):
        candidates = np.arange(first, first + 64, dtype=np.uint32)
        seeds = (candidates + np.uint32(1)) * np.uint32(0x9E3779B9)
        places = _reduce(_mix(keys[None, :] ^ seeds[:, None]), len(slots))
        fits = (slots[places] == EMPTY).all(axis=1)
        ordered = np.sort(places, axis=1)
        fits &= (ordered[:, 1:] != ordered[:, :-1]).all(axis=1)
        if fits.any():
            found = int(np.argmax(fits))
            return first + found, places[found]
    raise BitmarError(f"perfect hash: no displacement for a bucket of {len(keys)} merges among {len(slots)} slots")


def _mix(h: np.ndarray) -> np.ndarray:
    """MurmurHash3's 32-bit finalizer."""
    h = h ^ h >> np.uint32(16)
    h = h * np.uint32(0x85EBCA6B)
    h = h ^ h >> np.uint32(13)
    h = h * np.uint32(0xC2B2AE35)
    return h ^ h >> np.uint32(16)


def _reduce(h: np.ndarray, n: int) -> np.ndarray:
    return (h.astype(np.uint64) * np.uint64(n)) >> np.uint64(32)
