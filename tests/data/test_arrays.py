"""Property: an .npz or .npy of whatever bytes gives its arrays or one error that names the file, in little memory."""

from __future__ import annotations

import io
import resource
import zipfile
from pathlib import Path

import numpy as np
import pytest

from bitmar.errors import BitmarError
from model.data.arrays import MAX_BYTES, map_npy, read_npz


def npy_header(shape: tuple[int, ...]) -> bytes:
    """An .npy that claims a float32 array of this shape and ends there."""
    out = io.BytesIO()
    np.lib.format.write_array_header_1_0(out, {"descr": "<f4", "fortran_order": False, "shape": shape})
    return out.getvalue()


def zipped(member: bytes, method: int = zipfile.ZIP_STORED) -> bytes:
    """An .npz with one array of these bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        archive.writestr("q.npy", member)
    return out.getvalue()


def one_line(read, path: Path) -> str:
    with pytest.raises(BitmarError) as error:
        read(path)
    assert str(path) in str(error.value) and "\n" not in str(error.value)
    return str(error.value)


def read(path: Path) -> dict[str, np.ndarray]:
    return read_npz(path, "pipeline.py data")


CLAIMS = {
    "an array that is not there": zipped(npy_header((10**12,))),
    "a shape beyond 64 bits": zipped(npy_header((10**12, 10**12))),
    "an .npy": npy_header((3,)),
    "a header of the wrong kind": zipped(b"\x93NUMPY\x01\x00\x10\x00" + b"{'descr': 'O'}\n "),
    "nothing": b"",
    "half": zipped(bytes(3000))[:500],
    "another compression": zipped(npy_header((3,))).replace(
        b"PK\x01\x02\x14\x03\x14\x00\x00\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x00\x00\x63"
    ),
}


@pytest.mark.parametrize("case", CLAIMS)
def test_an_archive_that_claims_too_much(tmp_path: Path, case: str) -> None:
    path = tmp_path / "a.npz"
    path.write_bytes(CLAIMS[case])
    assert "expected what `pipeline.py data` writes" in one_line(read, path)


def test_an_archive_that_unpacks_to_more_than_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("q.npy", npy_header((3,)) + bytes(12))
        archive.infolist()[0].file_size = MAX_BYTES + 1  # what the central directory will say
    assert "bytes unpacked, expected at most" in one_line(read, path)


@pytest.mark.parametrize("shape", [(10**12,), (10**12, 768), (10**30,), (-1, 768)])
def test_an_array_that_claims_too_much(tmp_path: Path, shape: tuple[int, ...]) -> None:
    path = tmp_path / "a.npy"
    path.write_bytes(npy_header(shape))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    one_line(map_npy, path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # KiB


def test_changed_bytes(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    out = io.BytesIO()
    np.savez(out, ids=np.array(["a", "b"]), q=np.zeros((2, 768), np.int8), scale=np.ones(2, np.float32))
    npy = io.BytesIO()
    np.save(npy, np.ones((4, 768), np.float16))
    for number in range(400):
        whole, use, path = ((out, read, tmp_path / "a.npz"), (npy, map_npy, tmp_path / "a.npy"))[number % 2]
        data = bytearray(whole.getvalue())
        # headers lie at both ends of an archive, and at the beginning of an array
        places = rng.integers(0, 160, 3) if number % 4 < 3 else -rng.integers(1, 200, 3)
        for place in places:
            data[place] = rng.integers(256)
        path.write_bytes(data[: rng.integers(len(data)) if number % 8 == 0 else None])
        try:
            use(path)
        except BitmarError as error:
            assert str(path) in str(error) and "\n" not in str(error)
