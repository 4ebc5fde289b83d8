"""Properties of the files: the agreed names and shapes, only ternary weights and no float copy of any, readable by both
runtimes, the same bytes every time."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import flatbuffers
import numpy as np
import pytest
from tensorflow.lite.python import schema_py_generated as schema

from bitmar.errors import BitmarError
from convert import reader
from convert.flatbuffer import BUFFER_ALIGNMENT, check_builtins, check_no_masters
from convert.functional import quantised
from convert.graphs import BUILTINS
from convert.model_folder import model_hash
from convert.op_table import ops
from model.layers import TernaryDense, TernaryEmbedding
from tests.bitmar.runtimes import NAMES, run_python
from tests.convert.roundings import layer_name

ROOT = Path(__file__).resolve().parents[2]
GRAPHS = ("encoder", "recall", "decoder")
F32, I32 = "float32", "int32"
INTERFACE = {
    "encoder": (
        {"tokens": ((64,), I32), "mask": ((64,), I32), "vision": ((1, 768), F32)},
        {"episode": ((1, 128), F32), "key": ((1, 128), F32), "query": ((1, 128), F32), "latent": ((1, 128), F32)},
    ),
    "recall": (
        {"scores": ((4,), F32), "slots": ((4, 128), F32), "mask": ((4,), I32)},
        {"context": ((1, 128), F32)},
    ),
    "decoder": (
        {
            "token": ((1,), I32),
            "position": ((1,), I32),
            "slot": ((1,), I32),
            "context": ((1, 128), F32),
            "latent": ((1, 128), F32),
        },
        {"ids": ((8,), I32), "logits": ((8,), F32)},
    ),
}
DESCRIBE = """
import json, sys
from bitmar.runtime import Graph
described = {}
for name in ("encoder", "recall", "decoder"):
    graph = Graph(__import__("pathlib").Path(sys.argv[1]) / f"{name}.tflite")
    details = (graph.interpreter.get_input_details(), graph.interpreter.get_output_details())
    shown = [{d["name"]: [list(map(int, d["shape"])), d["dtype"].__name__] for d in side} for side in details]
    signature = graph.interpreter.get_signature_list()["serving_default"]
    described[name] = [*shown, [list(side) for side in shown], signature]
print(json.dumps(described))
"""


def read(folder: Path) -> dict[str, schema.ModelT]:
    return {name: reader.read(folder / f"{name}.tflite") for name in GRAPHS}


@pytest.mark.parametrize("runtime", NAMES)
def test_names_shapes_and_order_in_both_runtimes(ultra_tiny, tmp_path, runtime):
    script = tmp_path / "describe.py"
    script.write_text(DESCRIBE)
    described = json.loads(run_python(runtime, script, ultra_tiny.folder).stdout.splitlines()[-1])
    for name, sides in INTERFACE.items():
        inputs, outputs, order, signature = described[name]
        for expected, found, names in zip(sides, (inputs, outputs), order, strict=True):
            assert {n: (tuple(shape), kind) for n, (shape, kind) in found.items()} == expected
            assert names == list(expected)
        assert sorted(signature["inputs"]) == sorted(sides[0]) and sorted(signature["outputs"]) == sorted(sides[1])


def test_caches_are_variable_tensors_without_a_buffer(ultra_tiny):
    graph = read(ultra_tiny.folder)["decoder"].subgraphs[0]
    variables = {t.name.decode(): t for t in graph.tensors if t.isVariable}
    assert sorted(variables) == sorted(f"{kind}_cache_{i}" for i in range(3) for kind in "kv")
    for tensor in variables.values():
        assert (list(tensor.shape), tensor.buffer) == ([64, 144], 0)  # 128 codes and 4 scales a token
    assert not {graph.tensors[i].isVariable for i in graph.inputs} & {True}


def test_only_our_ops_and_exact_builtin_ones(ultra_tiny):
    for name, model in read(ultra_tiny.folder).items():
        kinds = {reader.op_name(model, op) for op in model.subgraphs[0].operators}
        assert kinds <= {*ops(), *BUILTINS}, name
        for op in model.subgraphs[0].operators:
            if reader.is_custom(model, op):
                table = ops()[reader.op_name(model, op)]
                assert reader.attributes(op)["version"] == table.version
                assert set(reader.attributes(op)) == {"version", *table.attributes}


@pytest.mark.parametrize("converted", ["ultra_tiny", "tiny_edge"])
def test_every_matrix_has_the_codes_and_scale_of_its_layer(converted, request):
    """Equal to what the model's own quantizer gives, for every ternary layer there is."""
    model, folder, _ = request.getfixturevalue(converted)
    packed = {m.name: m for graph in read(folder).values() for m in reader.ternary_matrices(graph)}
    layers = [layer for layer in model._flatten_layers() if isinstance(layer, TernaryDense | TernaryEmbedding)]
    assert sorted(map(layer_name, layers)) == sorted(packed)
    for layer in layers:
        dense, matrix = isinstance(layer, TernaryDense), packed[layer_name(layer)]
        codes, gamma = quantised(layer.kernel if dense else layer.embeddings, table=not dense)
        np.testing.assert_array_equal(matrix.codes, codes)
        np.testing.assert_array_equal(matrix.gamma, gamma)


