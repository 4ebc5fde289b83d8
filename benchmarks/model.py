#!/usr/bin/env python3
"""A decoder step and the answers of the ternary model beside the same model in builtin ops, one thread, in one process.

    python benchmarks/model.py [--rounds N]

The shipped ultra_tiny and an untrained tiny_edge; each as converted, and with int8, int4 and int2 weights (`convert --stock`)
in ai-edge-litert with XNNPACK. Streams of 64 tokens, interleaved; medians and quartiles of the thread's CPU time for one step,
Python included; beside them, as a bound, the matrices of a step alone in full int8, without norms, attention and top-k. Answers:
pictures of the test fixture taught and asked, the whole way in either form. Writes benchmarks/results/model.json.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from benchmarks.host_kernels import matrices  # noqa: E402
from bitmar.decoding import NEVER, GreedyDecoder  # noqa: E402
from bitmar.engine import Engine, Picture, cache_slot  # noqa: E402
from bitmar.model_folder import read_model  # noqa: E402
from bitmar.native import library  # noqa: E402
from bitmar.runtime import Graph  # noqa: E402
from bitmar.tokenizer import Tokenizer  # noqa: E402
from convert.converter import convert  # noqa: E402
from convert.graphs import decoder  # noqa: E402
from convert.origin import trained, untrained  # noqa: E402
from convert.reader import read, ternary_matrices  # noqa: E402
from convert.stock import KINDS, convert_stock, functions, narrowed, stock_graphs  # noqa: E402
from tests.bitmar.things import things  # noqa: E402

SHIPPED = ROOT / "models" / "ultra_tiny"
TOKENS = 64
PICTURES = 40
BOS = 1
ONCE = {
    "expand",
    "from_context",
    "from_latent",
    "condition",
}  # matrices that bitmar.decoding multiplies with once a stream


class StockGraph:
    """A graph of builtin ops in ai-edge-litert as it comes: with XNNPACK."""

    def __init__(self, blob: bytes) -> None:
        self.interpreter = Interpreter(model_content=blob, num_threads=1)
        self.interpreter.allocate_tensors()
        self.signature = next(iter(self.interpreter._get_full_signature_list().values()))

    def set(self, **values: np.ndarray) -> None:
        for name, value in values.items():
            self.interpreter.set_tensor(self.signature["inputs"][name], value)

    def get(self, name: str) -> np.ndarray:
        return self.interpreter.get_tensor(self.signature["outputs"][name])

    def run(self, **values: np.ndarray) -> dict[str, np.ndarray]:
        self.set(**values)
        self.interpreter.invoke()
        return {name: self.get(name) for name in self.signature["outputs"]}

    def stream(self, context: np.ndarray, latent: np.ndarray, count: int, about: Any, eos: int = NEVER) -> list[int]:
        """Greedy tokens, as bitmar.decoding has them."""
        token, tokens = about.bos, []
        self.set(context=context, latent=latent)
        for position in range(count):
            slot = cache_slot(position, about.window, about.sinks)
            at = {"token": token, "position": position, "slot": slot}
            self.set(**{name: np.array([value], np.int32) for name, value in at.items()})
            self.interpreter.invoke()
            token = int(self.get("ids")[0])
            if token == eos:
                break
            tokens.append(token)
        return tokens


def interleaved(actions: dict[str, Callable[[], object]], rounds: int, steps: int) -> dict[str, dict[str, float]]:
    """Quartiles of the microseconds for one of an action's `steps`."""
    times: dict[str, list[float]] = {name: [] for name in actions}
    for _ in range(rounds):
        for name, action in actions.items():
            start = time.thread_time_ns()
            action()
            times[name].append((time.thread_time_ns() - start) / 1000 / steps)
    return {
        name: dict(zip(("q1", "median", "q3"), np.percentile(values, (25, 50, 75)).round(2).tolist(), strict=True))
        for name, values in times.items()
    }


