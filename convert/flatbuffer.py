"""The last pass over a converted graph: fixed names, variable caches, nothing unused, aligned buffers, checked ops.

Works on TensorFlow Lite's flatbuffer object API; the schema is TensorFlow's own. The same input gives the same bytes.
"""

from __future__ import annotations

import flatbuffers
import numpy as np
from tensorflow.lite.python import schema_py_generated as schema

from convert.functional import GAIN, IDS, SCALE, WEIGHTS
from convert.graphs import GraphSpec
from convert.reader import attributes, check_ops, is_custom, op_name, parse

FILE_IDENTIFIER = b"TFL3"
BUFFER_ALIGNMENT = 16  # what the schema's force_align asks for; the Cortex-M7's float loads need 4
SIGNATURE = "serving_default"

# Builtin ops that give the same bits everywhere, with the newest version of each that may appear: tflite-runtime 2.14 has them.
BUILTIN_VERSIONS = {"ADD": 1, "MUL": 1, "CAST": 1, "RESHAPE": 1, "GATHER": 1}


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
    metadata and unused buffers go; other tensors are named after the weights that they belong to.
    Raises: ValueError: an op that is not among BITMAR_* and BUILTIN_VERSIONS, or a float copy of ternary weights.
    """
    model = parse(blob, spec.name)
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

    graph.name, model.description = spec.name, f"BitMar {spec.name}"
    model.metadata, model.metadataBuffer = None, None
    _keep_used_buffers(model)
    check(model, spec.name)
    builder = flatbuffers.Builder(len(blob))
    builder.Finish(model.Pack(builder), FILE_IDENTIFIER)
    return bytes(builder.Output())


def _entry(name: str, tensor: int) -> schema.TensorMapT:
    entry = schema.TensorMapT()
    entry.name, entry.tensorIndex = name, tensor
    return entry


def _name_tensors(model: schema.ModelT, fixed: dict[int, str]) -> None:
    """`fixed` names by tensor; constants keep the names of convert/functional.py; results are named after their op's weights."""
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
        layer = _layer(graph.tensors[op.inputs[1]].name.decode()) if len(op.inputs) > 1 else None
        if kind.startswith("BITMAR_TERNARY"):
            give(op.inputs[1], f"{layer}{WEIGHTS}")
            give(op.inputs[2], f"{layer}{SCALE}")
            if graph.tensors[op.inputs[0]].buffer and kind == "BITMAR_TERNARY_EMBEDDING":
                give(op.inputs[0], f"{layer}{IDS}")  # positions: constants of the layer's code, named by its tracing
        for tensor in op.outputs:
            give(tensor, layer or f"{kind.removeprefix('BITMAR_').lower()}_{i}")
    for tensor, name in names.items():
        graph.tensors[tensor].name = name


def _layer(constant: str) -> str | None:
    """ "text/norm" of the constant "text/norm/gain"; None for a name that is not a weight's."""
    for ending in (WEIGHTS, GAIN):
        if constant.endswith(ending):
            return constant.removesuffix(ending)
    return None


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


def check(model: schema.ModelT, where: str) -> None:
    """Raises ValueError for an op that is not allowed or a float constant as large as one of the ternary matrices."""
    graph, sizes = model.subgraphs[0], set()
    check_ops(model, where)
    for op in graph.operators:
        name, version = op_name(model, op), model.operatorCodes[op.opcodeIndex].version
        if not is_custom(model, op) and version > BUILTIN_VERSIONS.get(name, 0):
            raise ValueError(f"{where}: builtin op {name} version {version} is not allowed: {BUILTIN_VERSIONS}")
        if name.startswith("BITMAR_TERNARY"):
            sizes.add(attributes(op)["rows"] * attributes(op)["cols"])
    for tensor in graph.tensors:
        size = int(np.prod(tensor.shape))
        if tensor.type == schema.TensorType.FLOAT32 and tensor.buffer and size in sizes:
            raise ValueError(f"{where}: {tensor.name}: {size} float numbers, as many as a ternary matrix has")
