"""Property: the graphs in builtin ops hold the model's codes and scales in any width, nothing but builtin ops, and run."""

from __future__ import annotations

import json

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from bitmar.engine import cache_slot
from convert import reader
from convert.convert_command import STOCK
from convert.functional import quantised
from convert.graphs import decoder
from convert.stock import KINDS, convert_stock, functions, narrowed
from model.layers import TernaryDense
from tests.convert.conftest import build

STEPS = 12


@pytest.fixture(scope="module")
def graphs(small_model) -> dict[str, bytes]:
    """Its decoder by kind."""
    int8 = convert_stock(decoder(small_model, functions))
    return {kind: narrowed(int8, kind, "decoder") for kind in KINDS}


def codes_of(model, tensor) -> np.ndarray:
    """The numbers of a kernel, int8 [rows, cols], whatever its width."""
    data = np.asarray(model.buffers[tensor.buffer].data, np.uint8)
    bits = {"INT8": 8, "INT4": 4, "INT2": 2}[
        next(name for name, value in vars(reader.schema.TensorType).items() if value == tensor.type)
    ]
    fields = data[:, None] >> np.arange(0, 8, bits, dtype=np.uint8) & (2**bits - 1)
    signed = fields.astype(np.int16).reshape(-1)[: np.prod(tensor.shape)]
    return np.where(signed >= 2 ** (bits - 1), signed - 2**bits, signed).reshape(tensor.shape)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kernel_is_that_of_the_model(graphs, small_model, kind: str) -> None:
    model = reader.parse(graphs[kind], kind)
    graph, one = model.subgraphs[0], 127 if kind == "int8" else 1
    found = []
    for op in graph.operators:
        assert not reader.is_custom(model, op), reader.op_name(model, op)
        if reader.op_name(model, op) == "FULLY_CONNECTED":
            kernel = graph.tensors[op.inputs[1]]
            if kernel.type == reader.schema.TensorType.FLOAT32:  # fewer weights than TensorFlow's converter quantises
                values = np.asarray(model.buffers[kernel.buffer].data, np.uint8).view(np.float32).reshape(kernel.shape)
                assert values.size < 1024
                found.append((np.sign(values), np.abs(values).max(axis=1)))
                assert np.array_equal(found[-1][0] * found[-1][1][:, None], values)
                continue
            codes, scale = codes_of(model, kernel), np.asarray(kernel.quantization.scale)
            assert np.isin(codes, (-one, 0, one)).all()
            found.append((codes // one, scale * one))
    layers = [layer for layer in small_model.decoder._flatten_layers() if isinstance(layer, TernaryDense)]
    for layer in layers:
        codes, gamma = quantised(layer.kernel, table=False)
        equal = [scale for found_codes, scale in found if np.array_equal(found_codes, codes)]
        rows = codes.any(axis=1)  # a row of zeros has any scale
        assert equal and np.allclose(equal[0][rows], gamma, rtol=1e-6), layer.path
    assert len(found) == len(layers) + 1  # and the head


def test_a_head_with_classes_becomes_builtin_ops_too() -> None:
    layers = {"text_encoder_layers": 1, "text_decoder_layers": 1, "fusion_layers": 0}
    model = build("bitmar_ultra_tiny", layers | {"decoder_shortlist": 203, "decoder_class_words": 83})
    blob = convert_stock(decoder(model, functions))
    parsed = reader.parse(blob, "decoder")
    assert not any(reader.is_custom(parsed, op) for op in parsed.subgraphs[0].operators)
    interpreter = Interpreter(model_content=blob, num_threads=1)
    given = {d["name"]: np.ones(d["shape"], d["dtype"]) for d in interpreter.get_input_details()}
    c, run = model.config, interpreter.get_signature_runner()
    found = run(**{name.removeprefix("serving_default_").partition(":")[0]: value for name, value in given.items()})
    ids, logits = found["ids"], found["logits"]
    assert len(set(ids.tolist())) == c.decoder_top_k and (np.diff(logits) <= 0).all()
    assert (ids < 203).all() or len(set((ids - 203) // 83)) == 1


def test_all_widths_answer_alike(graphs, small_model) -> None:
    """The same codes and scales, so the logits of a stream are close; a runtime may quantise activations in its own way."""
    c, logits = small_model.config, {}
    for kind, blob in graphs.items():
        interpreter = Interpreter(model_content=blob, num_threads=1)
        run, logits[kind] = interpreter.get_signature_runner(), []
        rng = np.random.default_rng(2)
        context, latent = (
            rng.normal(size=(1, size)).astype(np.float32) for size in (c.episode_dim, c.vision_latent_size)
        )
        for position in range(STEPS):
            at = (int(rng.integers(c.vocab_size)), position, cache_slot(position, c.max_seq_len, c.attention_sinks))
            token, position_, slot = (np.array([value], np.int32) for value in at)
            logits[kind].append(
                run(token=token, position=position_, slot=slot, context=context, latent=latent)["logits"]
            )
    for kind, found in logits.items():
        assert np.isfinite(found).all() and np.ptp(found) > 0
        np.testing.assert_allclose(found, logits["int8"], atol=0.05 * np.abs(found).max(), err_msg=kind)


def test_the_command_writes_three_graphs_and_their_sizes(small_model, tmp_path, capsys) -> None:
    from convert.convert_command import write_stock

    assert tuple(KINDS) == STOCK
    assert write_stock(small_model, "int4", tmp_path / "out", as_json=True) == 0
    report = json.loads(capsys.readouterr().out)
    assert report == json.loads((tmp_path / "out" / "stock.json").read_text())
    sizes = {path.name: path.stat().st_size for path in (tmp_path / "out").glob("*.tflite")}
    assert report["files"] == sizes and report["bytes"] == sum(sizes.values()) and len(sizes) == 3
