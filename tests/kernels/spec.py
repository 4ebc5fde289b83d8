"""Executable specification of the BITMAR_* ops, version 1: plain NumPy float32 in the same order of operations as kernels/.

The C library gives these bits on every target; docs/custom-ops.md states the same in words. Ternary matrices are int8
arrays [rows, cols] of -1, 0, 1; `pack` and `unpack` convert them to and from the byte layouts. gamma is float32 [1] (per
matrix) or [rows] (per row). NumPy rounds every float32 operation to nearest even and never contracts to FMA.
"""

import numpy as np

F = np.float32

RM2, B3, PL14, C5 = 0, 1, 2, 3
LAYOUTS = {"rm2": RM2, "b3": B3, "pl14": PL14, "c5": C5}
ACTIVATION_NONE, ACTIVATION_SQUARED_RELU = 0, 1

_POWERS = 3 ** np.arange(5, dtype=np.int32)


# ---- packing ----


def packed_bytes(layout: int, rows: int, cols: int) -> int:
    """Size of a packed matrix."""
    if layout == RM2:
        return rows * ((cols + 3) // 4)
    if layout == B3:
        return (rows + 4) // 5 * cols
    if layout == PL14:
        return (rows + 7) // 8 * ((cols + 15) // 16) * 32
    return (rows + 7) // 8 * ((cols + 4) // 5) * 8


def pl14_bit(r: int, c: int) -> int:
    """Bit of a matrix in pl14, counted from its octet's first one, where row r < 8, column c has its two bits."""
    word = c // 8 * 4 + r // 2
    in_lane = 14 if r % 2 else 0
    return 32 * word + (in_lane + 16 * (c % 2) + 4 * (c % 8 // 2)) % 32


def _pl14_bits(rows: int, cols: int) -> tuple[np.ndarray, np.ndarray]:
    """Places of the lower bits [rows, cols] (multiples of 8 and 16) and a column that says which rows are `b` rows."""
    octet = np.array([[pl14_bit(r, c) for c in range(cols)] for r in range(8)])
    return np.concatenate([octet + o * 16 * cols for o in range(rows // 8)]), np.arange(rows)[:, None] % 2 == 1


def pack(w: np.ndarray, layout: int) -> np.ndarray:
    """uint8 [packed_bytes] of the ternary int8 matrix w [rows, cols]."""
    rows, cols = w.shape
    codes = w.astype(np.int32) + 1
    if codes.min(initial=0) < 0 or codes.max(initial=0) > 2:
        raise ValueError("weights must be -1, 0 or 1")
    if layout == RM2:
        codes = np.pad(codes, ((0, 0), (0, -cols % 4)), constant_values=1).reshape(rows, -1, 4)
        return (codes << np.array([0, 2, 4, 6])).sum(-1).astype(np.uint8).ravel()
    if layout == B3:
        codes = np.pad(codes, ((0, -rows % 5), (0, 0)), constant_values=1).reshape(-1, 5, cols)
        return (codes * _POWERS[:, None]).sum(1).astype(np.uint8).ravel()
    if layout == PL14:
        w = np.pad(w.astype(np.int32), ((0, -rows % 8), (0, -cols % 16)))
        place, is_b = _pl14_bits(*w.shape)
        two = np.where(is_b, w & 3, w + 1)
        bits = np.zeros(2 * w.size, np.uint8)
        bits[place] = two & 1
        bits[place + 1] = two >> 1
        return np.packbits(bits, bitorder="little")
    if layout == C5:
        codes = np.pad(codes, ((0, -rows % 8), (0, -cols % 5)), constant_values=1)
        fives = (codes.reshape(-1, 8, codes.shape[1] // 5, 5) * _POWERS).sum(-1)
        return fives.swapaxes(1, 2).astype(np.uint8).ravel()
    raise ValueError(f"unknown layout {layout}")


def unpack(packed: np.ndarray, layout: int, rows: int, cols: int) -> np.ndarray:
    """The int8 matrix [rows, cols] of packed bytes."""
    packed = np.asarray(packed, np.uint8).astype(np.int32)
    if packed.size != packed_bytes(layout, rows, cols):
        raise ValueError(f"{packed.size} bytes, expected {packed_bytes(layout, rows, cols)}")
    if layout == RM2:
        codes = (packed.reshape(rows, -1, 1) >> np.array([0, 2, 4, 6])) & 3
        return (codes.reshape(rows, -1)[:, :cols] - 1).astype(np.int8)
    if layout == B3:
        codes = packed.reshape(-1, 1, cols) // _POWERS[:, None] % 3
        return (codes.reshape(-1, cols)[:rows] - 1).astype(np.int8)
    if layout == PL14:
        bits = np.unpackbits(packed.astype(np.uint8), bitorder="little").astype(np.int32)
        place, is_b = _pl14_bits((rows + 7) // 8 * 8, (cols + 15) // 16 * 16)
        two = bits[place] + 2 * bits[place + 1]
        return np.where(is_b, (two ^ 2) - 2, two - 1)[:rows, :cols].astype(np.int8)
    fives = packed.reshape(-1, (cols + 4) // 5, 8).swapaxes(1, 2)
    codes = fives[..., None] // _POWERS % 3
    return (codes.reshape(fives.shape[0] * 8, -1)[:rows, :cols] - 1).astype(np.int8)


# ---- building blocks ----


def absmax_quantise(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """int8 tokens q [..., n] and factors d [...] of x [..., n]: q = rne(x * (127 / m)), d = m / 127, m = max(|x|, 1e-5)."""
    x = np.nan_to_num(np.asarray(x, F), nan=0.0, posinf=np.inf, neginf=-np.inf)
    m = np.maximum(np.abs(x).max(-1), F(1e-5))
    t = np.rint(x * (F(127) / m)[..., None])
    return np.clip(t, -127, 127).astype(np.int8), m / F(127)


def lane_sum(t: np.ndarray) -> np.ndarray:
    """Sum over the last axis in four lanes: lane j takes t_i with i % 4 == j in order; (l0 + l1) + (l2 + l3)."""
    t = np.asarray(t, F)
    lanes = np.zeros((*t.shape[:-1], 4), F)
    for i in range(0, t.shape[-1], 4):
        part = t[..., i : i + 4]
        lanes[..., : part.shape[-1]] += part
    return (lanes[..., 0] + lanes[..., 1]) + (lanes[..., 2] + lanes[..., 3])


def rsqrt(x: np.ndarray) -> np.ndarray:
    """1 / sqrt(x), each of the two correctly rounded."""
    return F(1) / np.sqrt(np.asarray(x, F))


_EXP_COEFFICIENTS = [
    F(float.fromhex(c)) for c in ("0x1.6a23c2p-10", "0x1.123a22p-7", "0x1.5558f4p-5", "0x1.555492p-3", "0x1.fffffcp-2")
]


def exp32(x: np.ndarray) -> np.ndarray:
    """exp(x) for x <= 0; 0 below -87. Relative error <= 1e-7. Constants as in kernels/src/exp32.c."""
    x = np.asarray(x, F)
    small = ~(x >= F(-87))
    x = np.where(small, F(0), x)
    n = np.rint(x * F(1.44269504088896341))
    r = (x - n * F(0.693359375)) - n * F(-2.12194440e-4)
    p = np.full_like(r, _EXP_COEFFICIENTS[0])
    for c in (*_EXP_COEFFICIENTS[1:], F(1), F(1)):
        p = p * r + c
    power = ((n.astype(np.int32) + 127) << 23).view(F)
    return np.where(small, F(0), p * power)


def softmax(s: np.ndarray, allowed: np.ndarray | None = None) -> np.ndarray:
    """Weights of s [n] over the allowed entries, in increasing index; all 0 if none is allowed."""
    s = np.asarray(s, F)
    index = np.arange(s.size) if allowed is None else np.flatnonzero(allowed)
    weights = np.zeros(s.size, F)
    if index.size == 0:
        return weights
    e = exp32(s[index] - s[index].max())
    total = F(0)
    for value in e:
        total = total + value
    weights[index] = e * (F(1) / total)
    return weights


def weighted_sum(weights: np.ndarray, values: np.ndarray, allowed: np.ndarray | None = None) -> np.ndarray:
    """sum_i weights[i] * values[i] for values [n, d], i increasing over the allowed entries, from 0."""
    y = np.zeros(values.shape[1], F)
    for i in range(values.shape[0]):
        if allowed is None or allowed[i]:
            y = y + weights[i] * values[i]
    return y


def _exact_dot(q: np.ndarray, w: np.ndarray) -> np.ndarray:
    # products and sums of small integers are exact in float64, and BLAS is fast
    return (q.astype(np.float64) @ w.astype(np.float64).T).astype(np.int32)


# ---- the ops ----


def ternary_fc(x: np.ndarray, w: np.ndarray, gamma: np.ndarray, activation: int = ACTIVATION_NONE) -> np.ndarray:
    """BITMAR_TERNARY_FC: y [..., rows] = act(dot * (d * gamma)) of x [..., cols], w [rows, cols]."""
    q, d = absmax_quantise(x)
    y = _exact_dot(q, w).astype(F) * (d[..., None] * np.asarray(gamma, F))
    if activation == ACTIVATION_SQUARED_RELU:
        t = np.maximum(y, F(0))
        with np.errstate(over="ignore"):
            y = t * t
    return y


def zero_padding(y: np.ndarray, used: np.ndarray) -> np.ndarray:
    """With the input `used` int32 [rows], the rows of y after its last entry that is not 0 are 0."""
    y = y.copy()
    y.reshape(-1, y.shape[-1])[np.flatnonzero(used)[-1:].sum() + bool(np.any(used)) :] = 0
    return y


def ternary_embedding(ids: np.ndarray, w: np.ndarray, gamma: np.ndarray) -> np.ndarray:
    """BITMAR_TERNARY_EMBEDDING: y [n, cols] = w[ids] * gamma; IndexError if an id is outside [0, rows)."""
    ids = np.asarray(ids)
    if ids.min() < 0 or ids.max() >= w.shape[0]:
        raise IndexError("id outside [0, rows)")
    return w[ids].astype(F) * np.broadcast_to(np.asarray(gamma, F), w.shape[:1])[ids][:, None]


def ternary_topk(x: np.ndarray, w: np.ndarray, gamma: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """BITMAR_TERNARY_TOPK: ids int32 [k] and logits [k] of x [cols] or [1, cols], descending, equal logits by lower id."""
    logits = ternary_fc(np.reshape(x, -1), w, gamma)
    ids = np.argsort(-logits, kind="stable")[:k].astype(np.int32)
    return ids, logits[ids]


def ternary_class_topk(
    x: np.ndarray, w: np.ndarray, gamma: np.ndarray, class_logits: np.ndarray, k: int, shortlist: int, class_words: int
) -> tuple[np.ndarray, np.ndarray]:
    """BITMAR_TERNARY_CLASS_TOPK: as `ternary_topk`, of the shortlist, or of the class whose logit is larger than all of its."""
    logits = ternary_fc(np.reshape(x, -1), w, gamma)
    order = np.argsort(-logits, kind="stable")
    words = order[order < shortlist]
    chosen = np.argmax(class_logits)
    if np.reshape(class_logits, -1)[chosen] > logits[words[0]]:
        words = np.concatenate([order[(order - shortlist) // class_words == chosen], words])
    ids = words[:k].astype(np.int32)
    return ids, logits[ids]


def rms_norm(x: np.ndarray, g: np.ndarray) -> np.ndarray:
    """BITMAR_RMS_NORM: y [..., n] = (x * r) * g with r = rsqrt(mean(x^2) + 1e-6)."""
    x = np.asarray(x, F)
    r = rsqrt(lane_sum(x * x) / F(x.shape[-1]) + F(1e-6))
    return (x * r[..., None]) * np.asarray(g, F)


def _attend(q: np.ndarray, keys: np.ndarray, values: np.ndarray, allowed: np.ndarray | None) -> np.ndarray:
    s = lane_sum(q * keys) * (F(1) / np.sqrt(F(q.size)))
    return weighted_sum(softmax(s, allowed), values, allowed)


def attention(
    q: np.ndarray,
    kv: np.ndarray,
    mask: np.ndarray,
    heads: int,
    width: int,
    q_offset: int,
    k_offset: int,
    v_offset: int,
) -> np.ndarray:
    """BITMAR_ATTENTION: y [T, width] of q [T, wq], kv [S, wkv], mask int32 [S] (0 = key takes no part)."""
    q, kv, dh = np.asarray(q, F), np.asarray(kv, F), width // heads
    y = np.zeros((q.shape[0], width), F)
    for t in range(q.shape[0]):
        for at in range(0, width, dh):
            query = q[t, q_offset + at : q_offset + at + dh]
            keys = kv[:, k_offset + at : k_offset + at + dh]
            y[t, at : at + dh] = _attend(query, keys, kv[:, v_offset + at : v_offset + at + dh], mask)
    return y


def cache_slot(p: int, window: int, sinks: int) -> int:
    """Cache slot of stream position p; -1 if p < 0, sinks < 0 or window <= sinks."""
    if p < 0 or sinks < 0 or window <= sinks:
        return -1
    return p if p < window else sinks + (p - sinks) % (window - sinks)


def cached_attention(
    qkv: np.ndarray, position: int, k_cache: np.ndarray, v_cache: np.ndarray, heads: int, sinks: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """BITMAR_CACHED_ATTENTION, one step: y [width] and the new caches [window, width]; IndexError if position < 0."""
    if position < 0:
        raise IndexError("position < 0")
    window, width = k_cache.shape
    q, k, v = np.asarray(qkv, F).reshape(3, width)
    k_cache, v_cache, dh = k_cache.astype(F), v_cache.astype(F), width // heads
    slot = cache_slot(position, window, sinks)
    k_cache[slot], v_cache[slot] = k, v
    n = min(position, window - 1) + 1
    y = np.zeros(width, F)
    for at in range(0, width, dh):
        head = slice(at, at + dh)
        y[head] = _attend(q[head], k_cache[:n, head], v_cache[:n, head], None)
    return y, k_cache, v_cache


def int8_cache(cache: np.ndarray, heads: int, values: bool) -> tuple[np.ndarray, np.ndarray]:
    """Views into a cache uint8 [window, width + 4 * heads]: codes int8 [heads, window, dh], scales as bytes [heads, window, 4].

    In memory: for each head the keys' codes [window, dh] or the values' [dh, window], then the scales.
    """
    window, row = cache.shape
    blocks, dh = cache.reshape(heads, -1), row // heads - 4
    codes = blocks[:, : window * dh].view(np.int8)
    codes = codes.reshape(heads, dh, window).swapaxes(1, 2) if values else codes.reshape(heads, window, dh)
    return codes, blocks[:, window * dh :].reshape(heads, window, 4)


def cached_attention_int8(
    qkv: np.ndarray, position: int, k_cache: np.ndarray, v_cache: np.ndarray, heads: int, sinks: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """BITMAR_CACHED_ATTENTION_INT8, one step: y [width] and the new caches (see int8_cache); IndexError if position < 0."""
    if position < 0:
        raise IndexError("position < 0")
    window, k_cache, v_cache = k_cache.shape[0], k_cache.copy(), v_cache.copy()
    (q, q_scale), *new = (absmax_quantise(x) for x in np.reshape(qkv, (3, heads, -1)))
    slot, n, kept = cache_slot(position, window, sinks), min(position, window - 1) + 1, []
    for cache, (codes, scales) in zip((k_cache, v_cache), new, strict=True):
        in_cache, scale_bytes = int8_cache(cache, heads, values=cache is v_cache)
        in_cache[:, slot], scale_bytes[:, slot] = codes, scales.view(np.uint8).reshape(heads, 4)
        kept += [in_cache[:, :n], np.ascontiguousarray(scale_bytes[:, :n]).view(F)[..., 0]]
    k, k_scale, v, v_scale = kept
    y, root = np.zeros(q.shape, F), F(1) / np.sqrt(F(q.shape[1]))
    for h in range(heads):
        s = _exact_dot(q[h], k[h]).astype(F) * (q_scale[h] * root * k_scale[h])
        e = exp32(s - s.max())
        weights = e * v_scale[h]
        total, weighted = F(0), F(0)
        for i in range(n):
            total, weighted = total + e[i], weighted + weights[i]
        codes = np.rint(weights * (F(32767) / weighted))
        y[h] = _exact_dot(codes, v[h].T).astype(F) * (weighted / (total * F(32767)))
    return y.reshape(-1), k_cache, v_cache


def memory_read(scores: np.ndarray, values: np.ndarray, mask: np.ndarray, temperature: float) -> np.ndarray:
    """BITMAR_MEMORY_READ: context [D] of scores [k], values [k, D], mask int32 [k]."""
    s = np.asarray(scores, F) / F(temperature)
    return weighted_sum(softmax(s, mask), np.asarray(values, F), mask)


def index_scores(query: np.ndarray, query_scale: float, keys: np.ndarray, scales: np.ndarray) -> np.ndarray:
    """float32 [K]: (float)(query . key) * (query_scale * scale) for int8 query [D], keys [K, D], scales [K]."""
    return _exact_dot(query, keys).astype(F) * (F(query_scale) * np.asarray(scales, F))


def object_pool(map_: np.ndarray, zero_point: int, scale: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """bm_object_pool: map int8 [side, side, channels], scale and shift float32 [4 * channels] -> float32 [4 * channels]."""
    side, channels = map_.shape[0], map_.shape[2]
    cells = map_.reshape(side * side, channels).astype(np.int64)
    border = np.ones((side, side), bool)
    border[1:-1, 1:-1] = False
    count, sums = int(border.sum()), cells[border.ravel()].sum(0)
    distance = ((count * cells - sums) ** 2).sum(1)
    total = int(distance.sum())
    weight = distance.astype(F) / F(total) if total else np.full(side * side, F(1) / F(side * side), F)
    centre = [F(0), F(0)]
    for i in range(side * side):
        for axis, place in enumerate((i // side, i % side)):
            centre[axis] = centre[axis] + weight[i] * F(place)

    def far(middle: np.floating) -> list[np.floating]:
        shares = []
        for i in range(side):
            t = (F(i) - middle) / (F(0.1) * F(side))
            e = exp32(np.array([-np.abs(t)], F))[0]
            shares.append((e if t < 0 else F(1)) / (F(1) + e))
        return shares

    down, right = far(centre[0]), far(centre[1])
    out = np.zeros(4 * channels, F)
    for quadrant in range(4):
        total_of = np.zeros(channels, F)
        for i in range(side * side):
            v, h = down[i // side], right[i % side]
            share = weight[i] * ((v if quadrant & 2 else F(1) - v) * (h if quadrant & 1 else F(1) - h))
            total_of = total_of + share * (cells[i] - zero_point).astype(F)
        part = slice(quadrant * channels, (quadrant + 1) * channels)
        out[part] = total_of * scale[part] + shift[part]
    return out
