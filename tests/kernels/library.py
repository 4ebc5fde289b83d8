"""ctypes binding of kernels/ with NumPy arrays, one method per op, raising KernelError on a bad status."""

import ctypes
from ctypes import (
    POINTER,
    Structure,
    byref,
    c_char_p,
    c_float,
    c_int,
    c_int8,
    c_int32,
    c_size_t,
    c_uint8,
    c_uint16,
    c_uint32,
)
from pathlib import Path

import numpy as np

F = np.float32
_POINTERS = {np.dtype(t): POINTER(c) for t, c in ((F, c_float), (np.int32, c_int32), (np.int8, c_int8),
                                                 (np.uint8, c_uint8), (np.uint16, c_uint16))}  # fmt: skip


class KernelError(Exception):
    """A bm_status other than BM_OK; `status` is its number."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class Ternary(Structure):
    """bm_ternary."""

    _fields_ = [
        ("packed", POINTER(c_uint8)),
        ("gamma", POINTER(c_float)),
        ("rows", c_int32),
        ("cols", c_int32),
        ("layout", c_int32),
        ("gamma_per_row", c_int32),
    ]


class AttentionShape(Structure):
    """bm_attention_shape."""

    _names = ("queries", "keys", "q_stride", "kv_stride", "heads", "width", "q_offset", "k_offset", "v_offset")
    _fields_ = [(name, c_int32) for name in _names]


def token_bytes(cols: int) -> int:
    """BM_TOKEN_BYTES."""
    return (cols + 63) // 64 * 260 + 160


def table_bytes(cols: int) -> int:
    """BM_TABLE_BYTES."""
    return (cols + 4) // 5 * 512 + 16


def attention_bytes(keys: int) -> int:
    """BM_ATTENTION_BYTES."""
    return 4 * keys + 16


def ptr(a: np.ndarray):
    assert a.flags.c_contiguous
    return a.ctypes.data_as(_POINTERS[a.dtype])


def f32(a) -> np.ndarray:
    return np.ascontiguousarray(a, F)


def i32(a) -> np.ndarray:
    return np.ascontiguousarray(a, np.int32)


class Kernels:
    """The shared library at `path`."""

    def __init__(self, path: Path) -> None:
        self.lib = ctypes.CDLL(str(path))
        self.lib.bm_status_text.restype = c_char_p
        self.lib.bm_isa.restype = c_char_p
        self.lib.bm_isa_select.argtypes = [c_char_p]
        self.lib.bm_packed_bytes.restype = c_size_t
        self.lib.bm_fp_enter.restype = c_uint32
        self.lib.bm_exp32.restype = c_float
        self.lib.bm_exp32.argtypes = [c_float]
        self.lib.bm_half_from_float.restype = c_uint16
        self.lib.bm_half_from_float.argtypes = [c_float]
        self.lib.bm_half_to_float.restype = c_float

    def check(self, status: int) -> None:
        if status:
            raise KernelError(status, self.lib.bm_status_text(status).decode())

    # ---- vision ----

    def object_pool(self, map_: np.ndarray, zero_point: int, scale, shift) -> np.ndarray:
        side, channels = map_.shape[0], map_.shape[2]
        out = np.zeros(4 * channels, F)
        map_, scale, shift = np.ascontiguousarray(map_, np.int8), f32(scale), f32(shift)
        self.check(self.lib.bm_object_pool(ptr(map_), zero_point, side, channels, ptr(scale), ptr(shift), ptr(out)))
        return out

    # ---- instruction sets ----

    def isa(self) -> str:
        return self.lib.bm_isa().decode()

    def select(self, name: str | None) -> None:
        self.check(self.lib.bm_isa_select(name.encode() if name else None))

    def isas(self) -> list[str]:
        """The variants that this build and processor have."""
        names = []
        for name in ("portable", "avx2", "avxvnni", "avx512vnni", "neon", "neon+dotprod", "dsp"):
            if self.lib.bm_isa_select(name.encode()) == 0:
                names.append(name)
        self.select(None)
        return names

    # ---- ops ----

    def ternary(self, packed, gamma, rows, cols, layout) -> Ternary:
        packed, gamma = np.ascontiguousarray(packed, np.uint8), f32(gamma).ravel()
        w = Ternary(ptr(packed), ptr(gamma), rows, cols, layout, int(gamma.size != 1))
        w.keep = packed, gamma
        return w

    def quantise(self, x):
        x = f32(x)
        q, d = np.empty(x.size, np.int8), c_float()
        self.check(self.lib.bm_quantise(ptr(x), x.size, ptr(q), byref(d)))
        return q, F(d.value)

    def ternary_fc(self, x, w: Ternary, activation=0, scratch_bytes=None, misalign=0):
        x = f32(x)
        n, y = x.size // w.cols, np.full((x.size // w.cols, w.rows), np.nan, F)
        size = token_bytes(w.cols) if scratch_bytes is None else scratch_bytes
        scratch = np.empty(size + misalign, np.uint8)[misalign:]
        self.check(self.lib.bm_ternary_fc(byref(w), ptr(x), n, activation, ptr(y), ptr(scratch), c_size_t(size)))
        return y.reshape(*x.shape[:-1], w.rows)

    def _token(self, x, w: Ternary):
        memory, token = np.empty(token_bytes(w.cols), np.uint8), ctypes.c_void_p()
        size = c_size_t(memory.size)
        self.check(self.lib.bm_token_prepare(w.layout, w.cols, ptr(f32(x)), ptr(memory), size, byref(token)))
        return token, memory

    def fc_token(self, x, w: Ternary, activation=0):
        token, _memory = self._token(x, w)
        y = np.full(w.rows, np.nan, F)
        self.check(self.lib.bm_ternary_fc_token(byref(w), token, activation, ptr(y)))
        return y

    def topk_parts(self, x, parts: list[tuple[int, Ternary]], k: int):
        token, _memory = self._token(x, parts[0][1])
        ids, logits, count = np.full(k, -1, np.int32), np.full(k, np.nan, F), c_int32(0)
        for first, w in parts:
            args = byref(w), token, first, k, ptr(ids), ptr(logits), byref(count)
            self.check(self.lib.bm_ternary_topk_token(*args))
        assert count.value == k
        return ids, logits

    def ternary_embedding(self, ids, w: Ternary):
        ids = i32(ids)
        y = np.full((ids.size, w.cols), np.nan, F)
        self.check(self.lib.bm_ternary_embedding(byref(w), ptr(ids), ids.size, ptr(y)))
        return y

    def ternary_topk(self, x, w: Ternary, k: int):
        x = f32(x)
        ids, logits, scratch = np.full(k, -1, np.int32), np.full(k, np.nan, F), np.empty(token_bytes(w.cols), np.uint8)
        size = c_size_t(scratch.size)
        self.check(self.lib.bm_ternary_topk(byref(w), ptr(x), k, ptr(ids), ptr(logits), ptr(scratch), size))
        return ids, logits

    def ternary_class_topk(self, x, w: Ternary, class_logits, k: int, shortlist: int, class_words: int):
        x, class_logits, classes = f32(x), f32(class_logits), i32([shortlist, class_words])
        ids, logits, scratch = np.full(k, -1, np.int32), np.full(k, np.nan, F), np.empty(token_bytes(w.cols), np.uint8)
        parts = (ptr(x), ptr(classes), ptr(class_logits), k, ptr(ids), ptr(logits), ptr(scratch))
        self.check(self.lib.bm_ternary_class_topk(byref(w), *parts, c_size_t(scratch.size)))
        return ids, logits

    def rms_norm(self, x, g):
        x, g = f32(x), f32(g)
        y = np.full_like(x, np.nan)
        self.check(self.lib.bm_rms_norm(ptr(x), ptr(g), x.size // g.size, g.size, ptr(y)))
        return y

    def attention(self, q, kv, mask, heads, width, q_offset, k_offset, v_offset):
        q, kv, mask = f32(q), f32(kv), i32(mask)
        shape = AttentionShape(
            *q.shape[:1], *kv.shape[:1], q.shape[1], kv.shape[1], heads, width, q_offset, k_offset, v_offset
        )
        y, scratch = np.full((q.shape[0], width), np.nan, F), np.empty(attention_bytes(kv.shape[0]), np.uint8)
        size = c_size_t(scratch.size)
        self.check(self.lib.bm_attention(byref(shape), ptr(q), ptr(kv), ptr(mask), ptr(y), ptr(scratch), size))
        return y

    def cached_attention(self, qkv, position, k_cache, v_cache, heads, sinks):
        """y [width]; k_cache and v_cache are changed in place."""
        qkv = f32(qkv)
        window, width = k_cache.shape
        y, scratch = np.full(width, np.nan, F), np.empty(attention_bytes(window), np.uint8)
        self.check(
            self.lib.bm_cached_attention(
                ptr(qkv), position, heads, width, window, sinks, ptr(k_cache), ptr(v_cache), ptr(y), ptr(scratch),
                c_size_t(scratch.size),
            )
        )  # fmt: skip
        return y

    def cached_attention_int8(self, qkv, position, k_cache, v_cache, heads, sinks):
        """y [width]; k_cache and v_cache are changed in place."""
        qkv = f32(qkv)
        window, width = k_cache.shape[0], qkv.size // 3
        y, scratch = np.full(width, np.nan, F), np.empty(6 * window + 2 * width + 16, np.uint8)
        self.check(
            self.lib.bm_cached_attention_int8(
                ptr(qkv), position, heads, width, window, sinks, ptr(k_cache), ptr(v_cache), ptr(y), ptr(scratch),
                c_size_t(scratch.size),
            )
        )  # fmt: skip
        return y

    def memory_read(self, scores, values, mask, temperature):
        scores, values, mask = f32(scores), f32(values), i32(mask)
        k, d = values.shape
        y = np.full(d, np.nan, F)
        self.check(self.lib.bm_memory_read(ptr(scores), ptr(values), ptr(mask), c_float(temperature), k, d, ptr(y)))
        return y

    def scores(self, query, query_scale, keys, scales, stride=None):
        scales, (count, n) = f32(scales), keys.shape
        stride = stride or n
        table = np.zeros((count, stride), np.int8)
        table[:, :n] = keys
        y = np.full(count, np.nan, F)
        self.check(
            self.lib.bm_scores(
                ptr(query), c_float(query_scale), ptr(table), c_size_t(stride), ptr(scales), c_int(count), n, ptr(y)
            )
        )
        return y

    def dots(self, a, b, rows):
        count, n = rows.shape
        sums = np.full((2, count), -1, np.int32)
        self.check(self.lib.bm_dots(ptr(a), ptr(b), ptr(rows), c_int(count), n, ptr(sums[0]), ptr(sums[1])))
        return sums

    def halves_from_floats(self, x):
        x = f32(x)
        h = np.empty(x.size, np.uint16)
        self.lib.bm_halves_from_floats(ptr(x), c_size_t(x.size), ptr(h))
        return h

    def halves_to_floats(self, h):
        h = np.ascontiguousarray(h, np.uint16)
        x = np.empty(h.size, F)
        self.lib.bm_halves_to_floats(ptr(h), c_size_t(h.size), ptr(x))
        return x
