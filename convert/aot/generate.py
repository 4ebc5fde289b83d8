"""A converted model -> C: bitmar_model.h (sizes and places), bitmar_model.c (the plan), the weights as an assembler file."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np

from bitmar.errors import BitmarError
from bitmar.model_format import FILE, read_description
from bitmar.refusal_format import COHORT_FILE, read_cohort, read_values, squares_of
from bitmar.refusal_format import FILE as REFUSAL_FILE
from convert.aot import graph
from convert.aot.attention_split import split_attentions
from convert.aot.header import model_header
from convert.aot.plan import TILES, Plan, make_plans
from convert.aot.repack import C5_CODE, SEEING_BUDGET, default_budget, repack
from convert.aot.source import flash_data, function, macros, write_changed
from convert.aot.vision.generate import generate_vision
from convert.aot.weights import Weights

GRAPHS = ("encoder", "recall", "decoder")
STREAM = {"decoder": ("context", "latent")}  # inputs that keep their values from a stream's first token to its last
EYE = "bitmar_eye"  # the generated vision network
POOLING = "vision.bin"  # beside vision.tflite: scale and shift (float32 [768] each) of the pooled numbers


def generate(
    model: Path, out: Path, engine: str = "aot", tiles: tuple[int, ...] = TILES, budget: int | None = None
) -> dict:
    """Write the C of `model` (a folder of `pipeline.py convert`) into `out`; returns the report also found in plan.json.

    Deterministic: equal input gives equal bytes, and a file whose content would not change is not touched. With
    engine="tflm" the flatbuffers themselves go into flash. `tiles`: numbers of tokens that may run through a loop together;
    the largest that does not cost RAM is taken. `budget`: bytes of ternary weights up to which faster layouts are taken (0: those
    of the flatbuffers stay; default: less for a small model that sees). BitmarError: files missing or not of this format version.
    """
    description = _description(model)
    loaded = [graph.load(model / f"{name}.tflite", STREAM.get(name, ())) for name in GRAPHS]
    sees, matrices = POOLING in description["files"], []
    if engine == "aot":
        for each in loaded:
            split_attentions(each)
        if budget is None:
            default = default_budget(loaded, sees)
            matrices = repack(loaded, default, C5_CODE if default == SEEING_BUDGET else 0)
        else:
            matrices = repack(loaded, budget)
    plans = {plan.graph.name: plan for plan in make_plans(loaded, tiles)}
    _check_interface(model, plans)
    _check_description(model, description, plans)
    weights, sources = Weights(), []
    for plan in plans.values():
        name = plan.graph.name
        start = f"bm_status bitmar_{name}_start(void)" if name in STREAM else ""
        sources.append(function(plan, weights, f"bm_status bitmar_{name}(void)", start))
    tokenizer = _tokenizer(model)
    refusal, cohort, squares = _refusal(model, description)
    report = _report(model, description, plans, weights, engine)
    report |= {"tokenizer_bytes": len(tokenizer), "cohort_bytes": len(cohort) + len(squares), "matrices": matrices}
    report["layouts"] = sorted({matrix["layout"] for matrix in matrices})  # the kernels that the plan needs
    out.mkdir(parents=True, exist_ok=True)
    if sees:
        _eye(model, out, engine, report)
    header = model_header(description, plans, report, refusal)
    files = {"bitmar_tokenizer.bin": tokenizer, "bitmar_cohort.bin": cohort, "bitmar_cohort_squares.bin": squares}
    files["bitmar_model.h"] = header
    if engine == "aot":
        files["bitmar_weights.bin"] = bytes(weights.block)
        files["bitmar_model.c"] = _source(sources)
        blobs = {"weights": "bitmar_weights.bin", "tokenizer": "bitmar_tokenizer.bin"}
    else:
        for name in GRAPHS:
            files[f"bitmar_{name}.tflite"] = (model / f"{name}.tflite").read_bytes()
        blobs = {name: f"bitmar_{name}.tflite" for name in GRAPHS} | {"tokenizer": "bitmar_tokenizer.bin"}
    if refusal:
        blobs |= {"cohort": "bitmar_cohort.bin", "cohort_squares": "bitmar_cohort_squares.bin"}
    if sees:
        files["bitmar_pooling.bin"] = _pooling(model)
        blobs["pooling"] = "bitmar_pooling.bin"
    files["bitmar_model_data.S"] = flash_data({f"bitmar_{name}": file for name, file in blobs.items()}, files)
    files["plan.json"] = json.dumps(report, indent=2) + "\n"
    for name, content in files.items():  # bitmar_model_data.S after what it includes
        write_changed(out / name, content.encode() if isinstance(content, str) else content)
    for name in {"bitmar_model.c", "bitmar_weights.bin", *(f"bitmar_{g}.tflite" for g in GRAPHS)} - set(files):
        (out / name).unlink(missing_ok=True)  # of the other engine
    if not sees:
        for name in (f"{EYE}.h", f"{EYE}.c", f"{EYE}.bin", f"{EYE}_data.S", "bitmar_pooling.bin"):
            (out / name).unlink(missing_ok=True)  # of another model
    return report


def _eye(model: Path, out: Path, engine: str, report: dict) -> None:
    """The C of the vision network; the aot engine's arena is its arena too, because they never run at the same time."""
    eye = generate_vision(model / "vision.tflite", out, EYE, report["arena_bytes"] if engine == "aot" else 0)
    if eye["picture_side"] != 128 or 4 * eye["map"][2] != 768:
        raise BitmarError(
            f"{model}/vision.tflite: {eye['picture_side']} px, map {eye['map']}; expected 128 px, 192 channels"
        )
    eye["constants_bytes"] += len(_pooling(model))
    report["vision"] = eye
    report["weights_bytes"] += eye["constants_bytes"]
    if engine == "aot":
        for key in ("arena_bytes", "arena_lower_bound"):
            report[key] = max(report[key], eye[key])


