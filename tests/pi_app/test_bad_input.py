"""Property: bad input ends with one line (what, where, what was expected), exit code 2, and nothing written."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.bitmar.digests import model
from tests.bitmar.runtimes import ROOT, run_python
from tests.pi_app.console_runs import console, contents, write_pictures


@pytest.fixture(scope="module")
def taught_card(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("taught")
    (folder / "card").mkdir()
    (name, picture, _), *_ = write_pictures(folder, 1)
    console(folder / "card", f"teach {picture} {name}\n")
    return folder / "card"


@pytest.fixture
def card(taught_card: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(taught_card, tmp_path / "card"))


def refused(card: Path, lines: str, *options: str | Path) -> str:
    """The one line of the error; exit code and an unchanged card are checked."""
    before = contents(card)
    result = console(card, lines, *options, check=False)
    assert result.returncode == 2, result.stdout + result.stderr
    assert result.stderr.startswith("error: ") and result.stderr.count("\n") == 1, result.stderr
    assert contents(card) == before
    return result.stderr


def picture(folder: Path, name: str, content: bytes) -> Path:
    (folder / name).write_bytes(content)
    return folder / name


def npy(folder: Path, array: np.ndarray) -> Path:
    np.save(folder / "picture.npy", array)
    return folder / "picture.npy"


PICTURES: dict[str, tuple[Callable[[Path], object], str]] = {
    "no file": (lambda f: f / "none.png", "no such file"),
    "text": (lambda f: picture(f, "a.png", b"hello"), "not an image file"),
    "half a PNG": (lambda f: picture(f, "a.png", (ROOT / "docs" / "demo.png").read_bytes()[:900]), "broken image"),
    "767 numbers": (lambda f: npy(f, np.zeros(767, np.float32)), "expected 768"),
    "nan": (lambda f: npy(f, np.full(768, np.nan, np.float32)), "finite"),
    "objects": (lambda f: npy(f, np.array(["a"] * 768)), "768"),
    "broken npy": (lambda f: picture(f, "b.npy", b"\x93NUMPY\x01\x00junk"), "broken .npy"),
    "broken archive": (lambda f: picture(f, "c.npy", b"PK\x03\x04junk"), "broken .npy"),
    "no such set": (lambda f: "nosuchset/1f353", "no features in|unknown, found"),
}


@pytest.mark.parametrize("case", PICTURES)
def test_pictures(case: str, card: Path, tmp_path: Path) -> None:
    make, message = PICTURES[case]
    if case == "half a PNG" and not (ROOT / "docs" / "demo.png").exists():
        from PIL import Image

        Image.effect_noise((64, 64), 50).save(tmp_path / "whole.png")
        make = lambda f: picture(f, "a.png", (f / "whole.png").read_bytes()[:900])  # noqa: E731
    import re

    assert re.search(message, refused(card, f"teach {make(tmp_path)} thing\n"))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("''", "the name is empty"),
        ("x" * 64, "63 bytes"),
        ("é" * 32, "63 bytes"),
        ("a\udcffb", "not valid UTF-8|can't decode"),
    ],
)
def test_names(name: str, message: str, card: Path, tmp_path: Path) -> None:
    import re

    _, taught, _ = write_pictures(tmp_path, 1)[0]
    assert re.search(message, refused(card, f"teach {taught} {name}\n"))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("forget nobody", "nobody"),
        ("rename nobody somebody", "nobody"),
        ("mem restore 7", "state 7"),
        ("mem undo 0", "expected a number of writes"),
        ("mem undo 7", "7 writes back"),
        ("mem diff 1 x", "expected the numbers of two states"),
        ("mem restore 4294967295", "state 4294967295"),
        ("mem restore 4294967296", "expected a state's number or a time"),
        (f"mem restore {'9' * 5000}", "expected a state's number or a time"),
        ("mem restore yesterday", "expected a state's number or a time"),
        ("mem restore 1960-01-01", "not found"),
        ("mem prune lots", "expected a number from 0 to 1"),
        ("bench none", "expected a number of tokens"),
        ("dance", "'dance' is not a word"),
    ],
)
def test_words(line: str, message: str, card: Path) -> None:
    assert message in refused(card, f"\n{line}\n")
    assert "script.txt:2: " in refused(card, f"\n{line}\n")


def changed_model(folder: Path, change: Callable[[dict], None]) -> Path:
    """A copy of the model with a changed model.json."""
    changed = Path(shutil.copytree(model(), folder / "model"))
    description = json.loads((changed / "model.json").read_text())
    change(description)
    (changed / "model.json").write_text(json.dumps(description))
    return changed


MODELS: dict[str, tuple[Callable[[dict], object], str]] = {
    "format": (lambda d: d.update(format=2), "format 2, expected 1"),
    "op version": (lambda d: d["ops"].update(BITMAR_TERNARY_FC=2), "BITMAR_TERNARY_FC has version 2, expected 1"),
    "unknown op": (lambda d: d["ops"].update(BITMAR_MAGIC=1), "BITMAR_MAGIC is unknown"),
    "missing key": (lambda d: d["memory"].pop("dim"), "'memory.dim' is missing"),
    "sha256": (lambda d: d["files"]["recall.tflite"].update(sha256="0" * 64), "recall.tflite: its sha256"),
    "bytes": (lambda d: d["files"]["recall.tflite"].update(bytes=3), "expected 3"),
    "no file": (
        lambda d: d["files"].update({"extra.bin": {"bytes": 1, "sha256": "0" * 64}}),
        "extra.bin: cannot be read",
    ),
    "hash": (lambda d: d.update(model_hash="xyz"), "16 hexadecimal digits"),
    "another model's card": (lambda d: d.update(model_hash="00" * 8), "written by another model"),
}


@pytest.mark.parametrize("case", MODELS)
def test_models(case: str, card: Path, tmp_path: Path) -> None:
    change, message = MODELS[case]
    assert message in refused(card, "mem show\n", "--model", changed_model(tmp_path, change))


def test_a_flatbuffer_of_another_op_version(card: Path, tmp_path: Path) -> None:
    """Although model.json claims otherwise: the delegate looks at the op itself."""
    import hashlib

    from tests.bitmar.graph_file import GraphFile

    graph = GraphFile()
    inputs = [graph.input("scores", "float32", (4,)), graph.input("slots", "float32", (4, 128))]
    inputs += [graph.input("mask", "int32", (4,)), graph.constant(np.ones(1, np.float32))]
    graph.op("BITMAR_MEMORY_READ", inputs, {"context": "float32"}, {"version": 3})
    data = graph.write(tmp_path / "recall.tflite").read_bytes()
    entry = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    changed = changed_model(tmp_path, lambda d: d["files"].update({"recall.tflite": entry}))
    (changed / "recall.tflite").write_bytes(data)
    message = refused(card, "mem show\n", "--model", changed)
    assert "recall.tflite" in message and "BITMAR_MEMORY_READ: version 3, expected 1" in message


def test_no_model_and_no_card(card: Path, tmp_path: Path) -> None:
    assert "no model.json there" in refused(card, "mem show\n", "--model", tmp_path / "nowhere")
    assert "--card DIR is missing" in run_python("ai-edge-litert", ROOT / "pipeline.py", "console", check=False).stderr
    missing = tmp_path / "elsewhere" / "card"
    missing.parent.mkdir()
    result = console(missing, "mem show\n", check=False)
    assert result.returncode == 2 and f"card {missing}: no such folder" in result.stderr


def test_other_number_of_slots(card: Path) -> None:
    assert "expected 5 of" in refused(card, "mem show\n", "--slots", "5")
    assert "expected 1 to 32768" in refused(card, "mem show\n", "--slots", "0")


def test_unknown_runtime(card: Path) -> None:
    assert "runtime 'torch' is unknown" in refused(card, "mem show\n", "--runtime", "torch")
    assert "tflite-runtime is not installed" in refused(card, "mem show\n", "--runtime", "tflite-runtime")


def test_a_card_in_use(card: Path) -> None:
    command = ["python", "-c", LOCKING, str(card / "bitmar_memory")]
    import sys

    command[0] = sys.executable
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, cwd=ROOT) as holder:
        assert holder.stdout.readline() == b"locked\n"
        assert "another process has this card" in refused(card, "mem show\n")
        holder.stdin.close()


LOCKING = """
import fcntl, os, sys
folder = os.open(sys.argv[1], os.O_RDONLY)
fcntl.flock(folder, fcntl.LOCK_EX)
print("locked", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mounts a file system of a given size; needs root."""
    disk = tmp_path / "disk"
    disk.mkdir()

    def mount(options: str) -> Path:
        command = ["mount", "-t", "tmpfs", "-o", options, "none", disk]
        mounted = subprocess.run(command, capture_output=True) if shutil.which("mount") else None
        if mounted is None or mounted.returncode:
            pytest.skip("mounting a small disk needs root")
        return disk

    yield mount
    subprocess.run(["umount", disk], capture_output=True)


def test_a_full_disk(small_disk: Callable[[str], Path]) -> None:
    disk = small_disk("size=40k")
    assert "the card is full" in refused(disk, "mem show\n")
    assert contents(disk) == {}


def test_a_read_only_card_can_be_asked(small_disk: Callable[[str], Path], tmp_path: Path) -> None:
    disk = small_disk("size=4m")
    (name, taught, asked), *_ = write_pictures(tmp_path, 1)
    console(disk, f"teach {taught} {name}\n")
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    answer = json.loads(console(disk, f"ask {asked}\n", "--json").stdout)
    assert answer["name"] == name
    for word in (f"teach {taught} {name}", f"forget {name}", "mem undo"):
        assert "the card is read-only" in refused(disk, f"{word}\n")


def test_an_empty_read_only_card(small_disk: Callable[[str], Path]) -> None:
    disk = small_disk("size=1m,ro")
    assert "the card is read-only" in refused(disk, "mem show\n")
