"""Property: names longer than one episode carries come back from one slot, letter for letter; what is read of a layer is what was
written into it, and nothing lies beneath the last one."""

from __future__ import annotations

import numpy as np
import pytest

from bitmar import Device
from bitmar.name_layers import MOST_LAYERS, beneath, superpose

ROUNDING = (
    0.01,
    0.1,
)  # root mean square of what half precision adds to the second layer and to the third, of an episode of 1

LONG = [
    "Wolfgang Amadeus Mozart's first violin, built in Salzburg 1764",
    "Σωκράτης ο Αθηναίος φιλόσοφος",
    "serial 8F3A-77Q2-019B-ZZ41-5D0E-66C8-1A2B-9F90-7E3D",
    "Александра Сергеевна Воробьёва",
    "字" * 21,
    "x" * 63,
]


def half(episode: np.ndarray) -> np.ndarray:
    return episode.astype(np.float16).astype(np.float32)


@pytest.fixture(scope="module", params=["ultra_tiny", "tiny_edge"])
def device(request: pytest.FixtureRequest) -> Device:
    with Device(model=request.param) as opened:
        yield opened


def test_long_names_come_back(device: Device) -> None:
    """In the order of the tries, whatever the alphabet; a name that differs in its last letter is not what the slot says."""
    for name in LONG:
        written = device.names.write(name, None)
        assert written.decodes, name
        assert device.names.read(written.episode, name) == (len(name.encode()), True)
        for other in (name[:-1], name[:-1] + "q", name + "s", "y" * 63):
            assert not device.names.read(written.episode, other).whole, (name, other)


def test_nothing_lies_beneath_the_last_layer(device: Device) -> None:
    """So a slot alone tells how many layers it has: what is left is rounding, or an episode of another part."""
    parts = ["Mozart", "violin", "Salzburg"]
    encoded = [device.engine.encode(device.tokenizer.encode(part), None).episode[0] for part in parts]
    size = np.sqrt(np.mean(np.square(encoded)))
    for count in range(1, MOST_LAYERS + 1):
        rest = half(superpose(encoded[:count]))
        for i, episode in enumerate(encoded[:count]):
            text = device.tokenizer.decode(device.engine.answer(device.engine.alone(rest), device.engine.no_picture()))
            assert text == parts[i]
            rest = beneath(rest, episode)
            left = float(np.sqrt(np.mean(np.square(rest / size))))
            assert left > 0.5 if i + 1 < count else left < (*ROUNDING, 1.0)[i]


def test_layers_are_exact_in_float32() -> None:
    """The same bits with or without fused multiply-add: each product is exact, each sum is rounded once."""
    rng = np.random.default_rng(0)
    first, second, third = (half(rng.normal(size=128).astype(np.float32)) for _ in range(3))
    wide = first.astype(np.float64) + second.astype(np.float64) / 16
    assert np.array_equal(superpose([first, second]), wide.astype(np.float32))
    wide = superpose([first, second]).astype(np.float64) + third.astype(np.float64) / 256
    assert np.array_equal(superpose([first, second, third]), wide.astype(np.float32))
    assert np.array_equal(superpose([first]), first)
