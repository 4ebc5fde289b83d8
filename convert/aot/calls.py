"""One C call per operator, its shapes checked against its attributes."""

from __future__ import annotations

from collections.abc import Callable
from math import prod

from bitmar.errors import BitmarError
from convert.aot.graph import Operator, Tensor
from convert.aot.names import comment, identifier
from convert.aot.schedule import Schedule, Step
from convert.aot.used_rows import UsedRows
from convert.aot.weights import Weights
from convert.layouts import LAYOUT_NAMES, packed_bytes


class Calls:
    """Writes the calls of one graph; collects the ternary matrices that they name."""

    def __init__(self, schedule: Schedule, weights: Weights, used: UsedRows | None = None) -> None:
        self.schedule = schedule
        self.used = used
        self._rows, self._count, self._looped = 1, "1", False
        self.weights = weights
        self.matrices: list[str] = []
        self.asserts: set[str] = set()

    def lines(self, step: Step, operator: Operator) -> list[str]:
        """The C of one operator inside its step."""
        write: Callable = getattr(self, "_" + operator.kind.removeprefix("BITMAR_").lower(), None)
        if write is None:
            self._refuse(operator, f"{operator.kind} has no ahead-of-time form")
        rows = self.schedule.tile_rows(step) if step.rows > 1 else operator.outputs[0].rows
        self._rows, self._looped = rows, step.rows > 1
        cut = self._looped and self.used is not None and self.used.cuts(step)
        self._count = "n" if cut else str(rows)  # rows of this turn
        return write(operator)

    # -- addresses

    def whole(self, tensor: Tensor) -> str:
        """Address of a tensor's first byte."""
        return f"B(0x{self.schedule.buffers[self.schedule.root(tensor)].offset:x})"

    def at(self, tensor: Tensor, whole: bool = False) -> str:
        """Address of a tensor, or, unless `whole`, of its rows of this turn inside a loop."""
        if tensor.data is not None:
            letter = {"float": "WF", "int32_t": "WI"}.get(tensor.ctype, "W")
            base = f"{letter}(0x{self.weights.offset(tensor):x})"
        else:
            letter = {"float": "F", "int32_t": "I"}.get(tensor.ctype, "B")
            base = f"{letter}(0x{self.schedule.buffers[self.schedule.root(tensor)].offset:x})"
        full = tensor.data is not None or not self.schedule.is_tiled(tensor)
        return f"{base} + t * {tensor.width}" if self._looped and full and tensor.rows > 1 and not whole else base

    def _scratch(self, operator: Operator) -> str:
        buffer = self.schedule.scratch[operator.index]
        return f"B(0x{buffer.offset:x}), {buffer.bytes}"

    def _expect(self, operator: Operator, condition: bool, expected: str) -> None:
        if not condition:
            shapes = ", ".join(str(t) for t in operator.inputs)
            self._refuse(operator, f"inputs {shapes}, options {operator.options}; expected {expected}")

    def _refuse(self, operator: Operator, what: str) -> None:
        raise BitmarError(f"{self.schedule.graph.name}.tflite: operator {operator.index} ({operator.kind}): {what}")

    # -- ternary matrices

    def _matrix(self, operator: Operator, packed: Tensor, gamma: Tensor) -> str:
        layout, rows, cols = (operator.options[key] for key in ("layout", "rows", "cols"))
        known = ", ".join(f"{number} ({name})" for number, name in LAYOUT_NAMES.items())
        self._expect(operator, layout in LAYOUT_NAMES, f"layout {known}")
        self._expect(operator, packed.data is not None and gamma.data is not None, "constant weights")
        size = packed_bytes(LAYOUT_NAMES[layout], rows, cols)
        self._expect(operator, packed.bytes == size, f"{size} bytes")
        self._expect(operator, gamma.count in (1, rows), "one gamma, or one per row")
        name = f"{identifier(self.schedule.graph.name)}_matrix_{operator.index}"
        self.matrices.append(
            f"/* {comment(packed.name)} */\nstatic const bm_ternary {name} = {{W(0x{self.weights.offset(packed):x}), "
            f"WF(0x{self.weights.offset(gamma):x}), {rows}, {cols}, BM_LAYOUT_{LAYOUT_NAMES[layout].upper()}, "
            f"{int(gamma.count > 1)}}};"
        )
        return name

    def _ternary_fc(self, operator: Operator) -> list[str]:
        x, packed, gamma = operator.inputs
        y, options = operator.outputs[0], operator.options
        matrix = self._matrix(operator, packed, gamma)
        self._expect(operator, x.width == options["cols"] and y.width == options["rows"], "[.., cols] -> [.., rows]")
        self._expect(operator, x.rows == y.rows, "as many tokens out as in")
        self.asserts.add(
            f"BM_TOKEN_BYTES({x.width}) * {min(self._rows, self.schedule.tile)} <= {self.schedule.scratch[operator.index].bytes}"
        )
        arguments = f"&{matrix}, {self.at(x)}, {self._count}, {options['activation']}, {self.at(y)}"
        return [f"CALL(bm_ternary_fc({arguments}, {self._scratch(operator)}));"]

    def _ternary_embedding(self, operator: Operator) -> list[str]:
        ids, packed, gamma = operator.inputs
        y = operator.outputs[0]
        matrix = self._matrix(operator, packed, gamma)
        self._expect(operator, y.width == operator.options["cols"] and y.rows == ids.count, "[ids, cols] out")
        first = f"{self.at(ids)} + t" if self._looped else self.at(ids)
        return [f"CALL(bm_ternary_embedding(&{matrix}, {first}, {self._count}, {self.at(y)}));"]

    def _ternary_topk(self, operator: Operator) -> list[str]:
        return self._head(operator, "bm_ternary_topk", "")

    def _ternary_class_topk(self, operator: Operator) -> list[str]:
        class_logits, options = operator.inputs[3], operator.options
        rows, k, shortlist, words = (options[key] for key in ("rows", "k", "shortlist", "class_words"))
        self._expect(
            operator, k <= shortlist < rows and words > 0, "k to rows - 1 words in the shortlist, words in a class"
        )
        count = (rows - shortlist - 1) // words + 1
        self._expect(operator, class_logits.count == count, f"{count} class logits")
        name = f"{identifier(self.schedule.graph.name)}_classes_{operator.index}"
        self.matrices.append(f"static const bm_word_classes {name} = {{{shortlist}, {words}}};")
        return self._head(operator, "bm_ternary_class_topk", f"&{name}, {self.at(class_logits)}, ")

    def _head(self, operator: Operator, function: str, classes: str) -> list[str]:
        """A head with its top-k."""
        x, packed, gamma = operator.inputs[:3]
        ids, logits = operator.outputs
        k = operator.options["k"]
        matrix = self._matrix(operator, packed, gamma)
        self._expect(
            operator, x.count == operator.options["cols"] and ids.count == logits.count == k, "[1, cols] -> k, k"
        )
        best = f"{k}, {self.at(ids)}, {self.at(logits)}"
        return [f"CALL({function}(&{matrix}, {self.at(x)}, {classes}{best}, {self._scratch(operator)}));"]

    # -- normalisation and attention

    def _rms_norm(self, operator: Operator) -> list[str]:
        x, gain = operator.inputs
        y = operator.outputs[0]
        self._expect(
            operator, gain.count == x.width and x.shape[-1:] == y.shape[-1:], "as many gains as numbers in a row"
        )
        return [f"CALL(bm_rms_norm({self.at(x)}, {self.at(gain)}, {self._count}, {x.width}, {self.at(y)}));"]

    def _attention(self, operator: Operator) -> list[str]:
        q, kv, mask = operator.inputs
        y, options = operator.outputs[0], operator.options
        heads, width = options["heads"], options["width"]
        offsets = [options[key] for key in ("q_offset", "k_offset", "v_offset")]
        self._expect(operator, width % heads == 0 and y.width == width, "a width that the heads divide")
        self._expect(
            operator, mask.count == kv.rows and y.rows == q.rows, "one mask entry per key, one row out per query"
        )
        self._expect(operator, offsets[0] + width <= q.width, "queries inside q")
        self._expect(operator, max(offsets[1:]) + width <= kv.width, "keys and values inside kv")
        self.asserts.add(f"BM_ATTENTION_BYTES({kv.rows}) <= {self.schedule.scratch[operator.index].bytes}")
        fields = [q.rows, kv.rows, q.width, kv.width, heads, width, *offsets]
        name = f"{identifier(self.schedule.graph.name)}_attention_{operator.index}"
        self.matrices.append(f"static const bm_attention_shape {name} = {{{', '.join(map(str, fields))}}};")
        rest = f"{self.at(q)}, {self.at(kv, whole=True)}, {self.at(mask)}, {self.at(y)}, {self._scratch(operator)}"
        if not self._looped:
            return [f"CALL(bm_attention(&{name}, {rest}));"]
        shape = f"shape_{operator.index}"
        lines = [f"bm_attention_shape {shape} = {name};", f"{shape}.queries = {self._count};"]
        if self.used is not None and operator.index in self.used.masked_keys:
            lines.append(f"{shape}.keys = used;")
        return [*lines, f"CALL(bm_attention(&{shape}, {rest}));"]

    def _cached_attention(self, operator: Operator) -> list[str]:
        width, window = (operator.options[key] for key in ("width", "window"))
        self.asserts.add(f"BM_ATTENTION_BYTES({window}) <= {self.schedule.scratch[operator.index].bytes}")
        return self._cached(operator, "bm_cached_attention", width, "width")

    def _cached_attention_int8(self, operator: Operator) -> list[str]:
        heads, width, window = (operator.options[key] for key in ("heads", "width", "window"))
        size = self.schedule.scratch[operator.index].bytes
        self.asserts.add(f"BM_CACHED_ATTENTION_INT8_BYTES({window}, {width}) <= {size}")
        return self._cached(operator, "bm_cached_attention_int8", width + 4 * heads, "width + 4 * heads")

    def _cached(self, operator: Operator, function: str, row: int, said: str) -> list[str]:
        """One step with caches of rows of `row`."""
        qkv, position, k_cache, v_cache = operator.inputs
        y, options = operator.outputs[0], operator.options
        heads, width, window, sinks = (options[key] for key in ("heads", "width", "window", "sinks"))
        self._expect(operator, qkv.count == 3 * width and y.count == width, "[1, 3 * width] -> [1, width]")
        self._expect(operator, k_cache.count == v_cache.count == window * row, f"caches [window, {said}]")
        self._expect(operator, k_cache.variable and v_cache.variable, "caches as variable tensors")
        numbers = f"{self.at(position)}[0], {heads}, {width}, {window}, {sinks}".replace("I(", "(I(").replace(
            ")[", "))["
        )
        arguments = f"{self.at(qkv)}, {numbers}, {self.at(k_cache)}, {self.at(v_cache)}, {self.at(y)}"
        return [f"CALL({function}({arguments}, {self._scratch(operator)}));"]

    def _memory_read(self, operator: Operator) -> list[str]:
        scores, values, mask, temperature = operator.inputs
        y = operator.outputs[0]
        self._expect(
            operator, scores.count == mask.count == values.rows and y.count == values.width, "k, [k, D], k -> [1, D]"
        )
        arguments = f"{self.at(scores)}, {self.at(values)}, {self.at(mask)}, *({self.at(temperature)})"
        return [f"CALL(bm_memory_read({arguments}, {values.rows}, {values.width}, {self.at(y)}));"]

    # -- builtin operators

    def _elementwise(self, operator: Operator, function: str) -> list[str]:
        a, b = operator.inputs
        y = operator.outputs[0]
        fused = operator.options.get("activation", 0)
        self._expect(operator, fused in (0, 1), "no fused activation but RELU")
        self._expect(operator, y.ctype == "float" or not fused, "float numbers where RELU is fused")
        self._expect(operator, a.ctype == b.ctype == y.ctype and y.ctype in ("float", "int32_t"), "float or int32")
        operands = []
        for tensor in (a, b):
            self._expect(
                operator, tensor.rows in (1, y.rows) and tensor.width in (1, y.width), "shapes that broadcast by rows"
            )
            row = tensor.width if tensor.rows > 1 else 0
            operands.append(f"{self.at(tensor)}, {row}, {int(tensor.width > 1)}")
        suffix = "" if y.ctype == "float" else "_int"
        lines = [f"{function}{suffix}({', '.join(operands)}, {self._count}, {y.width}, {self.at(y)});"]
        return lines + ([f"aot_relu({self.at(y)}, {self._count} * {y.width}, {self.at(y)});"] if fused else [])

    def _add(self, operator: Operator) -> list[str]:
        return self._elementwise(operator, "aot_add")

    def _sub(self, operator: Operator) -> list[str]:
        return self._elementwise(operator, "aot_sub")

    def _mul(self, operator: Operator) -> list[str]:
        return self._elementwise(operator, "aot_mul")

    def _relu(self, operator: Operator) -> list[str]:
        x, y = operator.inputs[0], operator.outputs[0]
        return [f"aot_relu({self.at(x)}, {self._count} * {y.width}, {self.at(y)});"]

    def _cast(self, operator: Operator) -> list[str]:
        x, y = operator.inputs[0], operator.outputs[0]
        self._expect(operator, (x.ctype, y.ctype) == ("int32_t", "float"), "int32 -> float")
        return [f"aot_cast({self.at(x)}, {y.count}, {self.at(y)});"]

    def _gather(self, operator: Operator) -> list[str]:
        data, ids = operator.inputs
        y, options = operator.outputs[0], operator.options
        self._expect(operator, options.get("axis", 0) == 0 and options.get("batch_dims", 0) == 0, "rows of axis 0")
        self._expect(operator, ids.ctype == "int32_t", "int32 indices")
        row_bytes = data.bytes // data.shape[0]
        arguments = f"{self.at(data)}, {data.shape[0]}, {row_bytes}, {self.at(ids)}, {ids.count}, {self.at(y)}"
        return [f"CALL(aot_gather({arguments}));"]

    def _concatenation(self, operator: Operator) -> list[str]:
        y = operator.outputs[0]
        axis = operator.options.get("axis", 0) % len(y.shape)
        outer, lines, offset = prod(y.shape[:axis]), [], 0
        for tensor in operator.inputs:
            row = tensor.bytes // outer
            lines.append(
                f"aot_copy({self.at(tensor)}, 0, {row}, {row}, {outer}, {self.at(y)}, {offset}, {y.bytes // outer});"
            )
            offset += row
        return lines

    def _slice(self, operator: Operator) -> list[str]:
        x, begin, _size = operator.inputs
        return self._cut(operator, x, [*memoryview(begin.data or b"").cast("i")] if begin.data else [])

    def _strided_slice(self, operator: Operator) -> list[str]:
        x, begin, _end, strides = operator.inputs
        self._expect(operator, bool(begin.data and strides.data), "constant bounds")
        starts, steps = ([*memoryview(t.data).cast("i")] for t in (begin, strides))
        self._expect(operator, all(step == 1 for step in steps), "strides of 1")
        unset = ("ellipsis_mask", "new_axis_mask")
        self._expect(operator, not any(operator.options.get(name) for name in unset), "no ellipsis, no new axis")
        starts = [0 if operator.options.get("begin_mask", 0) >> i & 1 else s % x.shape[i] for i, s in enumerate(starts)]
        return self._cut(operator, x, starts)

    def _cut(self, operator: Operator, x: Tensor, begin: list[int]) -> list[str]:
        """A slice that is partial in one axis at most."""
        y = operator.outputs[0]
        self._expect(operator, len(begin) == len(x.shape), "constant bounds for every axis")
        shape = (
            y.shape
            if len(y.shape) == len(x.shape)
            else tuple(
                1 if operator.options.get("shrink_axis_mask", 0) >> i & 1 else size for i, size in enumerate(x.shape)
            )
        )
        self._expect(operator, prod(shape) == y.count, "a slice that is partial in one axis")
        partial = [i for i, (whole, part) in enumerate(zip(x.shape, shape, strict=True)) if whole != part]
        self._expect(operator, len(partial) <= 1, "a slice that is partial in one axis at most")
        axis = partial[0] if partial else 0
        outer, inner = prod(x.shape[:axis]), prod(x.shape[axis + 1 :]) * x.item_bytes
        source, part = x.shape[axis] * inner, shape[axis] * inner
        return [f"aot_copy({self.at(x)}, {begin[axis] * inner}, {source}, {part}, {outer}, {self.at(y)}, 0, {part});"]
