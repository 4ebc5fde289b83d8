"""What a text takes through a slot: matrices in closed form that carry the features of its positions without crosstalk.

Features [positions * F] -> project P -> slot [D] -> value V -> expand E -> features. The rows of P are spreading sequences, as in
code-division multiple access. With H the Hadamard matrix of order D = 2^m and S(b) = diag((-1)^Tr(b x^3)), x in GF(2^m):

    P = rows of H S(b),   V = H,   E = (P V)^T / 2^ceil(m / 2)

H S(b) H has entries 0 and +-2^((m + 1) / 2) where m is odd (Gold, 1968), +-2^(m / 2) where m is even and b no cube (bent:
Rothaus, 1976), so that E is ternary too, and P V E is a multiple of the identity: exact with the weights that a device has. One b
serves D // F positions; those after them use the next b, whose sequences correlate with the others' by at most 2 / sqrt(D).
"""

from __future__ import annotations

import keras
import numpy as np

from model.bitmar import BitMar

IRREDUCIBLE = {4: 0b10011, 5: 0b100101, 6: 0b1000011, 7: 0b10000011, 8: 0b100011011}  # by m: all sizes of a slot


def set_channel(model: BitMar) -> None:
    """Give `project`, `value` and `expand` their matrices, with the spread of their start."""
    c = model.config
    matrices = channel(c.max_seq_len, c.position_features, c.episode_dim)
    kernels = model.episode.project.kernel, model.memory.value.kernel, model.decoder.expand.kernel
    for kernel, values in zip(kernels, matrices, strict=True):
        set_values(kernel, values)


def set_values(kernel: keras.Variable, values: np.ndarray, factor: float = 1.0) -> None:
    """Other values of the kernel's shape, with `factor` times the spread that it has."""
    kernel.assign(values * (factor * kernel.numpy().std() / values.std()))


def fixed_variables(model: BitMar) -> list[keras.Variable]:
    """What the steps leave as it is: the way of a text's words through a slot is exact, and training would wear it off."""
    return [
        model.episode.per_position.kernel,
        model.episode.project.kernel,
        model.memory.value.kernel,
        model.decoder.expand.kernel,
        model.decoder.from_position.kernel,
    ]


def channel(positions: int, features: int, dim: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(P [positions * features, dim], V [dim, dim], E [dim, positions * features]), float64, entries -1, 0 and 1."""
    m = dim.bit_length() - 1
    hadamard = _hadamard(m)
    each = dim // features
    writes, reads = [], []
    for b in _multipliers(m, -(-positions // each)):
        write = hadamard[: each * features] * _signs(m, b)
        writes.append(write)
        reads.append((write @ hadamard).T / 2 ** ((m + 1) // 2))
    used = positions * features
    return np.concatenate(writes)[:used], hadamard, np.concatenate(reads, axis=1)[:, :used]


def _hadamard(m: int) -> np.ndarray:
    """Sylvester's matrix of order 2^m, float64, entries -1 and 1."""
    h = np.ones((1, 1))
    for _ in range(m):
        h = np.block([[h, h], [h, -h]])
    return h


def _multipliers(m: int, count: int) -> list[int]:
    """`count` elements b of GF(2^m), other ones as far as there are: not zero, no cubes where m is even."""
    cubes = {_times(x, _times(x, x, m), m) for x in range(1 << m)} if m % 2 == 0 else {0}
    flat = [b for b in range(1 << m) if b not in cubes]
    return [flat[i % len(flat)] for i in range(count)]


def _signs(m: int, b: int) -> np.ndarray:
    """(-1)^Tr(b x^3) of all x, float64 [2^m]."""
    return np.array([1.0 - 2.0 * _trace(_times(b, _times(x, _times(x, x, m), m), m), m) for x in range(1 << m)])


def _trace(x: int, m: int) -> int:
    """Tr(x) = x + x^2 + x^4 + ... of m terms: 0 or 1."""
    total = 0
    for _ in range(m):
        total, x = total ^ x, _times(x, x, m)
    return total


def _times(a: int, b: int, m: int) -> int:
    """The product in GF(2^m): polynomials over GF(2), as bits, modulo IRREDUCIBLE[m]."""
    product = 0
    while b:
        if b & 1:
            product ^= a
        a, b = a << 1, b >> 1
        if a >> m:
            a ^= IRREDUCIBLE[m]
    return product
