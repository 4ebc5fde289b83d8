"""Property: an answer decoded in one call has the tokens of the same steps one by one, in both runtimes, past the window too."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bitmar.digests import model
from tests.bitmar.runtimes import NAMES, run_python

PROBE = Path(__file__).with_name("decoding_probe.py")


@pytest.mark.parametrize("runtime", NAMES)
@pytest.mark.parametrize("isa", ["", "portable"])
def test_one_call_gives_the_tokens_of_its_steps(runtime: str, isa: str) -> None:
    assert run_python(runtime, PROBE, model(), BITMAR_ISA=isa).stdout == "24\n"