def decoder_steps(model: Any, folder: Path, rounds: int) -> dict[str, Any]:
    """Microseconds of a step, and bytes of the decoder, by form."""
    c = model.config
    about = SimpleNamespace(bos=BOS, window=c.max_seq_len, sinks=c.attention_sinks)
    file = folder / f"{c.name}.tflite"
    file.write_bytes(convert(decoder(model)))
    ours = GreedyDecoder(Graph(file), about)
    int8 = convert_stock(decoder(model, functions))
    blobs = {kind: narrowed(int8, kind, "decoder") for kind in KINDS}
    stock = {kind: StockGraph(blob) for kind, blob in blobs.items()}
    rng = np.random.default_rng(3)
    read_whole = [
        m
        for m in ternary_matrices(read(file))
        if not m.name.endswith("/positions") and not ONCE & set(m.name.split("/"))
    ]
    of_a_step = [m.codes for m in read_whole]  # the head is the embedding's table
    alone = Interpreter(model_content=matrices(of_a_step, "int8"), num_threads=1)
    alone.allocate_tensors()
    context = rng.normal(size=(1, c.episode_dim)).astype(np.float32)
    latent = rng.normal(size=(1, c.vision_latent_size)).astype(np.float32)

    def invoke(interpreter: Interpreter) -> None:
        for _ in range(TOKENS):
            interpreter.invoke()

    actions: dict[str, Callable[[], object]] = {"bitmar": lambda: ours.tokens(context, latent, TOKENS, NEVER)}
    for kind, graph in stock.items():
        actions[f"builtin {kind}"] = lambda graph=graph: graph.stream(context, latent, TOKENS, about)
        actions[f"builtin {kind}, invoke alone"] = lambda graph=graph: invoke(graph.interpreter)
    actions["XNNPACK int8, a step's matrices alone"] = lambda: invoke(alone)
    sizes = {"bitmar": file.stat().st_size} | {f"builtin {kind}": len(blob) for kind, blob in blobs.items()}
    return {"step_us": interleaved(actions, rounds, TOKENS), "decoder_bytes": sizes}


def answers(model: Any) -> dict[str, dict[str, int]]:
    """Of PICTURES names: how many come back exactly, and how many answers are those of the ternary model."""
    engine = Engine(read_model(SHIPPED))
    about, tokenizer = engine.model, Tokenizer(SHIPPED / "tokenizer.bin", library.load())
    graphs = {kind: {name: StockGraph(blob) for name, blob in stock_graphs(model, kind).items()} for kind in KINDS}
    mask = (np.arange(about.top_k) == 0).astype(np.int32)
    found: dict[str, list[str]] = {"bitmar": [], **{f"builtin {kind}": [] for kind in KINDS}}
    names = []
    for thing in things(PICTURES):
        told, names = tokenizer.encode(thing.name), [*names, thing.name]
        taught, asked = engine.encode(told, Picture(*thing.taught)), engine.encode([], Picture(*thing.asked))
        slots = np.repeat(taught.episode, about.top_k, axis=0)
        context = engine.recall(mask.astype(np.float32), slots, mask)
        found["bitmar"].append(tokenizer.decode(engine.answer(context, asked.latent)))
        for kind, graph in graphs.items():
            ids, used = np.full(about.max_tokens, about.pad, np.int32), np.zeros(about.max_tokens, np.int32)
            ids[: len(told)], used[: len(told)] = told, 1
            encode = graph["encoder.tflite"].run
            episode = encode(tokens=ids, mask=used, vision=Picture(*thing.taught).features())["episode"]
            latent = encode(tokens=ids, mask=0 * used, vision=Picture(*thing.asked).features())["latent"]
            slots = np.repeat(episode, about.top_k, axis=0)
            context = graph["recall.tflite"].run(scores=mask.astype(np.float32), slots=slots, mask=mask)["context"]
            tokens = graph["decoder.tflite"].stream(context, latent, about.max_tokens, about, about.eos)
            found[f"builtin {kind}"].append(tokenizer.decode(tokens))
    return {
        form: {
            "of": len(names),
            "exact": sum(a == b for a, b in zip(texts, names, strict=True)),
            "as_bitmar": sum(a == b for a, b in zip(texts, found["bitmar"], strict=True)),
        }
        for form, texts in found.items()
    }


def table(results: dict[str, Any]) -> str:
    forms = list(next(iter(results["models"].values()))["step_us"])
    lines = [["a step, microseconds (quartiles)", *results["models"]], ["---"] * (len(results["models"]) + 1)]
    for form in forms:
        cells = [model["step_us"][form] for model in results["models"].values()]
        lines.append([form, *(f"{t['median']:.1f} ({t['q1']:.1f}-{t['q3']:.1f})" for t in cells)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=60)
    rounds = parser.parse_args().rounds
    shipped = trained(SHIPPED, ROOT / "data").model
    edge = untrained(ROOT / "configs" / "bitmar_tiny_edge.yaml", ROOT / "data").model
    results: dict[str, Any] = {"isa": library.load().bm_isa().decode(), "models": {}}
    with tempfile.TemporaryDirectory() as folder:
        for model in (shipped, edge):
            results["models"][model.config.name] = decoder_steps(model, Path(folder), rounds)
    results["answers"] = answers(shipped)
    print(table(results))
    for model in results["models"].values():
        print(model["decoder_bytes"])
    print(results["answers"])
    (ROOT / "benchmarks" / "results" / "model.json").write_text(json.dumps(results, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
