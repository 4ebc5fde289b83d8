"""The last pass over a converted graph: fixed names, variable caches, nothing unused, aligned buffers, checked ops.

Works on TensorFlow Lite's flatbuffer object API; the schema is TensorFlow's own. The same input gives the same bytes.
"""

from __future__ import annotations

import flatbuffers
import numpy as np
from tensorflow.lite.python import schema_py_generated as schema

from bitmar.errors import BitmarError
from convert.functional import IDS, SCALE, WEIGHTS
from convert.graphs import GraphSpec
from convert.padding import leave_out_padding
from convert.reader import attributes, check_ops, op_name, parse

FILE_IDENTIFIER = b"TFL3"
BUFFER_ALIGNMENT = 16  # what the schema's force_align asks for; the Cortex-M7's float loads need 4
SIGNATURE = "serving_default"


class AlignedBuffer(schema.BufferT):
    """A buffer whose data begins at a multiple of 16 bytes (the generated code ignores force_align)."""

    def Pack(self, builder: flatbuffers.Builder) -> int:
        """Writes the buffer; returns its offset (flatbuffers' object API)."""
        if self.data is None:
            schema.BufferStart(builder)
            return schema.BufferEnd(builder)
        content = np.asarray(self.data, np.uint8).tobytes()
        builder.StartVector(1, len(content), BUFFER_ALIGNMENT)
        builder.head -= len(content)
        builder.Bytes[builder.head : builder.head + len(content)] = content
        data = builder.EndVector()
        schema.BufferStart(builder)
        schema.BufferAddData(builder, data)
        return schema.BufferEnd(builder)


def finish(blob: bytes, spec: GraphSpec) -> bytes:
    """The converter's output -> the flatbuffer that is shipped.

    Inputs and outputs get the names and the order of `spec`; its variables become variable tensors (no buffer, not inputs);
    metadata, empty quantization tables and unused buffers go; ops learn which rows are padding; results and scales are named by
    their op's number.
    Raises: BitmarError: an op that is not among BITMAR_* and the graph's builtins; ValueError: a float copy of ternary weights.
    """
    model = parse(blob, spec.name)
    check_builtins(model, spec.name, spec.builtins)
    graph, signature = model.subgraphs[0], model.signatureDefs[0]
    inputs = {entry.name.decode(): entry.tensorIndex for entry in signature.inputs}
    outputs = {entry.name.decode(): entry.tensorIndex for entry in signature.outputs}
    fixed = {inputs[name]: name for name in (*spec.inputs, *spec.variables)}
    fixed |= {outputs[name]: name for name in spec.outputs}
    _name_tensors(model, fixed)

    for name in spec.variables:
        tensor = graph.tensors[inputs[name]]
        tensor.isVariable, tensor.buffer = True, 0
    graph.inputs = np.array([inputs[name] for name in spec.inputs], np.int32)
    graph.outputs = np.array([outputs[name] for name in spec.outputs], np.int32)
    signature.inputs = [_entry(name, inputs[name]) for name in spec.inputs]
    signature.outputs = [_entry(name, outputs[name]) for name in spec.outputs]
    signature.signatureKey = SIGNATURE

    graph.name, model.description = spec.name, spec.description
    model.metadata, model.metadataBuffer = None, None
    for tensor in graph.tensors:
        tensor.quantization = None
    leave_out_padding(model)
    _keep_used_buffers(model)
    check_ops(model, spec.name)
    check_no_masters(model, spec.name)
    return packed(model, len(blob))


def packed(model: schema.ModelT, size: int) -> bytes:
    """The object tree as a file; `size`: about how many bytes it will take."""
    builder = flatbuffers.Builder(size)
    builder.Finish(model.Pack(builder), FILE_IDENTIFIER)
    return bytes(builder.Output())


def _entry(name: str, tensor: int) -> schema.TensorMapT:
    entry = schema.TensorMapT()
    entry.name, entry.tensorIndex = name, tensor
    return entry


def _name_tensors(model: schema.ModelT, fixed: dict[int, str]) -> None:
    """`fixed` names by tensor; weights keep the names of convert/functional.py; results and scales have their op's number.

    The names of all layers twice more would be 5 KB of tiny_edge's flatbuffers.
    """
    graph = model.subgraphs[0]
    names = dict(fixed)
    taken = set(fixed.values())

    def give(tensor: int, wish: str) -> None:
        if tensor in names:
            return
        name, n = wish, 1
        while name in taken:
            n += 1
            name = f"{wish}_{n}"
        taken.add(name)
        names[tensor] = name

    for i, op in enumerate(graph.operators):
        kind = op_name(model, op)
        if kind.startswith("BITMAR_TERNARY"):
            layer = graph.tensors[op.inputs[1]].name.decode().removesuffix(WEIGHTS)
            give(op.inputs[1], f"{layer}{WEIGHTS}")
            give(op.inputs[2], f"{i}{SCALE}")
            if graph.tensors[op.inputs[0]].buffer and kind == "BITMAR_TERNARY_EMBEDDING":
                give(op.inputs[0], f"{layer}{IDS}")  # positions: constants of the layer's code, named by its tracing
        for tensor in op.outputs:
            give(tensor, str(i))
    for tensor, name in names.items():
        graph.tensors[tensor].name = name


def _keep_used_buffers(model: schema.ModelT) -> None:
    """Buffer 0 stays empty by convention; equal contents are stored once, in the order of first use."""
    kept, numbers = [AlignedBuffer()], {b"": 0}
    for tensor in model.subgraphs[0].tensors:
        data = model.buffers[tensor.buffer].data
        content = b"" if data is None else np.asarray(data, np.uint8).tobytes()
        if content not in numbers:
            numbers[content] = len(kept)
            buffer = AlignedBuffer()
            buffer.data = np.frombuffer(content, np.uint8)
            kept.append(buffer)
        tensor.buffer = numbers[content]
    model.buffers = kept


def check_builtins(model: schema.ModelT, where: str, accepted: dict[str, int]) -> None:
    """Raises BitmarError for a builtin op that is not accepted, or is of a newer version; names the layer that it comes from."""
    for op in model.subgraphs[0].operators:
        name, version = op_name(model, op), model.operatorCodes[op.opcodeIndex].version
        if not name.startswith("BITMAR_") and version > accepted.get(name, 0):
            raise BitmarError(
                f"{where}: op {name} version {version}, which makes {_origin(model, op.outputs[0])}, is not accepted; "
                f"accepted are BITMAR_* and {', '.join(accepted)} version 1"
            )


def _origin(model: schema.ModelT, tensor: int) -> str:
    """Where a tensor comes from, as far as the converter has kept it: an output's name, or its layer's scope."""
    for entry in model.signatureDefs[0].outputs:
        if entry.tensorIndex == tensor:
            return f"output '{entry.name.decode()}'"
    return model.subgraphs[0].tensors[tensor].name.decode()


def check_no_masters(model: schema.ModelT, where: str) -> None:
    """Raises ValueError for a float constant of the shape of one of the ternary matrices: a copy of master weights."""
    graph, shapes = model.subgraphs[0], set()
    for op in graph.operators:
        if op_name(model, op).startswith("BITMAR_TERNARY"):
            has = attributes(op)
            shapes |= {(has["rows"], has["cols"]), (has["cols"], has["rows"])}
    for tensor in graph.tensors:
        shape = tuple(int(n) for n in tensor.shape)
        if tensor.type == schema.TensorType.FLOAT32 and tensor.buffer and shape in shapes and min(shape) > 1:
            raise ValueError(f"{where}: {tensor.name}: float numbers {shape}, the shape of a ternary matrix")
