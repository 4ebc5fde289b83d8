"""Any name: taught, is it the answer, and does the decoder bring it back?"""

from __future__ import annotations

from typing import Any

import numpy as np

from model.evaluation.machine import Machine
from model.evaluation.teaching import Written, right_tokens, write_names

SHORT = 12  # tokens


def any_name(
    machine: Machine, names: dict[str, list[str]], pictures: np.ndarray
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Teach and ask all names of all kinds.

    Args: names: by kind; pictures: float32 [n, 768], n = all names together: what each is taught with.
    Returns: ({kind: row, "all": row}, {tokens of a name: {"decoded", "n"}}); a row has answered, decoded, decoded_12 (over names
        of at most 12 tokens), first (decoded at the first try), layered (in parts, one beneath the other), tries (mean), n.
    """
    kinds = [kind for kind, texts in names.items() for _ in texts]
    texts = [text for texts in names.values() for text in texts]
    lengths = np.array([len(machine.tokenise(text)) for text in texts])
    written = write_names(machine, texts, pictures)
    right = answers_right(machine, written)
    rows = {kind: _row(written, right, lengths, np.array(kinds) == kind) for kind in names}
    rows["all"] = _row(written, right, lengths, np.ones(len(texts), bool))
    by_length = {
        int(n): {"decoded": round(float(written.decodes[lengths == n].mean()), 4), "n": int((lengths == n).sum())}
        for n in np.unique(lengths)
    }
    return rows, by_length


def answers_right(machine: Machine, written: Written) -> np.ndarray:
    """bool [n]: is the answer the name? The slot's label where it is known not to decode, else what is decoded now."""
    length = np.array([sum(map(len, layers)) for layers in written.layers])
    return ~written.decodes | (right_tokens(machine, written.episode, written.layers) > length)


def _row(written: Written, right: np.ndarray, lengths: np.ndarray, here: np.ndarray) -> dict[str, Any]:
    short = here & (lengths <= SHORT)
    layered = np.array([len(layers) > 1 for layers in written.layers])
    return {
        "answered": round(float(right[here].mean()), 4),
        "decoded": round(float(written.decodes[here].mean()), 4),
        "decoded_12": round(float(written.decodes[short].mean()), 4) if short.any() else None,
        "first": round(float(written.first[here].mean()), 4),
        "layered": round(float(layered[here].mean()), 4),
        "tries": round(float(written.tries[here].mean()), 2),
        "n": int(here.sum()),
    }
