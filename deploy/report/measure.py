"""Everything that the report says, as JSON: sizes, RAM, times, the emulated board, what training recorded."""

from __future__ import annotations

import json
import platform
from collections.abc import Callable
from typing import Any

from bitmar.errors import BitmarError
from bitmar.model_folder import read_model
from deploy.report.board import on_board
from deploy.report.claims import claims
from deploy.report.configurations import CARD, PUBLISHED, ROOT, Standing
from deploy.report.footprint import footprint, installed
from deploy.report.speed import times
from model.word_classes import WordClasses

STATES = ROOT / "benchmarks" / "results" / "memstore.json"  # benchmarks/memstore.py
# beginnings of a tensor's name, with its file's for the words that both ends have
COMPONENTS = {
    "encoder's words": ("text/embedding",),
    "decoder's words and head": ("decoder/embedding", "decoder/class_head"),
    "text encoder": ("text/block_", "text/positions"),
    "vision": ("vision/",),
    "fusion": ("text/fusion_",),
    "memory": ("keys/", "episode/", "memory/"),
    "text decoder": ("decoder/",),
}
STEP = ("attention", "feed_forward")  # matrices of a decoder's block that every token goes through


def measure(standings: list[Standing], board: bool, progress: Callable[[str], None]) -> dict[str, Any]:
    """The report. Args: board: build and run the firmware too; progress: told what is measured next."""
    pythons = installed()
    rows: dict[str, dict[str, Any]] = {}
    for standing in standings:
        rows[standing.name] = sizes(standing) | {"evaluation": evaluation(standing.metrics)}
    for runtime, python in pythons.items():
        for standing in standings:
            progress(f"RAM of {standing.name} in {runtime}")
            rows[standing.name]["ram"][runtime] = footprint(runtime, python, standing.folder)
    progress("times of all models, interleaved")
    timed = times(standings)
    for name, row in rows.items():
        row["ms"], row["class_tokens"] = timed["ms"][name], timed["class_tokens"][name]
    for standing in standings if board else ():
        progress(f"{standing.name} on the emulated Cortex-M7")
        try:
            rows[standing.name]["board"] = on_board(standing.folder)
        except BitmarError as error:
            rows[standing.name]["board"] = {"refused": str(error)}
    report = {"machine": platform.machine(), "isa": timed["isa"], "configurations": rows}
    return report | {"claims": claims(rows)}


def sizes(standing: Standing) -> dict[str, Any]:
    """What a converted model weighs, by its size report, and its memory on the card."""
    model, file = read_model(standing.folder), standing.folder / "report.json"
    try:
        report = json.loads(file.read_bytes())
        tensors, totals = report["tensors"], report["totals"]
        components = {name: 0 for name in COMPONENTS}
        for row in tensors:
            components[component(row["name"])] += row["weights"]
        step = sum(
            row["weights"]
            for row in tensors
            if row["name"].startswith("decoder/block") and set(STEP) & set(row["name"].split("/"))
        )
        found = {
            "parameters": totals["weights"],
            "components": components,
            "weight_bytes": totals["weight_and_scale_bytes"],
            "bits_per_weight": totals["bits_per_weight"],
            "flatbuffer_bytes": totals["flatbuffer_bytes"],
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BitmarError(f"{file}: {error!r}, expected the size report that `pipeline.py convert` writes") from None
    return {
        "weights": standing.weights,
        "published": PUBLISHED[standing.name],
        **found,
        "step": {"head": model.config["text_dim"] * head_rows(model.config), "layers": step},
        "head_rows": head_rows(model.config),
        "words": model.config["vocab_size"],
        "memory_bytes": model.memory_slots * model.episode_dim * (2 if model.slot_dtype == "float16" else 1),
        "window": model.window,
        "state_bytes": state_bytes(standing.name),
        "ram": {},
        "board": None,
    }


def component(tensor: str) -> str:
    """The part of the model that a tensor belongs to."""
    return next(name for name, beginnings in COMPONENTS.items() if tensor.startswith(beginnings))


def head_rows(config: dict[str, Any]) -> int:
    """Rows that the decoder's head multiplies for a token, at most: all words, or shortlist, classes and one class's words."""
    size = config.get("decoder_class_words", 0)
    if not size:
        return config["vocab_size"]
    classes = WordClasses(config["vocab_size"], config["decoder_shortlist"], size)
    return min(classes.vocab_size, classes.shortlist + size) + classes.count


def state_bytes(name: str) -> float | None:
    """Bytes of the card that a state of the memory takes, all copies included; None where it was not counted."""
    if not STATES.exists():
        return None
    return round(CARD / json.loads(STATES.read_text(encoding="utf-8"))["states_on_16_GB"][name], 1)


def evaluation(metrics: dict[str, Any] | None) -> dict[str, Any] | None:
    """What a trained model answers, from its metrics.json; None for what was not recorded."""
    if metrics is None:
        return None

    def found(*keys: str) -> Any:
        value: Any = metrics
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        return value

    held_out, known = ("ways", "16", "held_out_family"), ("ways", "16", "known_other_names")
    unknown = ("unknown", "pictograms")
    return {
        "steps": found("steps"),
        "held_out": [found(*held_out, key) for key in ("slot", "low", "high")],
        "known": [found(*known, key) for key in ("slot", "low", "high")],
        "of_512": [found("many", "512", key) for key in ("slot", "low", "high")],
        "unknown_named": [found(*unknown, key) for key in ("false_naming_at_90", "low", "high")],
        "any_name": found("any_name", "all", "decoded"),
        "any_name_12": found("any_name", "all", "decoded_12"),
        "bits_per_byte": found("text", "bits_per_byte"),
    }
