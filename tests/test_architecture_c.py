"""Property: no circles in C. Of two files of a library, or two libraries, at most one needs the other, however indirectly: by the
symbols that their objects name, and by what they include. The libraries allocate nothing and do no I/O."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterable
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from convert.aot import generate

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = {
    "kernels": ("kernels",),
    "ops": ("ops",),
    "picture": ("picture/src", "picture/include"),
    "tokenizer": ("tokenizer/src", "tokenizer/include"),
    "memstore": ("memstore/src", "memstore/include"),
    "delegate": ("bitmar/native",),
    "app": (
        "mcu_app/src/app",
        "mcu_app/src/board_qemu",
        "mcu_app/src/engine_aot",
        "mcu_app/include",
        "mcu_app/platforms",
    ),
}
LIBRARIES = ("kernels", "ops", "picture", "tokenizer", "memstore")
# who may need whom
ARROWS = {
    "kernels": set(),
    "ops": {"kernels"},
    "picture": set(),
    "tokenizer": {"kernels"},
    "memstore": {"kernels"},
    "delegate": {"kernels", "ops"},
    "app": {"kernels", "picture", "tokenizer", "memstore"},
}
# what a library may take from outside: strings, and what the compiler itself puts in
OUTSIDE = re.compile(r"mem(cmp|cpy|move|set)|str(cmp|cspn|len|ncmp)|sqrtf|__cpu_\w+|_GLOBAL_OFFSET_TABLE_")

Graph = dict[str, set[str]]


def sources(part: str, *endings: str) -> list[Path]:
    found = [path for folder in FOLDERS[part] for path in sorted((ROOT / folder).rglob("*")) if path.suffix in endings]
    assert found, part
    return found


def circle(graph: Graph) -> list[str] | None:
    """The members of one circle, the first again at the end."""
    try:
        list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        return error.args[1]
    return None


class Objects:
    """What each source file of a part defines, and what it needs."""

    def __init__(self, compiler: list[str], files: Iterable[Path], includes: Iterable[Path], out: Path) -> None:
        self.defined_in: dict[str, str] = {}
        self.needs: Graph = {}
        flags = ["-O1", *(f"-I{folder}" for folder in includes)]
        for i, file in enumerate(files):
            name = str(file).removeprefix(f"{ROOT}/")
            standard = "c++17" if file.suffix == ".cpp" else "c11"
            target = out / f"{i}.o"
            subprocess.run([*compiler, f"-std={standard}", *flags, "-c", str(file), "-o", str(target)], check=True)
            self.needs[name] = set()
            for line in subprocess.run(["nm", target], capture_output=True, text=True, check=True).stdout.splitlines():
                kind, symbol = line.split()[-2:]
                if kind == "U":
                    self.needs[name].add(symbol)
                elif kind in "TDBRC":  # not V, W: an inline function has no file
                    self.defined_in[symbol] = name
        self.defined_in.pop("main", None)  # start-up code calls it, by nature

    def calls(self) -> Graph:
        """The other files that each file needs."""
        return {
            file: {self.defined_in[symbol] for symbol in symbols if symbol in self.defined_in} - {file}
            for file, symbols in self.needs.items()
        }


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Objects]:
    includes = [*(ROOT / library / "include" for library in LIBRARIES), ROOT / "memstore" / "posix"]
    host = (*LIBRARIES, "delegate")
    made = {part: Objects(["gcc"], sources(part, ".c"), includes, tmp_path_factory.mktemp(part)) for part in host}
    assert shutil.which("arm-none-eabi-g++"), "arm-none-eabi-g++ is needed: make test installs it or says how"
    model = tmp_path_factory.mktemp("model")
    generate(ROOT / "models" / "ultra_tiny", model)
    compiler = ["arm-none-eabi-gcc", "-mcpu=cortex-m7", "-mthumb", "-mfpu=fpv5-d16", "-mfloat-abi=hard"]
    app = [*includes, ROOT / "mcu_app" / "include", ROOT / "mcu_app/platforms/qemu_cortex_m7/support/common", model]
    app += [ROOT / "mcu_app" / "src" / folder for folder in ("app", "board_qemu")]
    files = [ROOT / "mcu_app" / "src" / "main.cpp", *sources("app", ".c", ".cpp")]
    return made | {"app": Objects(compiler, files, app, tmp_path_factory.mktemp("app"))}


@pytest.mark.parametrize("part", FOLDERS)
def test_no_two_files_need_each_other(objects: dict[str, Objects], part: str) -> None:
    calls = objects[part].calls()
    assert circle(calls) is None
    assert len(calls) > 1 and any(calls.values())


@pytest.mark.parametrize("part", FOLDERS)
def test_a_part_needs_those_that_it_may(objects: dict[str, Objects], part: str) -> None:
    needed = set().union(*objects[part].needs.values()) - objects[part].defined_in.keys()
    others = {other for other in FOLDERS if other != part and needed & objects[other].defined_in.keys()}
    assert others <= ARROWS[part]
    assert circle(ARROWS) is None


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_library_allocates_nothing_and_does_no_io(objects: dict[str, Objects], library: str) -> None:
    ours = set().union(*(objects[part].defined_in for part in LIBRARIES))
    needed = set().union(*objects[library].needs.values()) - ours
    assert {symbol for symbol in needed if not OUTSIDE.fullmatch(symbol)} == set()


@pytest.mark.parametrize("part", FOLDERS)
def test_no_two_headers_include_each_other(part: str) -> None:
    files = {path.name: path for path in sources(part, ".h")}
    graph = {
        name: set(re.findall(r'^\s*#include "([^"]+)"', path.read_text(encoding="utf-8"), re.MULTILINE)) & files.keys()
        for name, path in files.items()
    }
    assert circle(graph) is None


def test_a_circle_is_seen(tmp_path: Path) -> None:
    """The test's own test: three files that call each other round."""
    for name, other in (("a", "b"), ("b", "c"), ("c", "a")):
        (tmp_path / f"{name}.c").write_text(f"int {other}(void);\nint {name}(void) {{ return {other}(); }}\n")
    files = sorted(tmp_path.glob("*.c"))
    folder = tmp_path / "out"
    folder.mkdir()
    found = circle(Objects(["gcc"], files, [], folder).calls())
    assert found is not None and len(found) == 4


def test_a_banner_is_one_line() -> None:
    """clang-format tears one that is too long: `/* ---- a section`, ` * ------- */`."""
    files = [path for part in FOLDERS for path in sources(part, ".h", ".c", ".cpp")]
    torn = [path for path in files if re.search(r"^/\* -{3}(?!.*\*/$)|^ \* -+ \*/$", path.read_text(), re.MULTILINE)]
    assert torn == []
