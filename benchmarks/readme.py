#!/usr/bin/env python3
"""Write the numbers of the pages (see PAGES) from benchmarks/results/*.json and the shipped model; --check fails if they differ.

    python benchmarks/readme.py [--check]

README has what the thing does for a person, the page all of it. Each section stands only if its result file exists;
benchmarks/run_all.py makes them all.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
BEGIN, END = "<!-- numbers: begin (python benchmarks/readme.py) -->", "<!-- numbers: end -->"


def result(name: str) -> dict[str, Any] | None:
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def shipped() -> dict[str, Any]:
    """Figures of the shipped model; `pipeline.py eval --run models/ultra_tiny --model models/ultra_tiny` repeats it."""
    return json.loads((ROOT / "models" / "ultra_tiny" / "metrics.json").read_text(encoding="utf-8"))


def accuracy() -> list[str]:
    """From the evaluation of the shipped model."""
    evaluation = shipped()
    lines = [
        f"The shipped model (ultra_tiny, {evaluation['steps']:,} steps of training), its flatbuffers in the Pi's runtime: 2,000",
        "questions each. One drawing is taught, another artist's is asked. In brackets: 95 % intervals by bootstrap over things.",
        "",
        "| | slot found | answered exactly | closed-form LDA | nearest neighbour on the raw features | chance |",
        "|---|---|---|---|---|---|",
    ]
    for ways in ("8", "16"):
        for group, words in WAYS.items():
            row = evaluation["ways"][ways][group]
            shares = " | ".join(f"{share:.3f}" for share in (row["exact"], row["lda"], row["nearest"], 1 / int(ways)))
            lines.append(f"| {ways}-way, {words} | {with_interval(row)} | {shares} |")
    found = ", ".join(f"{row['slot']:.3f} of {k}" for k, row in evaluation["many"].items() if row["slot"] is not None)
    lines += ["", f"Slot found among more things, known and new ones together: {found}.", ""]
    lines += [
        "| names never trained on | decoded exactly | of at most 12 tokens | at the first try | in layers | answered exactly |"
    ]
    lines += ["|---|---|---|---|---|---|"]
    for kind, row in evaluation["any_name"].items():
        short = "" if row["decoded_12"] is None else f"{row['decoded_12']:.3f}"
        shares = f"{row['decoded']:.3f} | {short} | {row['first']:.3f} | {row['layered']:.3f} | {row['answered']:.3f}"
        lines.append(f"| {kind.replace('_', ' ')} ({row['n']}) | {shares} |")
    lines += ["", "| things that were not taught | named where 90 % of the taught ones are | AUROC |", "|---|---|---|"]
    for kind, row in evaluation["unknown"].items():
        if row["n"]:
            named = f"{row['false_naming_at_90']:.3f} {interval(row)}"
            lines.append(f"| {kind.replace('_', ' ')} | {named} | {row['auroc']:.3f} |")
    life = evaluation["life"]
    lines += ["", "25 lives of 200 teachings of 24 things into 16 slots:"]
    lines += [f"{life['latest_kept']:.3f} of the latest 16 kept, {life['right']:.3f} of what is there answered right."]
    return [*lines, ""]


def with_interval(row: dict[str, Any]) -> str:
    return f"**{row['slot']:.3f}** {interval(row)}"


def interval(row: dict[str, Any]) -> str:
    return f"({row['low']:.3f} to {row['high']:.3f})"


def sizes() -> list[str]:
    """benchmarks/sizes.py"""
    table = result("sizes")
    if not table:
        return []
    lines = ["| | weights | published | packed, with scales | bits a weight | as float32 | memory on the card |"]
    lines += ["|---|---|---|---|---|---|---|"]
    for name, row in table.items():
        lines.append(
            f"| {name.removeprefix('bitmar_')} | {row['parameters'] / 1e6:.2f} M | {row['published_parameters_millions']:g} M "
            f"| {row['weight_and_scale_bytes']:,} B | {row['bits_per_weight']:.2f} | {row['float32_bytes'] / 1e6:.1f} MB "
            f"| {row['memory_slots_bytes']:,} B |"
        )
    return [*lines, ""]


def kernels() -> list[str]:
    """benchmarks/kernels.py"""
    table = result("kernels")
    if not table:
        return []
    shapes = [(512, 128), (128, 512), (4096, 128)]
    found = {(r["target"], r["isa"], r["layout"], r["rows"], r["cols"]): r["per_mac"] for r in table["rows"]}
    lines = [
        "Instructions per multiply-accumulate of a ternary layer, quantisation and scaling included (counted, not timed):",
        "",
    ]
    lines += ["| | layout | 128 to 512 | 512 to 128 | 128 to 4,096 |", "|---|---|---|---|---|"]
    for target, isa in dict.fromkeys((r["target"], r["isa"]) for r in table["rows"] if r["isa"] != "portable"):
        for layout in ("b3", "rm2"):
            values = [found.get((target, isa, layout, *shape)) for shape in shapes]
            if all(values):
                lines.append(f"| {target}, {isa} | {layout} | " + " | ".join(f"{v:.2f}" for v in values) + " |")
    return [*lines, ""]


def host() -> list[str]:
    """benchmarks/host_kernels.py and benchmarks/model.py: times, on one machine."""
    kernels, models, lines = result("host_kernels"), result("model"), []
    if kernels:
        lines += [
            f"One thread of an {kernels['processor']}: a matrix times a vector, microseconds (median; quartiles), interleaved:",
            "",
            f"| | {' | '.join(kernels['shapes'])} |",
            "|---" * (len(kernels["shapes"]) + 1) + "|",
        ]
        for name in next(iter(kernels["shapes"].values())):
            cells = (quartiles(times[name]) for times in kernels["shapes"].values())
            lines.append(f"| {name} | {' | '.join(cells)} |")
        lines.append("")
    if models:
        names = [name.removeprefix("bitmar_") for name in models["models"]]
        lines += [
            "A decoder step in ai-edge-litert, Python included, microseconds, beside the same model in builtin ops with XNNPACK:",
            "",
            f"| | {' | '.join(names)} | decoder's file |",
            "|---" * (len(names) + 2) + "|",
        ]
        for form in next(iter(models["models"].values()))["step_us"]:
            found = list(models["models"].values())
            sizes = [f"{model['decoder_bytes'][form]:,} B" for model in found if form in model["decoder_bytes"]]
            cells = (quartiles(model["step_us"][form]) for model in found)
            lines.append(f"| {form} | {' | '.join(cells)} | {', '.join(sizes)} |")
        lines.append("")
    return lines


def quartiles(times: dict[str, float]) -> str:
    return f"{times['median']:.1f} ({times['q1']:.1f} to {times['q3']:.1f})"


def microcontroller() -> list[str]:
    """benchmarks/mcu.py"""
    table = result("mcu")
    if not table:
        return []
    lines = [
        "On the emulated Cortex-M7 (instructions are exact counts, not cycles; RAM is everything: arena, stack, hot slots, index,"
    ]
    lines += [
        "console):",
        "",
        "| | engine | weights in flash | code | RAM | a recall | a token |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in table:
        counts = row["instructions"]
        for engine in ("aot", "tflm"):
            fit, aot = row[engine], engine == "aot"
            recall = f"{(counts['memory'] + counts['recall']) / 1e3:.0f} k instructions" if aot else ""
            token = f"{counts['per_token'] / 1e6:.2f} M instructions" if aot else ""
            name = row["model"].removeprefix("bitmar_")
            sizes = f"{fit['flash_weights']:,} B | {fit['flash_code'] / 1000:.0f} KB | {fit['ram_total'] / 1000:.0f} KB"
            lines.append(f"| {name} | {engine} | {sizes} | {recall} | {token} |")
    return [
        *lines,
        "",
        "The `tflm` rows: arena of a 64-bit host by bisection, an upper bound for the board; code from a linked firmware.",
        "",
    ]


def running_text() -> list[str]:
    """benchmarks/text.py"""
    found = result("text")
    if not found:
        return []
    config, window = found["config"].removeprefix("bitmar_"), found["ternary"]["window"]
    lines = [
        f"Running text that was never trained on, in windows of {window} tokens, after {found['steps']:,} steps of {config},",
        "and of the same model trained alike with nothing rounded. 95 % intervals by bootstrap over stretches of it.",
        "",
        "| | bits per byte | on streams eight windows long |",
        "|---|---|---|",
    ]
    for name in ("ternary", "float"):
        row = found[name]
        lines.append(
            f"| {name} | {row['bits_per_byte']:.3f} {interval(row)} | {row['stream']['ratio']:.3f} times that |"
        )
    ratio = found["ternary_over_float"]
    return [*lines, f"| ternary / float | {ratio['ratio']:.3f} {interval(ratio)} | |", ""]


def memory() -> list[str]:
    """benchmarks/memstore.py"""
    table = result("memstore")
    if not table:
        return []
    lines = [
        "What one durable 256-byte episode costs on the same simulated card:",
        "",
        "| | sectors | barriers |",
        "|---|---|---|",
    ]
    for name, row in table["commit"].items():
        lines.append(f"| {name} | {row['sectors']:g} | {row['barriers']:g} |")
    return [*lines, ""]


def person() -> list[str]:
    """README's one table: what it does for the one who has it."""
    evaluation, table, mcu, store = shipped(), result("sizes"), result("mcu"), result("memstore")
    rows = []
    row = evaluation["ways"]["16"]["held_out_family"]
    what = f"finds the right one of 16 taught things, never trained on (plain nearest neighbour: {row['nearest']:.3f})"
    rows.append((what, with_interval(row)))
    row = evaluation["photos"]["camera_camera"]
    what = f"the same of photographed things, each in front of two backgrounds (plain nearest neighbour: {row['nearest']:.3f})"
    rows.append((what, with_interval(row)))
    names = evaluation["any_name"]["all"]
    what = "any name that people write comes back exactly, decoded from 128 numbers (else from its label)"
    rows.append((what, f"{names['decoded']:.3f} (of at most 12 tokens {names['decoded_12']:.3f})"))
    row = evaluation["unknown"]["pictograms"]
    what = "things that it was not taught get a name, where 90 % of the taught ones do"
    rows.append((what, f"{row['false_naming_at_90']:.3f} ({row['low']:.3f} to {row['high']:.3f})"))
    if table:
        row = table["bitmar_ultra_tiny"]
        packed = f"{row['weight_and_scale_bytes'] / 1000:.0f} KB for {row['parameters'] / 1e6:.2f} M weights"
        rows.append(("weights", f"{packed}, {row['bits_per_weight']:.2f} bits each"))
        rows.append(("memory of 16 things on the card", f"{table['bitmar_tiny_edge']['memory_slots_bytes']:,} bytes"))
    if mcu:
        row = mcu[0]
        ram, token = row["aot"]["ram_total"] / 1000, row["instructions"]["per_token"] / 1e6
        arena = row["aot"]["ram"]["arena"] / 1000
        what = f"RAM on a Cortex-M7, everything included (an arena of {arena:.0f} KB serves all graphs in turn)"
        rows.append((what, f"{ram:.0f} KB"))
        rows.append(("instructions a token on a Cortex-M7", f"{token:.2f} M"))
    if store:
        row = store["commit"]["memstore on FatFs"]
        cost = f"{row['sectors']:g} sectors, {row['barriers']:g} barrier{'s' * (row['barriers'] != 1)}"
        rows.append(("what it costs that a taught thing survives any power cut", cost))
    return ["| | |", "|---|---|", *(f"| {what} | {value} |" for what, value in rows)]


