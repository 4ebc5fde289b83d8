#!/usr/bin/env python3
"""Sizes and instruction counts of the tokenizer, as docs/tokenizer.md quotes them.

    python benchmarks/tokenizer.py

Prints a table and writes benchmarks/results/tokenizer.json. Needs gcc, arm-none-eabi-gcc and valgrind; downloads GPT-2's
vocabulary once. Instruction counts are callgrind's on x86-64: exact for one compiler, whatever else the machine does.
"""

from __future__ import annotations

import json
import random
import re
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from convert.tokenizer_table import write_table  # noqa: E402
from tests.tokenizer import vocabularies  # noqa: E402
from tests.tokenizer.build_c import FLAGS, INCLUDES, SOURCES, build  # noqa: E402

CORTEX_M7 = ["-mcpu=cortex-m7", "-mfpu=fpv5-d16", "-mfloat-abi=hard", "-mthumb"]
NAMES = ["a red strawberry with green leaves", "the house of the rising sun", "flying saucer", "crème brûlée", "🍓 3/4"]
TEXTS = 200


def run(command: list[str]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def cortex_m7_sizes(folder: Path) -> dict[str, int]:
    """Bytes of flash: code with constants in all, and the object with the Unicode ranges alone."""
    sizes = {}
    for source in SOURCES:
        target = str(folder / f"{source.stem}.o")
        run(["arm-none-eabi-gcc", *CORTEX_M7, *FLAGS, *INCLUDES, "-c", str(source), "-o", target])
        text, data, bss = map(int, run(["arm-none-eabi-size", target]).splitlines()[1].split()[:3])
        assert data == bss == 0, f"{source.name} takes RAM"
        sizes[source.stem] = text
    return {"flash": sum(sizes.values()), "flash_unicode": sizes["bpe_class"], "ram_globals": 0}


def instructions(program: Path, table: Path, cases: Path, function: str, folder: Path) -> int:
    """Instructions inside one function and what it calls."""
    out = folder / "callgrind.out"
    valgrind = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", f"--toggle-collect={function}"]
    run([*valgrind, str(program), str(table), str(cases), "once"])
    return int(re.search(r"^(?:totals|summary): (\d+)", out.read_text(), re.MULTILINE)[1])


def measure(name: str, folder: Path, program: Path) -> dict[str, float]:
    tokenizer = vocabularies.trained(1024) if name == "bpe-1024" else vocabularies.gpt2()
    special = (0, 1, 2) if name == "bpe-1024" else (vocabularies.GPT2_END,) * 3
    table = folder / f"{name}.bin"
    tokenizer.save(str(folder / f"{name}.json"))
    size = write_table(folder / f"{name}.json", table, *special)
    rng = random.Random(1)
    texts = [rng.choice(NAMES).encode() for _ in range(TEXTS)]
    cases = folder / "cases"
    cases.write_bytes(b"".join(struct.pack("<I", len(text)) + text for text in texts))
    encode = instructions(program, table, cases, "bpe_encode", folder)
    tokens = sum(len(tokenizer.encode(text.decode()).ids) for text in texts)
    return {
        "table_bytes": size,
        "entries": tokenizer.get_vocab_size(),
        "bytes_per_entry": round(size / tokenizer.get_vocab_size(), 1),
        "open_instructions": instructions(program, table, cases, "bpe_open", folder),
        "encode_instructions_per_byte": round(encode / sum(map(len, texts))),
        "decode_instructions_per_token": round(instructions(program, table, cases, "bpe_decode", folder) / tokens),
    }


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        program = build(["gcc"], folder / "run_cases", ROOT / "tests" / "tokenizer" / "run_cases.c")
        results = {vocabulary: measure(vocabulary, folder, program) for vocabulary in ("bpe-1024", "gpt2")}
        results["cortex_m7"] = cortex_m7_sizes(folder)
    for part, numbers in results.items():
        for key, value in numbers.items():
            print(f"{part:10} {key:32} {value:>12,}")
    out = ROOT / "benchmarks" / "results" / "tokenizer.json"
    out.parent.mkdir(exist_ok=True)
    out.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
