"""Property: how long a card has been written to does not decide what opening it costs."""

from __future__ import annotations

import numpy as np
import pytest

from tests.memstore import native as n
from tests.memstore.archive_card import ArchiveCard


@pytest.mark.parametrize("words", [200, 300])
def test_opening_a_full_archive_reads_little_more_than_a_new_one(words: int) -> None:
    """Of 7,000 files of 2 MiB, and of one: the search for the newest block is what grows, with their number's logarithm."""
    config, read = n.config(), {}
    for files in (0, 7000):
        card = ArchiveCard(config, files, words)
        memory = card.open(config)
        assert memory.report.lost == 0 and memory.report.occupied == 16 and not memory.report.history_gone
        assert memory.report.state == words + files * card.file_blocks * 128
        read[files] = (card.sectors, card.opens)
        memory.teach("next", *n.random_episode(np.random.default_rng(9)))
    assert read[7000][0] < read[0][0] + 300 and read[7000][1] < read[0][1] + 120
    assert read[0][0] < 3000
