"""The published claims, one by one: reached, beaten, or not, and why."""

from __future__ import annotations

from typing import Any

from deploy.report.board import board_ratios
from deploy.report.configurations import CARD
from deploy.report.speed import ACTIONS, ANSWER

OWN_LIMIT = 5_000_000  # bytes of RAM, see docs/report.md
NEAR = 0.02  # what differs by less is the same


def verdict(measured: float, published: float, more_is_better: bool = False) -> str:
    """Of a figure that should be small, or large."""
    ratio = measured / published if more_is_better else published / measured
    return "beaten" if ratio > 1 + NEAR else "reached" if ratio > 1 - NEAR else "not reached"


def claim(said: str, found: str, judged: str, why: str = "") -> dict[str, str]:
    """One row of the report."""
    return {"claim": said, "measured": found, "verdict": judged, "why": why}


def claims(rows: dict[str, dict[str, Any]]) -> list[dict[str, str]]:
    """Args: rows: the report's configurations. Those that compare two of them are left out where one is missing."""
    if not {"tiny_edge", "original", "ultra_tiny"} <= set(rows):
        return []
    found = [memory(rows), parameters(rows), weights(rows)]
    found += [ram(rows, runtime) for runtime in rows["tiny_edge"]["ram"]]
    found += [*speed(rows)]
    return [*found, *history(rows)]


def memory(rows: dict[str, dict[str, Any]]) -> dict[str, str]:
    """262 KB to 4 KB to 2 KB."""
    order = ("original", "tiny_edge", "ultra_tiny")
    same = all(rows[name]["memory_bytes"] == rows[name]["published"]["memory_bytes"] for name in order)
    figures = ", ".join(f"{rows[name]['memory_bytes']:,} B" for name in order)
    return claim(
        "memory 262 KB, 4 KB, 2 KB", figures, "reached" if same else "not reached", "to the byte" if same else ""
    )


def parameters(rows: dict[str, dict[str, Any]]) -> dict[str, str]:
    """64 % fewer parameters."""
    edge, original = rows["tiny_edge"], rows["original"]
    fewer = 1 - edge["parameters"] / original["parameters"]
    words = edge["components"]["encoder's words"] + edge["components"]["decoder's words and head"]
    why = (
        f"{edge['parameters'] / 1e6:.2f} M instead of {original['parameters'] / 1e6:.2f} M; the estimate of 12.5 M is less "
        f"than its two tables of words, {words / 1e6:.2f} M"
    )
    return claim("64 % fewer parameters", f"{100 * fewer:.0f} % fewer", verdict(fewer, 0.64, more_is_better=True), why)


def weights(rows: dict[str, dict[str, Any]]) -> dict[str, str]:
    """9 MB to 3 MB."""
    edge, original = rows["tiny_edge"], rows["original"]
    judged = verdict(edge["weight_bytes"], edge["published"]["weight_bytes"])
    figures = f"{original['weight_bytes'] / 1e6:.2f} MB, {edge['weight_bytes'] / 1e6:.2f} MB"
    why = (
        f"{edge['bits_per_weight']:.2f} bits a weight; with norm gains, graphs and names tiny_edge's flatbuffers without vision "
        f"have {edge['flatbuffer_bytes']:,} B"
    )
    return claim("weights 9 MB, 3 MB", figures, judged, why)


def ram(rows: dict[str, dict[str, Any]], runtime: str) -> dict[str, str]:
    """15 MB to 5 MB, in one runtime of a Pi."""
    edge, original = (rows[name]["ram"][runtime] for name in ("tiny_edge", "original"))
    figures = f"{original['own'] / 1e6:.1f} MB, {edge['own'] / 1e6:.1f} MB"
    why = (
        f"pages of its own; tiny_edge maps {edge['mapped'] / 1e6:.1f} MB of files too, clean pages that the kernel takes back "
        f"where it needs them (its model's {edge['mapped_model'] / 1e6:.1f} MB); peak in all {edge['peak'] / 1e6:.1f} MB"
    )
    return claim(f"RAM 15 MB, 5 MB ({runtime})", figures, verdict(edge["own"], OWN_LIMIT), why)


def speed(rows: dict[str, dict[str, Any]]) -> list[dict[str, str]]:
    """5 to 8 times faster: by what is done, on this machine; by instructions on the board where it ran."""
    edge, original = rows["tiny_edge"], rows["original"]
    ratio = {what: original["ms"][what] / edge["ms"][what] for what in edge["ms"]}
    products = {name: sum(row["step"].values()) for name, row in rows.items()}
    share = edge["step"]["head"] / products["tiny_edge"]
    bound = products["original"] / products["tiny_edge"]
    exact = (
        f"its products allow {bound:.1f}: {products['original'] / 1e6:.1f} M and {products['tiny_edge'] / 1e6:.1f} M; "
        f"{100 * share:.0f} % of tiny_edge's are its head, at most {edge['head_rows']:,} rows for {edge['words']:,} words"
    )
    tokens = {name: ANSWER * row["ms"]["token"] for name, row in rows.items()}
    decoded = tokens["tiny_edge"] / edge["ms"]["ask"]
    rest = (original["ms"]["ask"] - tokens["original"]) / (edge["ms"]["ask"] - tokens["tiny_edge"])
    board = {what: f"; Cortex-M7: {found:.1f} times" for what, found in board_ratios(rows).items()}
    whole = f"windows of {edge['window']} and {original['window']} tokens"
    why = {
        "token": exact + board.get("token", ""),
        "ask": f"{ANSWER} decoded tokens are {decoded:.0%} of tiny_edge's; the rest {rest:.1f} times: neither encodes padding"
        + board.get("ask", ""),
        "teach": "a short name, encoded with the picture and alone, and read back: neither encodes padding",
        "encode_whole_text": whole,
        "answer_of_a_window": whole,
    }
    return [
        claim(
            f"5 to 8 times faster: {ACTIONS[what]}", f"{ratio[what]:.1f} times", verdict_of_speed(ratio[what]), reason
        )
        for what, reason in why.items()
    ]


def verdict_of_speed(ratio: float) -> str:
    """5 to 8 times was published."""
    return "beaten" if ratio > 8 else "reached" if ratio >= 5 else "not reached"


def history(rows: dict[str, dict[str, Any]]) -> list[dict[str, str]]:
    """4 million states on a card of 16 GB."""
    state = rows["tiny_edge"]["state_bytes"]
    if not state:
        return []
    states = CARD / state
    why = f"{state:,.0f} B a state, both copies, keyframes and margins included"
    found = f"{states / 1e6:.1f} million (tiny_edge)"
    return [claim("a 16 GB card holds 4 million states", found, verdict(states, 4e6, more_is_better=True), why)]
