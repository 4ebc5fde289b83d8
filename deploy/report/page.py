"""docs/report.md from the report's JSON, and nothing else."""

from __future__ import annotations

from typing import Any

from deploy.report.board import board_ratios, question
from deploy.report.speed import ACTIONS, ANSWER

HEAD = """# Report: what was published, what is measured

Written by `pipeline.py report` (`make report`) from the models that the first row names; every figure stands in
`benchmarks/results/report.json` too. Sizes and RAM do not depend on the weights' values, nor does speed where the head
compares all words. One with classes of words takes longest for a word of a class: below stand the share of such tokens and
what a token takes at most. What depends on training is `-` without.
"""
RAM_NOTE = """RAM of a fresh process that teaches and asks from 768 numbers, above Python, NumPy, Pillow and the runtime.
Own: pages that only the process has. Mapped: clean pages of files (flatbuffers, tokenizer, code), which the kernel
takes back where it needs them.
"""
SPEED_NOTE = """Median CPU time of one thread, Python included, all models in one run, interleaved. A question encodes a
picture, searches the memory, reads a slot out and decodes {answer} tokens; a lesson encodes a name with and without
the picture, reads it back and writes it.
"""
BOARD_NOTE = """The emulated board gets pictures as 768 numbers: no eye. Instructions are exact counts, not cycles; RAM is
everything in the firmware. A question as above, from its parts; a lesson was counted whole where its name came back at
the first try.
"""
MISSING = "-"
BOARD = {"token": "instructions: a token", "ask": "instructions: a question"}


def page(report: dict[str, Any]) -> str:
    """The whole page."""
    rows = report["configurations"]
    machine = f"{report['machine']}, {report['isa']}"
    parts = [
        HEAD,
        table(rows, [("weights", lambda row: row["weights"])]),
        "## The claims\n",
        claims_table(report["claims"]),
        "## Sizes\n",
        table(rows, size_rows(rows)),
        "![Weights by component](report/parameters.png)\n",
        "## RAM on a Pi's runtime\n",
        RAM_NOTE,
        table(rows, ram_rows(rows)),
        "![RAM](report/ram.png)\n",
        f"## Speed ({machine})\n",
        SPEED_NOTE.format(answer=ANSWER),
        table(rows, speed_rows(), ratios=speed_ratios(rows)),
        "![Speed-ups](report/speed.png)\n",
        "## Cortex-M7\n",
        BOARD_NOTE,
        table(rows, board_rows(), ratios={BOARD[what]: f"{found:.2f}" for what, found in board_ratios(rows).items()}),
        *refusals(rows),
        "## What it answers\n",
        table(rows, answer_rows()),
    ]
    return "\n".join(parts)


def table(rows: dict[str, Any], lines: list[tuple[str, Any]], ratios: dict[str, str] | None = None) -> str:
    """A Markdown table: a column a configuration; `ratios`: one more, by line."""
    head = ["", *rows, *(["original / tiny_edge"] if ratios else [])]
    made = [f"| {' | '.join(head)} |", "|---" + "|---:" * (len(head) - 1) + "|"]
    for name, get in lines:
        cells = [str(shown(get, row)) for row in rows.values()] + ([ratios.get(name, MISSING)] if ratios else [])
        made.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(made) + "\n"


def shown(get: Any, row: dict[str, Any]) -> str:
    """A cell; what is not there is MISSING."""
    try:
        value = get(row)
    except (KeyError, TypeError):
        return MISSING
    return MISSING if value is None else str(value)


def claims_table(found: list[dict[str, str]]) -> str:
    """Claim by claim."""
    lines = ["| published | measured | | why |", "|---|---|---|---|"]
    lines += [f"| {row['claim']} | {row['measured']} | **{row['verdict']}** | {row['why']} |" for row in found]
    return "\n".join(lines) + "\n"


def size_rows(rows: dict[str, Any]) -> list[tuple[str, Any]]:
    """Parameters by component, bytes."""
    components = next(iter(rows.values()))["components"]
    return [
        ("parameters, published", lambda row: f"{row['published']['parameters'] / 1e6:g} M"),
        ("ternary weights", lambda row: f"**{row['parameters']:,}**"),
        *((f"of it {name}", lambda row, name=name: f"{row['components'][name]:,}") for name in components),
        ("weights and scales, published", lambda row: f"{row['published']['weight_bytes']:,} B"),
        ("weights and scales, packed", lambda row: f"**{row['weight_bytes']:,} B**"),
        ("bits a weight", lambda row: f"{row['bits_per_weight']:.3f}"),
        ("flatbuffers without vision", lambda row: f"{row['flatbuffer_bytes']:,} B"),
        ("memory file, published", lambda row: f"{row['published']['memory_bytes']:,} B"),
        ("memory file", lambda row: f"**{row['memory_bytes']:,} B**"),
        ("a state of the history on the card", lambda row: f"{row['state_bytes']:,.0f} B"),
    ]


