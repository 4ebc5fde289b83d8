"""Property: a table is written whole or not at all, within its size, as tokenizer/include/bpe.h describes it byte by
byte; a tokenizer that the C could not reproduce is refused by name."""

from __future__ import annotations

import ctypes
import json
import struct
import zlib
from pathlib import Path

import pytest

from bitmar.errors import BitmarError
from bitmar.tokenizer import Tokenizer
from convert.tokenizer_table import write_table

from .conftest import Pair


def test_sizes(gpt2: Pair, small: Pair):
    assert small.table.stat().st_size < 12_000
    assert gpt2.table.stat().st_size < 700_000


def test_documented_bytes(pair: Pair):
    """The format read with struct alone: header, merges in order, hash, lengths."""
    data = pair.table.read_bytes()
    magic, crc, version, flags, size, vocab, merges, buckets, slots, *special = struct.unpack_from(
        "<4sIHHIIIII3i", data
    )
    assert (magic, crc, version, flags, size) == (b"BPET", zlib.crc32(data[8:]), 1, 0, len(data))
    assert special == [pair.ours.pad, pair.ours.bos, pair.ours.eos]
    assert not any(data[44:64])

    at = 64
    pairs = struct.unpack_from(f"<{2 * merges}H", data, at)
    merged = struct.unpack_from(f"<{merges}H", data, at := at + 4 * merges)
    origin = struct.unpack_from(f"<{vocab}H", data, at := at + 2 * merges)
    displacement = struct.unpack_from(f"<{buckets}H", data, at := at + 2 * vocab)
    slot = struct.unpack_from(f"<{slots}H", data, at := at + 2 * buckets)
    byte_ids = struct.unpack_from("<256H", data, at := at + 2 * slots)
    lengths = data[at + 512 :]
    assert len(lengths) == vocab

    model = json.loads(pair.json.read_text())["model"]
    ids, hugging_face = model["vocab"], model["merges"]
    assert [(pairs[2 * r], pairs[2 * r + 1]) for r in range(merges)] == [(ids[a], ids[b]) for a, b in hugging_face]
    assert list(merged) == [ids[a + b] for a, b in hugging_face]
    assert all(merged[origin[token]] == token for token in merged)
    assert all(origin[token] == 0xFF00 + byte for byte, token in enumerate(byte_ids))
    assert all(origin[token] == 0xFEFF and lengths[token] == 0 for token in set(special))

    def mix(h: int) -> int:
        h = (h ^ h >> 16) * 0x85EBCA6B % 2**32
        h = (h ^ h >> 13) * 0xC2B2AE35 % 2**32
        return h ^ h >> 16

    for rank in range(merges):
        key = pairs[2 * rank] << 16 | pairs[2 * rank + 1]
        seed = (displacement[mix(key) * buckets >> 32] + 1) * 0x9E3779B9 % 2**32
        assert slot[mix(key ^ seed) * slots >> 32] == rank


def test_same_bytes_each_time(small: Pair, tmp_path: Path):
    write_table(small.json, tmp_path / "again.bin", 0, 1, 2)
    assert (tmp_path / "again.bin").read_bytes() == small.table.read_bytes()


