"""Property: the laboratory notices small changes of the store. All mutants: `make crashlab`; here their anchors, and a few."""

from __future__ import annotations

import pytest

from tests.crashlab import mutants
from tests.crashlab.mutant_list import MUTANTS


def test_every_mutant_fits_the_code() -> None:
    assert len(MUTANTS) >= 60 and len({(m.file, m.function, m.old, m.new) for m in MUTANTS}) == len(MUTANTS)
    for mutant in MUTANTS:
        text = (mutants.STORE / mutant.file).read_text()
        assert mutants.mutate(text, mutant) != text


def test_an_anchor_that_is_gone_is_an_error() -> None:
    text = "int f(void) {\n  return 1;\n}\n"
    assert "return 2;" in mutants.mutate(text, mutants.Mutant("f.c", "f", "return 1;", "return 2;", ""))
    for function, old in (("f", "return 3;"), ("g", "return 1;")):
        with pytest.raises(mutants.AnchorError):
            mutants.mutate(text, mutants.Mutant("f.c", function, old, "", ""))


@pytest.mark.parametrize("why", ["no barriers at all", "no CRC of a record"])
def test_it_is_killed(why: str) -> None:
    (outcome,) = mutants.run_mutants(only=why)
    assert outcome.killed_by
