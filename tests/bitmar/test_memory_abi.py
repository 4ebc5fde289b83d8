"""Property: the structs that ctypes passes to memstore have the sizes and field offsets that the C compiler gives them."""

from __future__ import annotations

import ctypes
import subprocess
from pathlib import Path

from bitmar import memory_abi as abi
from bitmar.native import build

ROOT = Path(__file__).resolve().parents[2]


def c_layout(folder: Path) -> dict[str, dict[str, int]]:
    """Sizes and offsets as a small C program prints them. ms_port's functions are one block in ctypes."""
    lines = []
    for struct, name in abi.STRUCTS.items():
        lines.append(f'printf("{name} . %zu\\n", sizeof({name}));')
        fields = [field[0] for field in struct._fields_ if field[0] != "functions"]
        lines += [f'printf("{name} {field} %zu\\n", offsetof({name}, {field}));' for field in fields]
    source = folder / "layout.c"
    body = "\n  ".join(lines)
    source.write_text(f'#include <stdio.h>\n#include "memstore.h"\nint main(void) {{\n  {body}\n  return 0;\n}}\n')
    program = folder / "layout"
    include = f"-I{ROOT / 'memstore' / 'include'}"
    subprocess.run([*build.compiler(), "-std=c11", include, source, "-o", program], check=True)
    found: dict[str, dict[str, int]] = {}
    for line in subprocess.run([program], capture_output=True, text=True, check=True).stdout.splitlines():
        name, field, number = line.split()
        found.setdefault(name, {})[field] = int(number)
    return found


CONSTANTS = {
    "MS_PROTOTYPES": abi.PROTOTYPES,
    "MS_SAME_PICTURE": abi.SAME_PICTURE,
    "MS_EASILY_CONFUSED": abi.EASILY_CONFUSED,
    "MS_TAUGHT": abi.TAUGHT,
    "MS_RIGHT": abi.RIGHT,
    "MS_WRONG": abi.WRONG,
    "MS_MAX_TOP": abi.MAX_TOP,
}


def test_constants_are_the_headers(tmp_path: Path) -> None:
    lines = "".join(f'printf("%.6f\\n", (double)({name}));' for name in CONSTANTS)
    source, program = tmp_path / "constants.c", tmp_path / "constants"
    source.write_text(f'#include <stdio.h>\n#include "memstore.h"\nint main(void) {{ {lines} return 0; }}\n')
    include = f"-I{ROOT / 'memstore' / 'include'}"
    subprocess.run([*build.compiler(), "-std=c11", include, source, "-o", program], check=True)
    said = subprocess.run([program], capture_output=True, text=True, check=True).stdout.split()
    assert [f"{value:.6f}" for value in CONSTANTS.values()] == said


def test_structs_have_the_compilers_layout(tmp_path: Path) -> None:
    expected = c_layout(tmp_path)
    for struct, name in abi.STRUCTS.items():
        ours = {field[0]: getattr(struct, field[0]).offset for field in struct._fields_ if field[0] != "functions"}
        assert {".": ctypes.sizeof(struct), **ours} == expected[name], name
