"""The bundle of the fixture model, and how to run Python from it under emulation; built once per run."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from bitmar.model_folder import read_model
from deploy import pi_bundle
from tests.aarch64 import debian_root
from tests.bitmar.digests import model

SITES = {
    "ai-edge-litert": (
        "ai-edge-litert==2.3.0",
        "numpy<2.4",
        "pillow<13",
        "flatbuffers",
        "typing_extensions",
        "backports.strenum",
        "ml_dtypes",
        "protobuf",
        "tqdm",
    ),
    "tflite-runtime": ("tflite-runtime==2.14.0", "numpy<2", "pillow<13"),
}


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle as `pipeline.py deploy --target pi` writes it."""
    return pi_bundle.build_bundle(read_model(model()), tmp_path_factory.mktemp("bundle") / "bitmar", "aarch64")


@pytest.fixture(scope="session")
def wheel_site(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle's wheel, unpacked."""
    (wheel,) = bundle.glob("*.whl")
    site = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    return site


@pytest.fixture(scope="session")
def emulated(wheel_site: Path) -> Callable[[str, str], list[str | Path]]:
    """(cpu, runtime) -> the command that is Python on that processor, with the wheel and the runtime installed."""
    if tool := debian_root.tools_missing():
        pytest.fail(f"{tool} is not installed: apt install qemu-user-static (and apt on a Debian system)")
    root = debian_root.debian_root()

    def command(cpu: str, runtime: str) -> list[str | Path]:
        site = debian_root.site_packages(runtime, SITES[runtime])
        environment = f"PYTHONPATH={wheel_site}:{site}"
        python = root / "usr" / "bin" / "python3.11"
        return ["qemu-aarch64-static", "-cpu", cpu, "-L", root, "-E", environment, python, "-S"]

    return command