def _pooling(model: Path) -> bytes:
    """Scale and shift of the pooled numbers."""
    content = (model / POOLING).read_bytes()
    if len(content) != 2 * 768 * 4:
        raise BitmarError(f"{model / POOLING}: {len(content)} bytes, expected two float32 arrays of 768")
    return content


def _description(model: Path) -> dict:
    description = read_description(model)
    for name in (f"{g}.tflite" for g in GRAPHS):
        if not (model / name).is_file():
            raise BitmarError(f"{model}: {name} is missing, expected a folder written by `pipeline.py convert`")
    return description


def _tokenizer(model: Path) -> bytes:
    """The table, or nothing: sizes can be measured without a vocabulary, and the firmware then refuses texts."""
    path = model / "tokenizer.bin"
    return path.read_bytes() if path.is_file() else b""


def _refusal(model: Path, description: dict) -> tuple[dict | None, bytes, bytes]:
    """refusal.json, cohort.bin, sums of its rows' squares; (None, nothing, nothing): the model names everything."""
    if REFUSAL_FILE not in description["files"]:
        return None, b"", b""
    values = read_values(model / REFUSAL_FILE)
    cohort = read_cohort(model / COHORT_FILE, values["cohort"], description["memory"]["dim"])
    return values, cohort, squares_of(np.frombuffer(cohort, np.int8).reshape(values["cohort"], -1)).tobytes()


def _check_interface(model: Path, plans: dict[str, Plan]) -> None:
    """The graphs fit each other: what one gives is what the next takes."""
    expected = {
        "encoder": ({"tokens", "mask", "vision"}, {"episode", "key", "query", "latent"}),
        "recall": ({"scores", "slots", "mask"}, {"context"}),
        "decoder": ({"token", "position", "slot", "context", "latent"}, {"ids", "logits"}),
    }
    for name, (inputs, outputs) in expected.items():
        found = plans[name].graph
        if set(found.inputs) != inputs or set(found.outputs) != outputs:
            raise BitmarError(
                f"{model}/{name}.tflite: inputs {sorted(found.inputs)}, outputs {sorted(found.outputs)}; "
                f"expected {sorted(inputs)}, {sorted(outputs)}"
            )
    encoder, recall, decoder = (plans[name].graph for name in GRAPHS)
    pairs = [
        ("tokens and mask", encoder.inputs["tokens"].count, encoder.inputs["mask"].count),
        ("episode and slots", encoder.outputs["episode"].count, recall.inputs["slots"].width),
        ("query and key", encoder.outputs["query"].count, encoder.outputs["key"].count),
        ("context of recall and decoder", recall.outputs["context"].count, decoder.inputs["context"].count),
        ("latent of encoder and decoder", encoder.outputs["latent"].count, decoder.inputs["latent"].count),
        ("vision", encoder.inputs["vision"].count, 768),
    ]
    for what, found, expected_count in pairs:
        if found != expected_count:
            raise BitmarError(f"{model}: {what} have {found} and {expected_count} numbers, expected equal sizes")


def _check_description(model: Path, description: dict, plans: dict[str, Plan]) -> None:
    """model.json says the sizes that the graphs have: the firmware is compiled for what it says."""
    encoder, recall, decoder = (plans[name].graph for name in GRAPHS)
    sizes = [
        ("config", "max_seq_len", encoder.inputs["tokens"].count),
        ("memory", "dim", encoder.outputs["episode"].count),
        ("memory", "top_k", recall.inputs["scores"].count),
    ]
    for operator in decoder.operators:
        if operator.kind.startswith("BITMAR_CACHED_ATTENTION"):
            sizes += [("cache", name, operator.options[name]) for name in ("window", "sinks")]
    for section, name, found in sizes:
        if (said := description[section][name]) != found:
            raise BitmarError(f"{model / FILE}: {section}.{name} is {said}, expected {found}, as in the flatbuffers")


def _source(functions: list[str]) -> str:
    head = """/* Generated by convert/aot from the .tflite files; do not edit.
 * The graphs share one arena: they never run at the same time, and only the decoder's caches outlive a call. */
#include "bitmar_model.h"

#include "aot_ops.h"
#include "bitmar_kernels.h"

BITMAR_ARENA _Alignas(16) uint8_t bitmar_arena[BITMAR_ARENA_BYTES];
"""
    return "\n".join([head, macros("bitmar_arena", "bitmar_weights"), "\n\n".join(functions), ""])


def _report(model: Path, description: dict, plans: dict[str, Plan], weights: Weights, engine: str) -> dict:
    digest = hashlib.sha256()
    for name in GRAPHS:
        digest.update((model / f"{name}.tflite").read_bytes())
    return {
        "engine": engine,
        "model": description["name"],
        "model_hash": description["model_hash"],
        "digest": digest.hexdigest()[:16],
        "tile": plans["encoder"].schedule.tile,
        "arena_bytes": max(plan.arena_bytes for plan in plans.values()),
        "arena_lower_bound": max(plan.lower_bound for plan in plans.values()),
        "graphs": {
            name: {
                "operators": len(plan.graph.operators),
                "start_operators": len(plan.schedule.start.operators),
                "arena_bytes": plan.arena_bytes,
                "lower_bound": plan.lower_bound,
                "cache_bytes": sum(t.bytes for t in plan.graph.tensors if t.variable),
                "file_bytes": (model / f"{name}.tflite").stat().st_size,
            }
            for name, plan in plans.items()
        },
        "weights_bytes": len(weights.block),
    }
