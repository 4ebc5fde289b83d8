"""Property: the bundle for a 32-bit Pi system runs in tflite-runtime on an emulated Cortex-A15 with the bits of x86-64."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import pytest

from bitmar.model_folder import read_model
from deploy.pi_bundle import build_bundle
from tests.aarch64.debian_root import debian_root, site_packages
from tests.bitmar.digests import assert_same_bits, digest_here, digest_with, model

PACKAGES = (
    "python3.11",
    "libstdc++6",
    "python3-numpy",
    "python3-pil",
)  # PyPI has no NumPy for armv7
LIBRARIES = "usr/lib/arm-linux-gnueabihf"


@pytest.mark.skipif(not shutil.which("qemu-arm-static"), reason="needs qemu-user-static")
def test_bits_are_those_of_x86_64(tmp_path: Path) -> None:
    bundle = build_bundle(read_model(model()), tmp_path / "bitmar", "armv7l")
    (wheel,) = bundle.glob("*-py3-none-linux_armv7l.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    root = debian_root("armhf", PACKAGES)
    runtime = site_packages("tflite-runtime", ("tflite-runtime==2.14.0",), arch="armv7l")
    paths = [tmp_path / "site", runtime, root / "usr" / "lib" / "python3" / "dist-packages"]
    python = ["qemu-arm-static", "-cpu", "cortex-a15", "-L", root, "-E", "PYTHONPATH=" + ":".join(map(str, paths))]
    python += ["-E", f"LD_LIBRARY_PATH={root / LIBRARIES / 'blas'}:{root / LIBRARIES / 'lapack'}"]
    found = digest_with([*python, root / "usr" / "bin" / "python3.11", "-S"], tmp_path / "card", bundle / "model")
    assert found["runtime"] == "tflite-runtime" and len(found["answers"]) == 64
    assert_same_bits(found, digest_here("ai-edge-litert", tmp_path / "here"))