@pytest.mark.parametrize("converted", ["ultra_tiny", "tiny_edge"])
def test_float_master_weights_are_nowhere(converted, request):
    """No run of eight consecutive master weights (row- or column-wise) is in any file, and no float tensor is large enough."""
    model, folder, _ = request.getfixturevalue(converted)
    contents = [(folder / f"{name}.tflite").read_bytes() for name in GRAPHS]
    masters = [v for v in model.variables if v.name in ("kernel", "embeddings")]
    assert len(masters) > 40
    for variable in masters:
        w = variable.numpy()
        for needle in (w[0, :8], w[-1, -8:], w[w.shape[0] // 2, :8], w[:8, 0].copy(), w[-8:, -1].copy()):
            assert not any(needle.tobytes() in content for content in contents), variable.path
    for name, graph in read(folder).items():
        check_no_masters(graph, name)
        check_builtins(graph, name, BUILTINS)
        floats = [t for t in graph.subgraphs[0].tensors if t.type == schema.TensorType.FLOAT32 and t.buffer]
        assert max(int(np.prod(t.shape)) for t in floats) <= 768  # the longest gain


def test_the_search_for_master_weights_would_find_them(ultra_tiny):
    """A float copy put into a graph is refused by `check`."""
    model = read(ultra_tiny.folder)["recall"]
    copy = schema.TensorT()
    copy.name, copy.shape, copy.type, copy.buffer = "copy", np.array([128, 128], np.int32), schema.TensorType.FLOAT32, 1
    model.subgraphs[0].tensors.append(copy)
    with pytest.raises(ValueError, match=r"copy: float numbers \(128, 128\)"):
        check_no_masters(model, "recall")


def test_constants_are_aligned(ultra_tiny):
    for name in GRAPHS:
        blob = (ultra_tiny.folder / f"{name}.tflite").read_bytes()
        model = schema.Model.GetRootAsModel(blob, 0)
        for i in range(1, model.BuffersLength()):
            data = model.Buffers(i)
            vector = data._tab.Vector(data._tab.Offset(4))
            assert data.DataLength() > 0 and vector % BUFFER_ALIGNMENT == 0, (name, i)


def test_every_buffer_is_used_and_nothing_depends_on_the_converter(ultra_tiny):
    for name, model in read(ultra_tiny.folder).items():
        used = {tensor.buffer for tensor in model.subgraphs[0].tensors} | {0}
        assert used == set(range(len(model.buffers))), name
        assert not model.metadata and not model.metadataBuffer


def test_same_bytes_every_time(tmp_path):
    """The command in a process of its own, with another hash seed, writes what the functions write here."""
    from convert.model_folder import write_model
    from convert.origin import untrained

    config, nowhere = ROOT / "configs" / "bitmar_ultra_tiny.yaml", tmp_path / "none"
    command = [sys.executable, "pipeline.py", "convert", "--untrained", "--config", config, "--data", nowhere]
    environment = {**os.environ, "PYTHONHASHSEED": "1"}
    subprocess.run([*command, "--out", tmp_path / "there"], cwd=ROOT, check=True, capture_output=True, env=environment)
    source = untrained(config, nowhere)
    write_model(source.model, source.tokenizer, source.vision, tmp_path / "here")
    here, there = ({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("here", "there"))
    assert here == there


def test_hash_names_the_weights_not_their_packing(small_model, tmp_path):
    from convert.model_folder import write_model
    from model.bitmar import BitMar

    def hash_of(model, name: str) -> str:
        write_model(model, None, None, tmp_path / name)
        stated = json.loads((tmp_path / name / "model.json").read_text())["model_hash"]
        assert stated == model_hash(read(tmp_path / name).values()) and len(bytes.fromhex(stated)) == 8
        return stated

    repacked = BitMar({**small_model.config.as_dict(), "layout": "rm2"})
    repacked.set_weights(small_model.get_weights())
    same = hash_of(small_model, "b3")
    assert hash_of(repacked, "rm2") == same
    repacked.memory.value.kernel.assign(-repacked.memory.value.kernel)
    assert hash_of(repacked, "other") != same


def repack(model: schema.ModelT, path: Path) -> Path:
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(bytes(builder.Output()))
    return path


def with_options(model: schema.ModelT, **changes: int) -> schema.ModelT:
    """The same graph with other attributes in its first custom op."""
    from flatbuffers import flexbuffers

    op = model.subgraphs[0].operators[0]
    op.customOptions = np.frombuffer(flexbuffers.Dumps({**reader.attributes(op), **changes}), np.uint8)
    return model


def test_flatbuffers_that_are_refused(ultra_tiny, tmp_path):
    """Another op version, an unknown op, another file, a cut file: one line that names the file and what was expected."""
    original = ultra_tiny.folder / "recall.tflite"
    newer = repack(with_options(reader.read(original), version=2), tmp_path / "newer.tflite")
    with pytest.raises(BitmarError, match=r"newer.tflite: BITMAR_TERNARY_FC has version 2, expected 1"):
        reader.read(newer)
    for wrong in (-1, "many", True):
        other = repack(with_options(reader.read(original), rows=wrong), tmp_path / "other.tflite")
        with pytest.raises(
            BitmarError, match=rf"other.tflite: BITMAR_TERNARY_FC: attribute 'rows' is '?{wrong}'?, expected"
        ):
            reader.read(other)
    unknown = reader.read(original)
    unknown.operatorCodes[0].customCode = b"BITMAR_TERNARY_CONV"
    with pytest.raises(BitmarError, match="unknown op BITMAR_TERNARY_CONV"):
        reader.read(repack(unknown, tmp_path / "unknown.tflite"))
    (tmp_path / "text.tflite").write_text("this is not a flatbuffer")
    with pytest.raises(BitmarError, match=r"text.tflite: not a TensorFlow Lite flatbuffer"):
        reader.read(tmp_path / "text.tflite")
    (tmp_path / "cut.tflite").write_bytes(original.read_bytes()[:900])
    with pytest.raises(BitmarError, match=r"cut.tflite: broken flatbuffer"):
        reader.read(tmp_path / "cut.tflite")
    with pytest.raises(BitmarError, match=r"missing.tflite: cannot be read: No such file"):
        reader.read(tmp_path / "missing.tflite")


def test_the_runtime_refuses_another_op_version(ultra_tiny, tmp_path):
    """The delegate reads `version` from the op's attributes."""
    from bitmar.errors import BitmarError
    from bitmar.runtime import Graph

    shutil.copytree(ultra_tiny.folder, tmp_path / "model")
    path = tmp_path / "model" / "recall.tflite"
    with pytest.raises(BitmarError, match="version"):
        Graph(repack(with_options(reader.read(path), version=2), path))
