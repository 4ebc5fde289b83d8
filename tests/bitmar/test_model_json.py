"""Property: whatever stands in model.json, every command that reads it works or ends with one line, and writes nothing then.

Several hundred seeded mutations of the real file: wrong types, missing and foreign keys, numbers out of range, names with
folders, deep nesting, values of other keys, broken JSON.
"""

from __future__ import annotations

import copy
import json
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fastjsonschema
import numpy as np
import pytest

import pipeline
from bitmar.errors import BitmarError
from bitmar.json_schema import fault
from bitmar.model_folder import read_model
from bitmar.model_format import SCHEMA, read_description
from convert.aot import __main__ as aot
from deploy.pi_bundle import copy_model
from tests.bitmar.digests import model
from tests.pi_app.console_runs import contents, write_pictures

MUTATIONS = 300
SEED = 20261126

WRONG = [
    None, True, False, 0, -1, 1, 3, 2**31, 2**64, 10**30, -(10**400), 0.5, -0.0, 3.0, 1e308, "", "0", "x" * 5000,
    "../../etc/hostname", "\x1b[31m", "\u202e", "\ud800", "a\0b", "a\nb", [], [1, 2], {}, {"a": {"b": []}}, "00" * 8,
    "float16", "BITMAR_RMS_NORM", "8",
]  # fmt: skip
NAMES = [
    "../../etc/hostname",
    "/etc/hostname",
    "a/b",
    "..",
    ".",
    "",
    "a\0b",
    "\x1b[2J",
    "x" * 300,
    "a\n",
    "é",
    "--version",
]


def paths(value: Any, at: tuple = ()) -> Iterator[tuple]:
    """The place of every value in a nested object."""
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield (*at, key)
        yield from paths(inner, (*at, key))


def parent(description: Any, path: tuple) -> Any:
    for key in path[:-1]:
        description = description[key]
    return description


def mutated(rng: random.Random, description: dict) -> str:
    """model.json after one to three random changes."""
    changed = copy.deepcopy(description)
    for _ in range(rng.choice([1, 1, 2, 3])):
        every = [path for path in paths(changed) if path[:2] != ("config", "training")]
        if not every:
            break
        path = rng.choice(every)
        holder, kind = parent(changed, path), rng.randrange(7)
        if kind == 0:
            del holder[path[-1]]
        elif kind == 1 and isinstance(holder, dict):
            holder[rng.choice([*NAMES, str(path[-1]).upper(), "ünknown"])] = holder.pop(path[-1])
        elif kind == 2:
            other = rng.choice(every)
            holder[path[-1]] = copy.deepcopy(parent(changed, other)[other[-1]])
        elif kind == 3 and isinstance(holder[path[-1]], (int, float)):
            holder[path[-1]] = rng.choice(
                [holder[path[-1]] * 2, holder[path[-1]] + 1, -holder[path[-1]], holder[path[-1]] / 3]
            )
        else:
            holder[path[-1]] = copy.deepcopy(rng.choice(WRONG))
    text = json.dumps(changed)
    if (kind := rng.randrange(12)) == 0:
        at = rng.randrange(len(text))
        text = (
            text[:at]
            + rng.choice(["", "NaN", "Infinity", "{", "]", "\0", "é", "1" * 5000])
            + text[at + rng.randrange(3) :]
        )
    elif kind == 1:
        depth = rng.choice([50, 500, 100_000])
        text = text.replace("{", '{"deep": ' + "[" * depth + "]" * depth + ", ", 1)
    return text


CASES = {
    "a list": "[]",
    "a number": "7",
    "nothing": "",
    "not UTF-8": b"\xff\xfe",
    "deep": '{"format":' * 100_000,
    "deep lists": "[" * 10_000_000,
    "large": '{"format": 1, "name": "' + "x" * (2 << 20) + '"}',
    "a number without end": '{"format": ' + "1" * 900_000 + "}",
}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    _, taught, asked = write_pictures(tmp_path_factory.mktemp("pictures"), 1)[0]
    return taught, asked


class Commands:
    """A folder with a changed model.json beside the real files, and the commands that read it."""

    def __init__(self, folder: Path, pictures: tuple[str, str], output: pytest.CaptureFixture[str]) -> None:
        self.folder, self.model, self.card, self.output = folder, folder / "model", folder / "card", output
        self.model.mkdir()
        for file in model().iterdir():
            if file.name != "model.json":
                (self.model / file.name).symlink_to(file.resolve())
        self.script = folder / "script.txt"
        self.script.write_text(f"teach {pictures[0]} a thing\nask {pictures[1]}\nmem show\n")

    def write(self, text: str | bytes) -> None:
        content = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
        (self.model / "model.json").write_bytes(content)

    def run(self, *arguments: str | Path) -> int:
        """A command's exit code; an error must be one short line on stderr."""
        code = pipeline.main([*map(str, arguments), "--model", str(self.model)])
        self.check_output(code)
        return code

    def check_output(self, code: int) -> None:
        printed = self.output.readouterr()
        assert code in (0, 2), printed
        if code == 2:
            assert printed.err.startswith("error: ") and printed.err.count("\n") == 1 and len(printed.err) < 600, (
                printed
            )
            assert printed.err[:-1].isprintable(), printed

    def aot(self) -> int:
        """python -m convert.aot"""
        code = aot.main([str(self.model), "--out", str(self.folder / "aot")])
        self.check_output(code)
        return code

    def try_all(self, text: str | bytes) -> bool:
        """Every command; True where the console accepts the model."""
        self.write(text)
        shutil.rmtree(self.card, ignore_errors=True)
        self.card.mkdir()
        accepted = self.run("console", "--card", self.card, "--script", self.script) == 0
        assert self.run("bench", "--tokens", "2") in ((0,) if accepted else (0, 2))
        try:
            read_description(self.model)
        except BitmarError:
            assert contents(self.card) == {}
            assert self.run("deploy", "--target", "pi", "--out", self.folder / "bundle") == 2
            assert self.run("deploy", "--target", "qemu", "--dry-run") == 2
            assert self.run("console", "--target", "qemu", "--card", self.card) == 2
            assert self.aot() == 2
            assert contents(self.card) == {} and not list(self.folder.glob("bundle*")) + list(self.folder.glob("aot*"))
        return accepted


