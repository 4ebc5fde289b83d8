"""Cases for each op: a flatbuffer, its inputs step by step, and what tests/kernels/spec.py expects of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.bitmar.graph_file import GraphFile
from tests.kernels import spec

F = np.float32
Arrays = dict[str, np.ndarray]


@dataclass
class Case:
    name: str
    graph: GraphFile
    steps: list[Arrays]
    expected: list[Arrays]

    def write(self, folder: Path) -> None:
        """NAME.tflite, with the outputs' shapes (TensorFlow Lite Micro takes them from it), and NAME.npz with "STEP/INPUT"."""
        for name, index in self.graph.outputs:
            self.graph.tensors[index].shape = np.array(self.expected[0][name].shape, np.int32)
        self.graph.write(folder / f"{self.name}.tflite")
        inputs = {f"{i}/{name}": value for i, step in enumerate(self.steps) for name, value in step.items()}
        np.savez(folder / f"{self.name}.npz", **inputs)


def ternary(rng: np.random.Generator, rows: int, cols: int) -> np.ndarray:
    return rng.integers(-1, 2, (rows, cols)).astype(np.int8)


def add_matrix(graph: GraphFile, w: np.ndarray, gamma: np.ndarray, layout: int) -> list[int]:
    return [graph.constant(spec.pack(w, layout)), graph.constant(gamma)]


def matrix_attrs(w: np.ndarray, layout: int, **more: int) -> dict[str, int]:
    return {"version": 1, "layout": layout, "rows": w.shape[0], "cols": w.shape[1], **more}