def changed(small: Pair, path: Path, **changes) -> Path:
    """The small tokenizer.json with some entries replaced: model__type=... is ["model"]["type"]."""
    data = json.loads(small.json.read_text())
    for name, value in changes.items():
        *parents, last = name.split("__")
        place = data
        for parent in parents:
            place = place[parent]
        place[last] = value
    path.write_text(json.dumps(data))
    return path


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model__type": "WordPiece"}, "model.type is 'WordPiece', expected 'BPE'"),
        ({"model__byte_fallback": True}, "byte_fallback is True"),
        ({"model__ignore_merges": True}, "ignore_merges is True"),
        ({"model__dropout": 0.1}, "dropout is 0.1"),
        ({"model__end_of_word_suffix": "</w>"}, "end_of_word_suffix is '</w>'"),
        ({"model__unk_token": "<pad>"}, "unk_token is '<pad>'"),
        ({"normalizer": {"type": "Lowercase"}}, "normalizer is"),
        ({"pre_tokenizer": {"type": "Whitespace"}}, "pre_tokenizer.type is 'Whitespace', expected 'ByteLevel'"),
        ({"pre_tokenizer": None}, "pre_tokenizer.type is None"),
        ({"pre_tokenizer__use_regex": False}, "use_regex is False"),
        ({"added_tokens": []}, "token '<pad>' is neither a byte nor special nor made by a merge"),
        ({"model__merges": []}, "is neither a byte nor special nor made by a merge"),
        ({"model__merges": [["a", "b"]] * 65280}, "65280 merges, expected at most 65279"),
        ({"model__merges": [["no", "such"]]}, "not a tokenizer.json: KeyError"),
        ({"model__vocab": {"a": 0}}, "4|3 entries in the vocabulary, expected 256 to 65535"),
        ({"model": 7}, "not a tokenizer.json"),
    ],
)
def test_refused_tokenizers(changes: dict, message: str, small: Pair, tmp_path: Path):
    with pytest.raises(BitmarError, match=message):
        write_table(changed(small, tmp_path / "changed.json", **changes), tmp_path / "out.bin", 0, 1, 2)
    assert [path.name for path in tmp_path.iterdir()] == ["changed.json"]


def test_refused_files(small: Pair, tmp_path: Path):
    with pytest.raises(BitmarError, match="cannot be read"):
        write_table(tmp_path / "missing.json", tmp_path / "out.bin", 0, 1, 2)
    (tmp_path / "text.json").write_text("{")
    with pytest.raises(BitmarError, match=r"not a tokenizer\.json"):
        write_table(tmp_path / "text.json", tmp_path / "out.bin", 0, 1, 2)
    with pytest.raises(BitmarError, match="bos = 70, expected the id of one of its special tokens"):
        write_table(small.json, tmp_path / "out.bin", 0, 70, 2)
    with pytest.raises(BitmarError, match="cannot be written"):
        write_table(small.json, tmp_path / "no folder" / "out.bin", 0, 1, 2)
    assert [path.name for path in tmp_path.iterdir()] == ["text.json"]


def test_missing_byte_and_repeated_pair(small: Pair, tmp_path: Path):
    data = json.loads(small.json.read_text())
    merges = data["model"]["merges"]
    with pytest.raises(BitmarError, match="a pair is merged twice"):
        write_table(changed(small, tmp_path / "t.json", model__merges=[*merges, merges[0]]), tmp_path / "o", 0, 1, 2)
    vocabulary = data["model"]["vocab"]
    vocabulary["other"] = vocabulary.pop("!")
    with pytest.raises(BitmarError, match="no token for byte 33"):
        write_table(changed(small, tmp_path / "t.json", model__vocab=vocabulary), tmp_path / "o", 0, 1, 2)


def test_old_form_of_merges(small: Pair, tmp_path: Path):
    """tokenizer.json files of earlier `tokenizers` write a merge as one string, "a b"."""
    merges = [" ".join(pair) for pair in json.loads(small.json.read_text())["model"]["merges"]]
    write_table(changed(small, tmp_path / "old.json", model__merges=merges), tmp_path / "old.bin", 0, 1, 2)
    assert (tmp_path / "old.bin").read_bytes() == small.table.read_bytes()


