"""Which words a two-level output head decides on at once, and which stand in classes of words."""

from __future__ import annotations

from typing import Any, NamedTuple


class WordClasses(NamedTuple):
    """A class-based head (Goodman, 2001; Grave et al., 2017: adaptive softmax) over ids that fall in frequency.

    The first `shortlist` ids are decided on together with the classes; class i has the ids from shortlist + i * size on, `size`
    of them, the last class what is left. p(word) is softmax(shortlist and classes)[word] for a word of the shortlist, else
    softmax(shortlist and classes)[its class] * softmax(its class)[word].
    """

    vocab_size: int
    shortlist: int
    size: int

    @property
    def count(self) -> int:
        """How many classes there are."""
        return -(-(self.vocab_size - self.shortlist) // self.size)

    def of(self, ids: Any) -> Any:
        """The class of each id, negative for a word of the shortlist. Any integer array or tensor."""
        return (ids - self.shortlist) // self.size