def tokens(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Numbers of very different sizes; every fourth row is zero."""
    x = (rng.normal(size=shape) * 10.0 ** rng.integers(-6, 5, shape[:-1])[..., None]).astype(F)
    x.reshape(-1, shape[-1])[3::4] = 0
    return x


def fc_cases(rng: np.random.Generator) -> Iterator[Case]:
    shapes = [((1,), 1), ((1, 1), 7), ((4, 128), 512), ((32, 512), 128), ((2, 3, 37), 300), ((9, 768), 64)]
    for i, (shape, rows) in enumerate(shapes):
        for layout in (spec.RM2, spec.B3):
            for activation in (0, 1):
                w = ternary(rng, rows, shape[-1])
                gamma = rng.uniform(0.01, 2, rows if i % 2 else 1).astype(F)
                graph, x = GraphFile(), tokens(rng, shape)
                inputs = [graph.input("x", "float32", shape), *add_matrix(graph, w, gamma, layout)]
                attrs = matrix_attrs(w, layout, activation=activation)
                graph.op("BITMAR_TERNARY_FC", inputs, {"y": "float32"}, attrs)
                y = spec.ternary_fc(x, w, gamma, activation)
                yield Case(f"fc_{i}_{layout}_{activation}", graph, [{"x": x}], [{"y": y}])


def embedding_cases(rng: np.random.Generator) -> Iterator[Case]:
    for i, (n, rows, cols) in enumerate([(1, 1, 1), (32, 1024, 128), (5, 33, 7)]):
        for layout in (spec.RM2, spec.B3):
            w, gamma = ternary(rng, rows, cols), rng.uniform(0.01, 2, rows if i == 2 else 1).astype(F)
            ids = rng.integers(0, rows, n).astype(np.int32)
            graph = GraphFile()
            inputs = [graph.input("ids", "int32", (n,)), *add_matrix(graph, w, gamma, layout)]
            graph.op("BITMAR_TERNARY_EMBEDDING", inputs, {"y": "float32"}, matrix_attrs(w, layout))
            expected = spec.ternary_embedding(ids, w, gamma)
            yield Case(f"embedding_{i}_{layout}", graph, [{"ids": ids}], [{"y": expected}])


def topk_cases(rng: np.random.Generator) -> Iterator[Case]:
    for i, (rows, cols, k) in enumerate([(1, 1, 1), (1024, 128, 8), (50257, 128, 8), (40, 5, 40)]):
        for layout in (spec.RM2, spec.B3):
            w, gamma = ternary(rng, rows, cols), np.array([0.37], F)
            graph, steps, expected = GraphFile(), [], []
            inputs = [graph.input("x", "float32", (1, cols)), *add_matrix(graph, w, gamma, layout)]
            outputs = {"ids": "int32", "logits": "float32"}
            graph.op("BITMAR_TERNARY_TOPK", inputs, outputs, matrix_attrs(w, layout, k=k))
            for x in (tokens(rng, (1, cols)), np.zeros((1, cols), F)):  # all logits equal: the lowest ids win
                ids, logits = spec.ternary_topk(x, w, gamma, k)
                steps.append({"x": x})
                expected.append({"ids": ids, "logits": logits})
            yield Case(f"topk_{i}_{layout}", graph, steps, expected)


def class_topk_cases(rng: np.random.Generator) -> Iterator[Case]:
    """Bounds of classes that are none of the layouts' units, a last class of one word, ties."""
    shapes = [(2, 1, 1, 1, 1), (1024, 128, 8, 203, 101), (2301, 64, 5, 100, 1100), (40, 5, 9, 13, 4)]
    for i, (rows, cols, k, shortlist, words) in enumerate(shapes):
        for layout in (spec.RM2, spec.B3):
            w, gamma, count = ternary(rng, rows, cols), np.array([0.37], F), -(-(rows - shortlist) // words)
            graph, steps, expected = GraphFile(), [], []
            inputs = [graph.input("x", "float32", (1, cols)), *add_matrix(graph, w, gamma, layout)]
            inputs.append(graph.input("class_logits", "float32", (1, count)))
            attrs = matrix_attrs(w, layout, k=k, shortlist=shortlist, class_words=words)
            graph.op("BITMAR_TERNARY_CLASS_TOPK", inputs, {"ids": "int32", "logits": "float32"}, attrs)
            x = rng.normal(size=(1, cols)).astype(F)
            every = np.full((1, count), np.abs(spec.ternary_fc(x, w, gamma)).max(), F)
            last = np.where(np.arange(count) == count - 1, every + F(1), -every).astype(F)
            for token, of_classes in ((x, -every - F(1)), (x, every + F(1)), (x, every), (x, last), (x * 0, every * 0)):
                ids, logits = spec.ternary_class_topk(token, w, gamma, of_classes, k, shortlist, words)
                steps.append({"x": token, "class_logits": of_classes})
                expected.append({"ids": ids, "logits": logits})
            yield Case(f"topk_of_classes_{i}_{layout}", graph, steps, expected)


def norm_cases(rng: np.random.Generator) -> Iterator[Case]:
    for i, shape in enumerate([(1,), (1, 128), (32, 128), (2, 3, 13)]):
        graph, x, g = GraphFile(), tokens(rng, shape), rng.normal(size=shape[-1]).astype(F)
        inputs = [graph.input("x", "float32", shape), graph.constant(g)]
        graph.op("BITMAR_RMS_NORM", inputs, {"y": "float32"}, {"version": 1})
        yield Case(f"norm_{i}", graph, [{"x": x}], [{"y": spec.rms_norm(x, g)}])


def attention_cases(rng: np.random.Generator) -> Iterator[Case]:
    for i, (t, s, heads, width) in enumerate([(1, 1, 1, 1), (32, 32, 4, 128), (5, 4, 2, 128), (3, 9, 3, 33)]):
        q, kv = tokens(rng, (t, width + 2)), tokens(rng, (s, 2 * width + 3))
        offsets = {"q_offset": 2, "k_offset": 1, "v_offset": width + 2}
        graph, steps, expected = GraphFile(), [], []
        inputs = [
            graph.input("q", "float32", q.shape),
            graph.input("kv", "float32", kv.shape),
            graph.input("mask", "int32", (s,)),
        ]
        attrs = {"version": 1, "heads": heads, "width": width, **offsets}
        graph.op("BITMAR_ATTENTION", inputs, {"y": "float32"}, attrs)
        for mask in (np.ones(s, np.int32), rng.integers(0, 2, s).astype(np.int32), np.zeros(s, np.int32)):
            steps.append({"q": q, "kv": kv, "mask": mask})
            expected.append({"y": spec.attention(q, kv, mask, heads, width, **offsets)})
        yield Case(f"attention_{i}", graph, steps, expected)


def used_cases(rng: np.random.Generator) -> Iterator[Case]:
    """The ops that leave out padding, with any number of used rows, gaps before the last of them too."""
    n, width, heads = 9, 40, 4
    masks = [np.arange(n) < count for count in (0, 1, 6, n)] + [np.arange(n) % 4 == 2]
    w, gamma, g = ternary(rng, 23, width), rng.uniform(0.01, 2, 23).astype(F), rng.normal(size=width).astype(F)
    offsets = {"q_offset": 0, "k_offset": width, "v_offset": 2 * width}

    def fc(graph: GraphFile, x: np.ndarray) -> tuple[str, list[int], dict[str, int], np.ndarray]:
        inputs = [graph.input("x", "float32", x.shape), *add_matrix(graph, w, gamma, spec.B3)]
        return "BITMAR_TERNARY_FC", inputs, matrix_attrs(w, spec.B3, activation=0), spec.ternary_fc(x, w, gamma)

    def norm(graph: GraphFile, x: np.ndarray) -> tuple[str, list[int], dict[str, int], np.ndarray]:
        inputs = [graph.input("x", "float32", x.shape), graph.constant(g)]
        return "BITMAR_RMS_NORM", inputs, {"version": 1}, spec.rms_norm(x, g)

    def attention(graph: GraphFile, x: np.ndarray) -> tuple[str, list[int], dict[str, int], np.ndarray]:
        q, every = graph.input("x", "float32", x.shape), np.ones(n, np.int32)
        attrs = {"version": 1, "heads": heads, "width": width, **offsets}
        return (
            "BITMAR_ATTENTION",
            [q, q, graph.constant(every)],
            attrs,
            spec.attention(x, x, every, heads, width, **offsets),
        )

    for make, shape in ((fc, (3, 3, width)), (norm, (n, width)), (attention, (n, 3 * width))):
        graph, x = GraphFile(), tokens(rng, shape)
        kind, inputs, attrs, y = make(graph, x)
        graph.op(kind, [*inputs, graph.input("used", "int32", (n,))], {"y": "float32"}, attrs)
        steps = [{"x": x, "used": mask.astype(np.int32)} for mask in masks]
        yield Case(f"used_{make.__name__}", graph, steps, [{"y": spec.zero_padding(y, mask)} for mask in masks])


def cached_attention_cases(rng: np.random.Generator) -> Iterator[Case]:
    """Streams longer than the window: sinks stay, the others slide."""
    for i, (heads, width, window, sinks, length) in enumerate([(1, 1, 2, 1, 7), (4, 128, 32, 4, 80), (2, 6, 5, 0, 13)]):
        graph, steps, expected = GraphFile(), [], []
        inputs = [
            graph.input("qkv", "float32", (1, 3 * width)),
            graph.input("position", "int32", (1,)),
            graph.variable((window, width)),
            graph.variable((window, width)),
        ]
        attrs = {"version": 1, "heads": heads, "width": width, "window": window, "sinks": sinks}
        graph.op("BITMAR_CACHED_ATTENTION", inputs, {"y": "float32"}, attrs)
        k_cache = v_cache = np.zeros((window, width), F)
        for position in range(length):
            qkv = rng.normal(size=(1, 3 * width)).astype(F)
            y, k_cache, v_cache = spec.cached_attention(qkv, position, k_cache, v_cache, heads, sinks)
            steps.append({"qkv": qkv, "position": np.array([position], np.int32)})
            expected.append({"y": y[None]})
        yield Case(f"cached_{i}", graph, steps, expected)


def cached_attention_int8_cases(rng: np.random.Generator) -> Iterator[Case]:
    """The same with caches of bytes."""
    for i, (heads, width, window, sinks, length) in enumerate([(1, 1, 2, 1, 7), (4, 128, 32, 4, 80), (2, 6, 5, 0, 13)]):
        graph, steps, expected = GraphFile(), [], []
        row = width + 4 * heads
        inputs = [
            graph.input("qkv", "float32", (1, 3 * width)),
            graph.input("position", "int32", (1,)),
            graph.variable((window, row), "uint8"),
            graph.variable((window, row), "uint8"),
        ]
        attrs = {"version": 1, "heads": heads, "width": width, "window": window, "sinks": sinks}
        graph.op("BITMAR_CACHED_ATTENTION_INT8", inputs, {"y": "float32"}, attrs)
        k_cache = v_cache = np.zeros((window, row), np.uint8)
        for position in range(length):
            qkv = rng.normal(size=(1, 3 * width)).astype(F)
            y, k_cache, v_cache = spec.cached_attention_int8(qkv, position, k_cache, v_cache, heads, sinks)
            steps.append({"qkv": qkv, "position": np.array([position], np.int32)})
            expected.append({"y": y[None]})
        yield Case(f"cached_int8_{i}", graph, steps, expected)


def memory_read_cases(rng: np.random.Generator) -> Iterator[Case]:
    for i, (k, d, temperature) in enumerate([(1, 1, 1.0), (4, 128, 0.05), (8, 128, 0.3)]):
        graph, steps, expected = GraphFile(), [], []
        inputs = [
            graph.input("scores", "float32", (k,)),
            graph.input("slots", "float32", (k, d)),
            graph.input("mask", "int32", (k,)),
            graph.constant(np.array([temperature], F)),
        ]
        graph.op("BITMAR_MEMORY_READ", inputs, {"context": "float32"}, {"version": 1})
        for mask in (np.ones(k, np.int32), np.arange(k, dtype=np.int32) % 2, np.zeros(k, np.int32)):
            scores, slots = rng.uniform(-1, 1, k).astype(F), rng.normal(size=(k, d)).astype(F)
            steps.append({"scores": scores, "slots": slots, "mask": mask})
            expected.append({"context": spec.memory_read(scores, slots, mask, temperature)[None]})
        yield Case(f"read_{i}", graph, steps, expected)


FAMILIES = (
    fc_cases,
    embedding_cases,
    topk_cases,
    norm_cases,
    attention_cases,
    used_cases,
    cached_attention_cases,
    cached_attention_int8_cases,
    memory_read_cases,
    class_topk_cases,
)


def all_cases(seed: int = 11) -> list[Case]:
    rng = np.random.default_rng(seed)
    return [case for family in FAMILIES for case in family(rng)]