def published() -> list[str]:
    """pipeline.py report: README's part of it, one runtime's RAM."""
    report = result("report")
    if not report:
        return []
    rows = [row for row in report["claims"] if "tflite-runtime" not in row["claim"]]
    table = [f"| {row['claim']} | {row['measured']} | {row['verdict']} |" for row in rows]
    return ["", "| published for original and tiny_edge | measured | |", "|---|---|---|", *table]


def firmware() -> list[str]:
    """benchmarks/mcu.py, row by row"""
    from mcu import lines

    rows = result("mcu")
    return lines(rows).splitlines() if rows else []


WAYS = {  # rows of a report
    "known_other_names": "known things under other names",
    "held_out_family": "things never trained on",
    "line_art": "never trained on, asked in line art",
}
SECTIONS = [accuracy, running_text, sizes, microcontroller, kernels, host, memory]
PAGES = {
    ROOT / "README.md": [person, published],
    ROOT / "docs" / "numbers.md": SECTIONS,
    ROOT / "docs" / "microcontroller.md": [firmware],
}


def updated(text: str, sections: list[Any]) -> str:
    """The page with its numbers made anew."""
    head, rest = text.split(BEGIN)
    numbers = "\n".join(line for section in sections for line in section()).strip()
    return f"{head}{BEGIN}\n{numbers}\n{END}{rest.split(END)[1]}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="exit 1 if a page is not up to date")
    args = parser.parse_args()
    for page, sections in PAGES.items():
        text = page.read_text(encoding="utf-8")
        new = updated(text, sections)
        if args.check and new != text:
            name = page.relative_to(ROOT)
            print(f"error: {name}: numbers differ from benchmarks/results: run {Path(__file__).name}", file=sys.stderr)
            return 1
        page.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
