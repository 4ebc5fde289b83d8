"""Property: install.sh makes the bundle run: here, where the wheel does not fit, from the source package; a deploy that cannot
be finished says why in one line and leaves what was there."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

from bitmar.errors import BitmarError
from bitmar.model_folder import read_model
from bitmar.native import build, library
from deploy import pi_bundle
from tests.bitmar.digests import model
from tests.bitmar.runtimes import ROOT
from tests.pi_app.console_runs import contents, write_pictures


def deploy(*options: str | Path, path: str | None = None) -> subprocess.CompletedProcess:
    command = [sys.executable, ROOT / "pipeline.py", "deploy", "--target", "pi", "--model", model(), *options]
    environment = {**os.environ, **({"PATH": path} if path else {})}
    return subprocess.run([*map(str, command)], cwd=ROOT, env=environment, capture_output=True, text=True)


def one_line(result: subprocess.CompletedProcess) -> str:
    assert result.returncode == 2, result.stdout + result.stderr
    assert result.stderr.startswith("error: ") and result.stderr.count("\n") == 1, result.stderr
    return result.stderr


def test_the_bundle_has_all_that_it_needs(bundle: Path) -> None:
    (wheel,) = bundle.glob("*.whl")
    assert wheel.name.endswith("-py3-none-linux_aarch64.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        archive.extract("bitmar/native/libbitmar.so", bundle.parent / "wheel")
    assert library.elf_architecture(bundle.parent / "wheel" / "bitmar" / "native" / "libbitmar.so") == "aarch64"
    assert not [name for name in names if name.endswith((".c", ".h"))]
    assert any(name.endswith("entry_points.txt") for name in names)
    with tarfile.open(next(bundle.glob("*.tar.gz"))) as archive:
        packed = {name.split("/", 1)[-1] for name in archive.getnames()}
    assert {path.relative_to(ROOT).as_posix() for path in build.inputs()} <= packed
    assert read_model(bundle / "model").model_hash == read_model(model()).model_hash
    assert os.access(bundle / "install.sh", os.X_OK) and os.access(bundle / "bitmar.sh", os.X_OK)
    assert not re.search(r"@[A-Z]+@", "".join((bundle / name).read_text() for name in ("install.sh", "README.md")))


def test_install_sh_compiles_the_source_package_here(bundle: Path, tmp_path: Path) -> None:
    """On the wheel's own architecture it would take the wheel, which tests/aarch64/test_bundle.py runs."""
    here = Path(shutil.copytree(bundle, tmp_path / "bitmar"))
    environment = {**os.environ, "PYTHON": sys.executable}
    installed = subprocess.run([here / "install.sh"], env=environment, capture_output=True, text=True)
    assert installed.returncode == 0, installed.stdout + installed.stderr
    card = tmp_path / "card"
    card.mkdir()
    (name, taught, asked), *_ = write_pictures(tmp_path, 1)
    command = [here / "bitmar.sh", "--card", card, "--json"]
    run = subprocess.run(
        command, input=f"teach {taught} {name}\nask {asked}\n", capture_output=True, text=True, cwd="/"
    )
    assert run.returncode == 0, run.stderr
    answers = [json.loads(line) for line in run.stdout.splitlines()]
    assert [answers[0]["action"], answers[1]["name"]] == ["new", name]


def test_nothing_but_a_bundle_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("mine")
    assert "exists and is not a bundle" in one_line(deploy("--out", tmp_path))
    assert contents(tmp_path) == {"letter.txt": b"mine"}


def test_a_bundle_that_cannot_be_built_leaves_the_old_one(bundle: Path, tmp_path: Path) -> None:
    old = Path(shutil.copytree(bundle, tmp_path / "bitmar"))
    before = contents(tmp_path)
    assert "--arch vax: expected aarch64" in one_line(deploy("--out", old, "--arch", "vax"))
    empty = tmp_path.parent / "empty"
    empty.mkdir(exist_ok=True)
    if find_spec("ziglang") is None:
        (empty / "cc").symlink_to(shutil.which("cc"))  # for this machine's own library, which knows the model's ops
        message = one_line(deploy("--out", old, path=str(empty)))
        assert "no compiler for aarch64: apt install gcc-aarch64-linux-gnu, or pip install ziglang" in message
    assert contents(tmp_path) == before


def test_a_host_that_cannot_be_reached_is_named() -> None:
    message = one_line(deploy("--host", "pi@127.0.0.1.invalid"))
    assert "cannot reach pi@127.0.0.1.invalid" in message
    if shutil.which("ssh"):
        assert "not installed here" not in message


def test_a_host_is_not_an_option() -> None:
    with pytest.raises(BitmarError, match="expected user@machine"):
        pi_bundle.install_on("-oProxyCommand=x", Path("/nowhere"))
