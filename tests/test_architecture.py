"""Property: `make lint` passes here and fails on a forbidden arrow, a circle, a missing docstring, a script that does not parse.

Each violation is added to a copy of the tree, so the rules themselves are what is tested.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("bitmar", "pi_app", "model", "convert", "deploy")
SCRIPTS_WITHOUT_SUFFIX = {".ci/run"}


def tracked() -> list[str]:
    listing = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if listing.returncode:
        pytest.skip("no git checkout")
    return listing.stdout.splitlines()


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that lint looks at, in a repository of their own (it asks git for them)."""
    folder = tmp_path_factory.mktemp("tree")
    for name in tracked():
        looked_at = Path(name).suffix in (".py", ".sh", ".c", ".h", ".cpp", ".toml") or "/" not in name
        if (looked_at or name in SCRIPTS_WITHOUT_SUFFIX) and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    subprocess.run(["git", "add", "-A"], cwd=folder, check=True)
    return folder


class Change:
    """Adds text to a file of the copy; everything is as before when the test ends."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.before = folder, {}

    def append(self, name: str, text: str) -> None:
        path = self.folder / name
        self.before.setdefault(path, path.read_text(encoding="utf-8") if path.exists() else None)
        path.write_text((self.before[path] or "") + text, encoding="utf-8")

    def undo(self) -> None:
        for path, text in self.before.items():
            if text is None:
                path.unlink()
            else:
                path.write_text(text, encoding="utf-8")


@pytest.fixture
def change(copy: Path) -> Iterator[Change]:
    made = Change(copy)
    yield made
    made.undo()


def lint(folder: Path) -> tuple[int, str]:
    """`make lint` without its set-up, with this Python's tools: exit code and all output."""
    tools = Path(sys.prefix)
    command = ["make", "-o", "system", "-o", f"{tools}/.stamp", "lint", f"VENV={tools}"]
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.returncode, done.stdout


def test_lint_passes(copy: Path) -> None:
    code, output = lint(copy)
    assert code == 0, output


ARROWS = {
    "bitmar/engine.py": (
        "pi_app.words",
        "convert.layouts",
        "model.config",
        "deploy.targets",
        "tests",
        "tensorflow",
    ),
    "pi_app/console.py": ("model.config", "convert.layouts", "deploy.targets", "benchmarks", "keras"),
    "model/config.py": ("bitmar.memory", "bitmar", "convert.layouts", "pi_app.words", "deploy.targets", "tests"),
    "convert/layouts.py": ("bitmar.engine", "pi_app.words", "deploy.targets", "benchmarks", "tools"),
    "deploy/targets.py": ("tests", "benchmarks", "pipeline"),
}


@pytest.mark.parametrize(("name", "imported"), [(name, imported) for name, all_ in ARROWS.items() for imported in all_])
def test_a_forbidden_arrow_fails(name: str, imported: str, copy: Path, change: Change) -> None:
    """Inside a function too: what is imported late is imported all the same."""
    change.append(name, f"\n\ndef _added():\n    import {imported}\n\n    return {imported}\n")
    command = [Path(sys.prefix) / "bin" / "lint-imports", "--no-cache", "--no-logo"]
    done = subprocess.run(command, cwd=copy, capture_output=True, text=True)
    assert done.returncode == 1, done.stdout
    module = name.removesuffix(".py").replace("/", ".")
    assert f"{module} -> {imported}" in done.stdout and "BROKEN" in done.stdout


VIOLATIONS = {
    "an arrow": ("pi_app/words.py", "\n\ndef _added():\n    from model import config\n\n    return config\n", "pi_app"),
    "a circle": (
        "bitmar/errors.py",
        "\n\ndef _added():\n    from bitmar import engine\n\n    return engine\n",
        "bitmar",
    ),
    "a docstring": ("bitmar/errors.py", "\n\ndef added() -> None:\n    return None\n", "D103"),
    "one in convert": ("convert/layouts.py", "\n\nclass Added:\n    pass\n", "D101"),
    "a script": ("tools/make_venv.sh", 'echo "${x:-it\'s}"\nif true; then\n', "make_venv.sh"),
    "an unquoted variable": ("deploy/pi/bitmar.sh", "rm -r $1\n", "SC2086"),
    "the CI's script": (".ci/run", "if\n", ".ci/run"),
}


@pytest.mark.parametrize("violation", VIOLATIONS)
def test_lint_fails(violation: str, copy: Path, change: Change) -> None:
    name, text, named = VIOLATIONS[violation]
    change.append(name, text)
    code, output = lint(copy)
    assert code != 0 and named in output, output


def test_every_shell_script_is_checked() -> None:
    """lint takes *.sh; a script without that suffix stands in the Makefile by name."""
    scripts = {name for name in tracked() if (ROOT / name).is_file() and is_shell(ROOT / name)}
    assert {name for name in scripts if not name.endswith(".sh")} == SCRIPTS_WITHOUT_SUFFIX
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert all(f" {name}" in makefile for name in SCRIPTS_WITHOUT_SUFFIX)


def is_shell(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(64).split(b"\n")[0].rstrip().endswith((b"/sh", b"/bash", b"env bash", b"env sh"))


def test_every_python_file_is_linted() -> None:
    """An exclusion by name once left model/data and tests/data out."""
    command = [sys.executable, "-m", "ruff", "check", "--show-files"]
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    assert {str(ROOT / name) for name in tracked() if name.endswith(".py")} <= set(shown)
