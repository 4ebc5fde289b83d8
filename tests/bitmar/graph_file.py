"""Writes flatbuffers of BITMAR_* ops for tests, without the converter: any attributes, also wrong ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from flatbuffers import flexbuffers

TYPES = {"float32": 0, "int32": 2, "uint8": 3}
CUSTOM = 32


@dataclass
class GraphFile:
    """A graph of custom ops; tensors are made by input, constant and variable, nodes by op."""

    tensors: list = field(default_factory=list)
    buffers: list = field(default_factory=lambda: [schema.BufferT()])
    operators: list = field(default_factory=list)
    codes: list[str] = field(default_factory=list)
    inputs: list[tuple[str, int]] = field(default_factory=list)
    outputs: list[tuple[str, int]] = field(default_factory=list)

    def _tensor(self, name: str, dtype: str, shape: tuple[int, ...], data: bytes | None = None) -> int:
        tensor = schema.TensorT()
        tensor.name, tensor.type, tensor.shape = name, TYPES[dtype], np.array(shape, np.int32)
        if data is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(data, np.uint8)
            self.buffers.append(buffer)
            tensor.buffer = len(self.buffers) - 1
        self.tensors.append(tensor)
        return len(self.tensors) - 1

    def input(self, name: str, dtype: str, shape: tuple[int, ...]) -> int:
        index = self._tensor(name, dtype, shape)
        self.inputs.append((name, index))
        return index

    def constant(self, value: np.ndarray) -> int:
        return self._tensor(f"constant_{len(self.tensors)}", value.dtype.name, value.shape, value.tobytes())

    def variable(self, shape: tuple[int, ...], dtype: str = "float32") -> int:
        index = self._tensor(f"variable_{len(self.tensors)}", dtype, shape)
        self.tensors[index].isVariable = True
        return index

    def op(
        self, name: str, inputs: list[int], outputs: Mapping[str, str], attrs: Mapping[str, object] | bytes
    ) -> list[int]:
        """A node; outputs are {name: dtype} (their shapes come from the op) and become the graph's outputs."""
        if name not in self.codes:
            self.codes.append(name)
        made = [self._tensor(output, dtype, (1,)) for output, dtype in outputs.items()]
        node = schema.OperatorT()
        node.opcodeIndex = self.codes.index(name)
        node.inputs, node.outputs = np.array(inputs, np.int32), np.array(made, np.int32)
        options = attrs if isinstance(attrs, bytes) else bytes(flexbuffers.Dumps(dict(attrs)))
        node.customOptions = np.frombuffer(options, np.uint8)
        self.operators.append(node)
        self.outputs += zip(outputs, made, strict=True)
        return made

    def write(self, path: Path) -> Path:
        graph = schema.SubGraphT()
        graph.tensors, graph.operators = self.tensors, self.operators
        graph.inputs = np.array([index for _, index in self.inputs], np.int32)
        graph.outputs = np.array([index for _, index in self.outputs], np.int32)
        model = schema.ModelT()
        model.version, model.subgraphs, model.buffers = 3, [graph], self.buffers
        model.operatorCodes = [self._code(name) for name in self.codes]
        builder = flatbuffers.Builder(1024)
        builder.Finish(model.Pack(builder), b"TFL3")
        path.write_bytes(bytes(builder.Output()))
        return path

    @staticmethod
    def _code(name: str):
        code = schema.OperatorCodeT()
        code.builtinCode = code.deprecatedBuiltinCode = CUSTOM
        code.customCode, code.version = name, 1
        return code
