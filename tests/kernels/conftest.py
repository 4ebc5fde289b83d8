"""Fixtures: the library as a whole, and in each instruction-set variant."""

import platform

import pytest

from tests.kernels import build
from tests.kernels.library import Kernels

ISAS = {"x86_64": ["portable", "avx2", "avxvnni", "avx512vnni"], "aarch64": ["portable", "neon", "neon+dotprod"]}


@pytest.fixture(scope="session")
def kernels():
    """The library with the instruction set that it chooses itself."""
    return Kernels(build.shared_library())


@pytest.fixture(params=ISAS.get(platform.machine(), ["portable"]), scope="module")
def isa_kernels(request, kernels):
    """The library in every instruction-set variant of this machine, one after the other."""
    if request.param not in kernels.isas():
        pytest.skip(f"this machine has no {request.param}")
    kernels.select(request.param)
    yield kernels
    kernels.select(None)
