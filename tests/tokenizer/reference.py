"""What the C tokenizer must answer, by Hugging Face's `tokenizers` alone.

Valid UTF-8: the library's own answer. Other bytes: our rule is that each byte outside a well-formed sequence is a
symbol of its own. So each becomes a stand-in that the library's pre-tokenizer takes for a symbol (a private-use code
point), the library cuts the text into words, the stand-ins turn back into their bytes, and the library's BPE model
merges each word. Which bytes are outside is said by Python's UTF-8 decoder.
"""

from __future__ import annotations

from functools import cache

from tokenizers import Tokenizer, pre_tokenizers

STAND_IN = 0x10FF00  # + byte: private use, so a symbol; tests that use the rule keep these out of their texts

TO_STAND_IN = {0xDC00 + byte: STAND_IN + byte for byte in range(0x80, 0x100)}  # from Python's surrogate escapes
FROM_STAND_IN = {stand_in: escape for escape, stand_in in TO_STAND_IN.items()}


@cache
def byte_characters() -> list[str]:
    """GPT-2's printable character of each byte, as the library maps it (bytes that no UTF-8 text has: by elimination,
    the alphabet being in the order of the bytes within its two ranges)."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    shifted = iter(character for character in alphabet if ord(character) >= 0x100)
    plain = {character for character in alphabet if ord(character) < 0x100}
    return [chr(byte) if chr(byte) in plain else next(shifted) for byte in range(256)]


def words(text: bytes, prefix_space: bool = False) -> list[bytes]:
    """The pre-tokens of any bytes; their concatenation is the text (with a space before it if `prefix_space`)."""
    decoded = text.decode("utf-8", errors="surrogateescape")
    assert not any(STAND_IN <= ord(c) < STAND_IN + 256 for c in decoded), "a stand-in in the text"
    marked = decoded.translate(TO_STAND_IN)
    if prefix_space and marked and not marked.startswith(" "):
        marked = " " + marked
    splitter = pre_tokenizers.ByteLevel(add_prefix_space=False)
    pieces = [marked[begin:end] for _, (begin, end) in splitter.pre_tokenize_str(marked)]
    return [piece.translate(FROM_STAND_IN).encode("utf-8", errors="surrogateescape") for piece in pieces]


def encode(tokenizer: Tokenizer, text: bytes, prefix_space: bool = False) -> list[int]:
    """Ids of any bytes."""
    characters = byte_characters()
    ids = []
    for word in words(text, prefix_space):
        ids += [token.id for token in tokenizer.model.tokenize("".join(characters[byte] for byte in word))]
    return ids
