"""Property: no file content crashes ms_open or what follows it, reads out of bounds or is undefined; the next write works."""

from __future__ import annotations

from tests.memstore import fuzz


def test_a_fixed_number_of_fuzzed_cards() -> None:
    done = fuzz.run("-runs=4000", seed=1)
    assert done.returncode == 0, done.stderr[-4000:]
    assert "Done 4000 runs" in done.stderr