def test_refused_tables(small: Pair, library: ctypes.CDLL, tmp_path: Path):
    """The app names the file, what is wrong and what was expected."""
    good = small.table.read_bytes()
    damaged = bytearray(good)
    damaged[5_000] ^= 1
    cases = {
        "no tokenizer table": (small.json.read_bytes(), "not a tokenizer table"),
        "another version": (good[:8] + b"\x02\x00" + good[10:], "a format version or flag that this program"),
        "an unknown flag": (good[:10] + b"\x02\x00" + good[12:], "a format version or flag that this program"),
        "a flipped bit": (bytes(damaged), "the checksum is wrong"),
        "cut short": (good[:-1], "the size is not the one that the header says"),
        "empty": (b"", "the size is not the one that the header says"),
    }
    for name, (data, message) in cases.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(BitmarError, match=f"{name}: {message}.*, expected a tokenizer table"):
            Tokenizer(tmp_path / name, library)
    with pytest.raises(BitmarError, match=r"missing.bin: cannot be read"):
        Tokenizer(tmp_path / "missing.bin", library)


def offsets(data: bytes) -> dict[str, int]:
    """Where each section of a table begins."""
    vocab, merges, buckets, slots = struct.unpack_from("<4I", data, 16)
    sizes = {"pairs": 4 * merges, "merged": 2 * merges, "origin": 2 * vocab, "displacements": 2 * buckets}
    sizes |= {"slots": 2 * slots, "byte_ids": 512, "lengths": vocab}
    result, at = {}, 64
    for name, size in sizes.items():
        result[name] = at
        at += size
    return result


@pytest.mark.parametrize(
    "change",
    [
        "cycle",
        "length of a merge",
        "length of a byte",
        "length of a special token",
        "merge of a special token",
        "another merge's token",
        "bytes exchanged",
        "slot behind the merges",
        "bos is text",
        "reserved",
    ],
)
def test_contradictions(change: str, small: Pair, library: ctypes.CDLL, tmp_path: Path):
    """Tables with a right checksum whose contents would make decoding loop or lie."""
    data = bytearray(small.table.read_bytes())
    at = offsets(data)
    first_merge = struct.unpack_from("<H", data, at["merged"])[0]
    letter = struct.unpack_from("<H", data, at["byte_ids"] + 2 * ord("a"))[0]

    def put(offset: int, *values: int) -> None:
        struct.pack_into(f"<{len(values)}H", data, offset, *values)

    if change == "cycle":
        put(at["pairs"], first_merge, letter)
    elif change == "length of a merge":
        data[at["lengths"] + first_merge] += 1
    elif change == "length of a byte":  # a byte that no merge has: the length of "a" is in many sums
        data[at["lengths"] + struct.unpack_from("<H", data, at["byte_ids"] + 2 * 0xFF)[0]] = 2
    elif change == "length of a special token":
        data[at["lengths"]] = 1
    elif change == "merge of a special token":  # its length is 0, so only that check stands between it and a cycle
        put(at["pairs"], 0, first_merge)
    elif change == "another merge's token":
        put(at["origin"] + 2 * first_merge, 1)
    elif change == "bytes exchanged":
        put(at["byte_ids"], *struct.unpack_from("<2H", data, at["byte_ids"])[::-1])
    elif change == "slot behind the merges":
        put(at["slots"], 0xFFF0)
    elif change == "bos is text":
        put(36, letter)
    elif change == "reserved":
        data[63] = 1
    struct.pack_into("<I", data, 4, zlib.crc32(data[8:]))
    (tmp_path / "changed.bin").write_bytes(data)
    with pytest.raises(BitmarError, match="the contents contradict each other"):
        Tokenizer(tmp_path / "changed.bin", library)


def test_decode_capacity(small: Pair, library: ctypes.CDLL):
    """A token is written whole or not at all."""
    for token in range(3, small.ours.vocab_size, 7):
        expected = small.ours.decode_bytes([token])
        buffer = ctypes.create_string_buffer(b"\xaa" * 64, 64)
        assert library.bpe_decode(small.ours._table, token, buffer, len(expected) - 1) == -6
        assert buffer.raw == b"\xaa" * 64
        assert library.bpe_decode(small.ours._table, token, buffer, len(expected)) == len(expected)
        assert buffer.raw == expected + b"\xaa" * (64 - len(expected))
