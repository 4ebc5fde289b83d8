"""The C tokenizer in Python: text <-> ids with the same code and table as the microcontroller."""

from __future__ import annotations

import ctypes
import mmap
import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from .errors import BitmarError


class Tokenizer:
    """A byte-level BPE vocabulary (tokenizer.bin), read in place by libbitmar's bpe_* functions.

    `table` is the path of the file, `library` the loaded shared object. Raises BitmarError for a file that cannot be
    read or that bpe_open refuses. Special tokens (`pad`, `bos`, `eos`; None where the vocabulary has none) never come
    out of a text and decode to nothing.
    """

    def __init__(self, table: str | os.PathLike[str], library: ctypes.CDLL) -> None:
        self._library = library
        _declare(library)
        try:
            self._bytes = _mapped(Path(table))  # the C side keeps pointers into it
        except OSError as error:
            raise BitmarError(f"{table}: cannot be read: {error.strerror}, expected a tokenizer table") from error
        self._table = ctypes.create_string_buffer(library.bpe_table_size())
        status = library.bpe_open(self._table, self._bytes.ctypes.data, self._bytes.size)
        if status != 0:
            raise BitmarError(f"{table}: {_text(library, status)}, expected a tokenizer table, version 1")
        self._piece = ctypes.create_string_buffer(255)
        self.vocab_size: int = library.bpe_vocab_size(self._table)
        self.pad, self.bos, self.eos = (
            None if token < 0 else token
            for token in (
                library.bpe_pad(self._table),
                library.bpe_bos(self._table),
                library.bpe_eos(self._table),
            )
        )

    def encode(self, text: str | bytes) -> list[int]:
        """Ids of a text as it is (see `normalise`); no special tokens are added. Bytes need not be UTF-8; lone
        surrogates in a str are what os.fsdecode makes of such bytes and turn back into them."""
        raw = _raw(text)
        capacity = self._library.bpe_encode_capacity(self._table, len(raw))
        ids = (ctypes.c_int32 * max(capacity, 1))()
        count = self._library.bpe_encode(self._table, raw, len(raw), ids, capacity)
        if count < 0:
            raise BitmarError(f"a text of {len(raw)} bytes: {_text(self._library, count)}")
        return ids[:count]

    def decode_bytes(self, ids: Iterable[int]) -> bytes:
        """The exact bytes of some ids; special tokens give nothing. An id outside the vocabulary is a BitmarError."""
        pieces = []
        for token in ids:
            length = self._library.bpe_decode(self._table, token, self._piece, len(self._piece))
            if length < 0:
                raise BitmarError(f"token id {token}: expected 0 to {self.vocab_size - 1}")
            pieces.append(self._piece.raw[:length])
        return b"".join(pieces)

    def decode(self, ids: Iterable[int]) -> str:
        """The text of some ids; bytes that are not UTF-8 become U+FFFD."""
        return self.decode_bytes(ids).decode("utf-8", errors="replace")

    def normalise(self, text: str | bytes) -> bytes:
        """The text as models see it: ASCII white space stripped at both ends, runs of it turned into one space."""
        raw = _raw(text)
        buffer = ctypes.create_string_buffer(raw, max(len(raw), 1))
        length = self._library.bpe_normalise(buffer, len(raw))
        return buffer.raw[:length]


def _mapped(file: Path) -> np.ndarray:
    """A file's bytes, uint8 [n], as pages that the kernel takes back where it needs them: a text touches few."""
    with file.open("rb") as stream:
        if not os.fstat(stream.fileno()).st_size:  # nothing to map
            return np.empty(0, np.uint8)
        return np.frombuffer(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ), np.uint8)


def _raw(text: str | bytes) -> bytes:
    return text.encode("utf-8", errors="surrogateescape") if isinstance(text, str) else bytes(text)


def _text(library: ctypes.CDLL, status: int) -> str:
    return library.bpe_error_text(status).decode()


def _declare(library: ctypes.CDLL) -> None:
    pointer, size, integer = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int32
    signatures = {
        "bpe_table_size": (size,),
        "bpe_open": (ctypes.c_int, pointer, pointer, size),
        "bpe_encode": (integer, pointer, ctypes.c_char_p, size, pointer, size),
        "bpe_encode_capacity": (size, pointer, size),
        "bpe_decode": (integer, pointer, integer, pointer, size),
        "bpe_normalise": (size, pointer, size),
        "bpe_vocab_size": (ctypes.c_uint32, pointer),
        "bpe_pad": (integer, pointer),
        "bpe_bos": (integer, pointer),
        "bpe_eos": (integer, pointer),
        "bpe_error_text": (ctypes.c_char_p, integer),
    }
    for name, (result, *arguments) in signatures.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