def ram_rows(rows: dict[str, Any]) -> list[tuple[str, Any]]:
    """RAM by runtime and kind."""
    found: list[tuple[str, Any]] = [("published", lambda row: megabytes(row["published"]["ram_bytes"]))]
    kinds = {
        "own": "own pages",
        "own_python": "of them Python modules",
        "own_opened": "of them the opened model: repacked matrices, tensors, memory",
        "own_asked": "of them teaching and asking",
        "mapped": "mapped, clean",
        "mapped_model": "of them the model's files",
        "peak": "peak in all",
    }
    for runtime in next(iter(rows.values()))["ram"]:
        for key, said in kinds.items():
            name = f"{runtime}: {said}" if key in ("own", "mapped", "peak") else said
            found.append((name, lambda row, runtime=runtime, key=key: megabytes(row["ram"][runtime][key])))
    return found


def megabytes(count: float | None) -> str:
    """Bytes as MB."""
    return MISSING if count is None else f"{count / 1e6:.2f} MB"


def speed_rows() -> list[tuple[str, Any]]:
    """Milliseconds."""
    timed = ((said, lambda row, key=key: f"{row['ms'][key]:.3f} ms") for key, said in ACTIONS.items())
    window = ("window, tokens", lambda row: row["window"])
    return [*timed, window, ("tokens of a class of words", lambda row: class_share(row["class_tokens"]))]


def class_share(share: float | None) -> str | None:
    """Of the tokens that were timed."""
    return None if share is None else f"{share:.0%}"


def speed_ratios(rows: dict[str, Any]) -> dict[str, str]:
    """How much faster tiny_edge is than the original, by line."""
    if not {"tiny_edge", "original"} <= set(rows):
        return {}
    return {said: f"{rows['original']['ms'][key] / rows['tiny_edge']['ms'][key]:.2f}" for key, said in ACTIONS.items()}


def board_rows() -> list[tuple[str, Any]]:
    """Instructions and RAM of the firmware."""

    def count(*names: str) -> Any:
        return lambda row: f"{sum(row['board']['instructions'][name] for name in names):,}"

    def lesson(row: dict[str, Any]) -> str | None:
        counts = row["board"]["instructions"]
        return f"{counts['teach']:,}" if counts["teach_tries"] == 1 else None

    def ram(name: str) -> Any:
        return lambda row: f"{row['board']['ram'][name]:,} B"

    def rest(row: dict[str, Any]) -> str:
        board = row["board"]
        return f"{board['ram_total'] - board['ram']['arena'] - board['ram']['stack']:,} B"

    return [
        (BOARD["token"], count("per_token")),
        ("instructions: a token, at most", count("most_per_token")),
        (BOARD["ask"], lambda row: f"{question(row['board']):,}"),
        ("of it encoding the picture", count("encode")),
        ("of it the memory and its read-out", count("memory", "recall")),
        ("of it beginning the answer", count("start")),
        ("instructions: a lesson", lesson),
        ("RAM in all", lambda row: f"**{row['board']['ram_total']:,} B**"),
        ("of it the arena", ram("arena")),
        ("of it the stack", ram("stack")),
        ("of it everything else", rest),
        ("stack in use at most", lambda row: f"{row['board']['stack_used']:,} B"),
        ("flash: weights", lambda row: f"{row['board']['flash_weights']:,} B"),
    ]


def refusals(rows: dict[str, Any]) -> list[str]:
    """Why a configuration has no figures of the board."""
    return [
        f"{name}: {row['board']['refused']}.\n"
        for name, row in rows.items()
        if row["board"] and "refused" in row["board"]
    ]


def answer_rows() -> list[tuple[str, Any]]:
    """From metrics.json of the trained models."""

    def with_interval(key: str) -> Any:
        def get(row: dict[str, Any]) -> str | None:
            share, low, high = row["evaluation"][key]
            if share is None:
                return None
            return f"{share:.3f}" if low is None else f"{share:.3f} ({low:.3f} to {high:.3f})"

        return get

    def share(key: str) -> Any:
        def get(row: dict[str, Any]) -> str | None:
            value = row["evaluation"][key]
            return None if value is None else f"{value:.3f}"

        return get

    return [
        ("steps of training", lambda row: f"{row['evaluation']['steps']:,}"),
        ("finds the right one of 16 things, never trained on", with_interval("held_out")),
        ("the same, known things under other names", with_interval("known")),
        ("finds the right one of 512", with_interval("of_512")),
        ("things not taught get a name, where 90 % of the taught do", with_interval("unknown_named")),
        ("any name decoded exactly", share("any_name")),
        ("the same, of at most 12 tokens", share("any_name_12")),
        ("text, bits per byte", share("bits_per_byte")),
    ]