@pytest.fixture
def commands(tmp_path: Path, pictures: tuple[str, str], capfd: pytest.CaptureFixture[str]) -> Commands:
    return Commands(tmp_path, pictures, capfd)


def test_mutations(commands: Commands) -> None:
    rng = random.Random(SEED)
    description = json.loads((model() / "model.json").read_text())
    accepted = 0
    for _ in range(MUTATIONS):
        accepted += commands.try_all(mutated(rng, description))
    assert MUTATIONS * 0.1 < accepted < MUTATIONS * 0.6, "most mutations are noticed, many are harmless"


def test_the_schema_is_checked_as_fastjsonschema_does() -> None:
    validate = fastjsonschema.compile(SCHEMA, use_default=False)

    def refused(description: Any) -> bool:
        try:
            validate(description)
        except fastjsonschema.JsonSchemaValueException:
            return True
        return False

    rng, counts = random.Random(SEED + 1), {True: 0, False: 0}
    original = json.loads((model() / "model.json").read_text())
    for _ in range(3000):
        try:
            description = json.loads(mutated(rng, original))
        except (ValueError, RecursionError):
            continue
        assert refused(description) == bool(fault(SCHEMA, description)), description
        counts[refused(description)] += 1
    assert min(counts.values()) > 300


@pytest.mark.parametrize("case", CASES)
def test_what_is_no_description(case: str, commands: Commands) -> None:
    assert not commands.try_all(CASES[case])


@pytest.mark.parametrize("name", NAMES)
def test_a_listed_name_with_a_folder_is_refused_and_never_copied(name: str, commands: Commands) -> None:
    description = json.loads((model() / "model.json").read_text())
    description["files"][name] = {"sha256": "0" * 64, "bytes": 1}
    commands.write(json.dumps(description))
    assert commands.run("deploy", "--target", "pi", "--out", commands.folder / "bundle") == 2
    with pytest.raises(BitmarError, match=r"key 'files' has .*, expected file names without folders"):
        read_model(commands.model)


def test_what_is_copied_is_what_was_read(commands: Commands) -> None:
    """model.json and what it lists, whatever else lies there."""
    shutil.copy(model() / "model.json", commands.model / "model.json")
    (commands.model / "note.txt").write_text("mine")
    copy_model(read_model(commands.model), commands.folder / "copied")
    listed = ["model.json", *read_model(commands.model).files]
    whole = contents(commands.model)
    assert contents(commands.folder / "copied") == {name: whole[name] for name in sorted(listed)}


def exchanged(**changes: Any) -> Callable[[dict], None]:
    def change(description: dict) -> None:
        for key, value in changes.items():
            section, _, name = key.partition("__")
            description[section][name] = value

    return change


SIZES = {
    "more tokens than the encoder takes": exchanged(config__max_seq_len=48),
    "fewer": exchanged(config__max_seq_len=16),
    "another memory": exchanged(memory__dim=64),
    "other slots at a time": exchanged(memory__top_k=5),
    "a longer window": exchanged(cache__window=128),
    "tokens that the table has not": exchanged(special_tokens__bos=1023, special_tokens__eos=1022),
}


@pytest.mark.parametrize("case", SIZES)
def test_sizes_that_are_not_the_flatbuffers(case: str, commands: Commands) -> None:
    """Sane by themselves, but not what the graphs have: refused when the model is opened, before the card is touched."""
    description = json.loads((model() / "model.json").read_text())
    SIZES[case](description)
    assert not commands.try_all(json.dumps(description))
    assert contents(commands.card) == {}


@pytest.mark.parametrize(
    "case", ["more tokens than the encoder takes", "another memory", "a longer window", "other sinks"]
)
def test_firmware_is_compiled_for_the_flatbuffers_sizes(case: str, commands: Commands) -> None:
    """The sinks too, which are an attribute of an op: the runtimes do not show it."""
    description = json.loads((model() / "model.json").read_text())
    (SIZES | {"other sinks": exchanged(cache__sinks=2)})[case](description)
    commands.write(json.dumps(description))
    assert commands.aot() == 2


def test_files_that_are_no_files(commands: Commands) -> None:
    description = json.loads((model() / "model.json").read_text())
    commands.write(json.dumps(description))
    for target in ("/dev/zero", "/dev/null", ".", "nowhere"):
        (commands.model / "tokenizer.bin").unlink()
        (commands.model / "tokenizer.bin").symlink_to(target)
        assert commands.run("bench") == 2
    description["files"]["tokenizer.bin"]["bytes"] = 0
    commands.write(json.dumps(description))
    for target in ("/dev/zero", "/dev/null"):
        (commands.model / "tokenizer.bin").unlink()
        (commands.model / "tokenizer.bin").symlink_to(target)
        assert commands.run("bench") == 2


def test_the_picture_is_still_read(pictures: tuple[str, str]) -> None:
    assert np.load(pictures[0]).shape == (768,), "the mutations above are about the model alone"
