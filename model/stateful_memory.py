"""The memory with its write rule, as variables of a Keras layer: the reference for what memstore/ does on the card."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from bitmar.errors import BitmarError
from model.episodic_memory import EpisodicMemory
from model.quantizers import half_rounded, int8_codes

NAME_BYTES = 64  # UTF-8, the last one always 0


@dataclass(frozen=True)
class Written:
    """Where an episode went: "new" (an empty slot), "merged" (same name, alike), "replaced" or "evicted" (name: `previous`)."""

    slot: int
    action: str
    previous: str = ""


@keras.saving.register_keras_serializable(package="bitmar")
class StatefulMemory(keras.layers.Layer):
    """K slots that are taught and asked one at a time; its variables are what the card holds.

    - teach: if a slot of the same name has a key whose cosine is at least `merge_threshold`, the n-th view weighs max(1 / n,
      alpha) in its key, which is of unit length again, and the newer episode is taken (the card keeps one that is known to
      decode). Otherwise an empty slot is taken, or the one with the lowest retention score
      importance * (1 + floor(log2(1 + uses))) / (1 + age), age in accesses of the memory; ties: the lower slot.
      With `replace` the slot that looks alike, else the one of that name, is overwritten.
    - ask: cosines of int8 keys, then `EpisodicMemory`'s read over the occupied slots; reads count as accesses.

    Slots are rounded to IEEE half and keys to int8 at every write.
    """

    def __init__(self, slots: int, dim: int, alpha: float, merge_threshold: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.sizes = {"slots": slots, "dim": dim, "alpha": alpha, "merge_threshold": merge_threshold}
        self.count, self.dim, self.alpha, self.merge_threshold = slots, dim, alpha, merge_threshold

    def build(self, input_shape: Any = None) -> None:
        def state(name: str, shape: tuple[int, ...], dtype: str) -> keras.Variable:
            return self.add_weight(name=name, shape=shape, dtype=dtype, initializer="zeros", trainable=False)

        self.episodes = state("episodes", (self.count, self.dim), "float32")
        self.keys = state("keys", (self.count, self.dim), "float32")
        self.names = state("names", (self.count, NAME_BYTES), "uint8")
        self.last_access = state("last_access", (self.count,), "int32")
        self.uses = state("uses", (self.count,), "int32")
        self.views = state("views", (self.count,), "int32")
        self.importance = state("importance", (self.count,), "float32")
        self.clock = state("clock", (), "int32")

    def labels(self) -> list[str]:
        """The slots' names; "" = empty."""
        return [bytes(row).rstrip(b"\0").decode() for row in self.names.numpy()]

    def retention(self) -> np.ndarray:
        """float64 [K]: how much each slot is worth keeping."""
        age = self.clock.numpy() - self.last_access.numpy()
        levels = np.array([1 + math.floor(math.log2(1 + uses)) for uses in self.uses.numpy()])
        return self.importance.numpy() * levels / (1.0 + age)

    def teach(
        self, name: str, episode: np.ndarray, key: np.ndarray, importance: float = 1.0, replace: bool = False
    ) -> Written:
        """Write one episode: episode, key float32 [D]. Raises BitmarError for a name that is empty or longer than 63 bytes."""
        encoded = name.encode()
        if not 0 < len(encoded) < NAME_BYTES or b"\0" in encoded:
            raise BitmarError(
                f"name {name!r}: {len(encoded)} bytes of UTF-8, expected 1 to {NAME_BYTES - 1} without NUL"
            )
        slot, action = self._choose(name, key, replace)
        labels = self.labels()
        uses, views = 0, 1
        if action == "merged":
            views = int(self.views.numpy()[slot]) + 1
            rate = max(1 / views, self.alpha)
            key = (1 - rate) * self.keys.numpy()[slot] + rate * key
            key = (key / max(np.linalg.norm(key), 1e-9)).astype(np.float32)
            importance = max(importance, float(self.importance.numpy()[slot]))
            uses = int(self.uses.numpy()[slot])
        self._set(self.episodes, slot, np.asarray(half_rounded(ops.convert_to_tensor(episode, "float32"))))
        codes, scale = int8_codes(ops.convert_to_tensor(key, "float32"))
        self._set(self.keys, slot, np.asarray(codes * scale))
        self._set(self.names, slot, np.frombuffer(encoded.ljust(NAME_BYTES, b"\0"), np.uint8))
        self._set(self.importance, slot, importance)
        self._set(self.uses, slot, uses)
        self._set(self.views, slot, views)
        self.clock.assign(self.clock + 1)
        self._set(self.last_access, slot, self.clock.numpy())
        return Written(slot, action, labels[slot] if action in ("evicted", "replaced") else "")

    def ask(self, query: np.ndarray, memory: EpisodicMemory) -> tuple[int | None, np.ndarray]:
        """(best slot or None, context float32 [D]) for a query float32 [D]; an empty memory gives zeros."""
        occupied = np.flatnonzero(self.names.numpy()[:, 0])
        if not len(occupied):
            return None, np.zeros(self.dim, np.float32)
        keys, episodes = self.keys.numpy()[occupied], self.episodes.numpy()[occupied]
        context, scores = memory(ops.convert_to_tensor(query)[None, None], keys[None], episodes[None])
        best = int(occupied[int(np.argmax(np.asarray(scores)[0, 0]))])
        self.clock.assign(self.clock + 1)
        self._set(self.last_access, best, self.clock.numpy())
        self._set(self.uses, best, int(self.uses.numpy()[best]) + 1)
        return best, np.asarray(context)[0, 0]

    def forget(self, name: str) -> int:
        """Empty every slot of that name; how many there were."""
        slots = [i for i, label in enumerate(self.labels()) if label == name]
        for slot in slots:
            counters = (self.uses, self.views, self.importance, self.last_access)
            for variable in (self.episodes, self.keys, self.names, *counters):
                self._set(variable, slot, np.zeros(variable.shape[1:], variable.dtype))
        return len(slots)

    def _choose(self, name: str, key: np.ndarray, replace: bool) -> tuple[int, str]:
        labels = self.labels()
        occupied = [i for i, label in enumerate(labels) if label]
        cosine = self._cosines(key)
        namesakes = [i for i in occupied if labels[i] == name]
        alike = max(occupied, key=lambda i: (cosine[i], -i), default=None)
        namesake = max(namesakes, key=lambda i: (cosine[i], -i), default=None)
        if replace and alike is not None and cosine[alike] >= self.merge_threshold:
            return alike, "replaced"
        if replace and namesake is not None:
            return namesake, "replaced"
        if namesake is not None and cosine[namesake] >= self.merge_threshold:
            return namesake, "merged"
        if len(occupied) < self.count:
            return labels.index(""), "new"
        return int(np.argmin(self.retention())), "evicted"

    def _cosines(self, key: np.ndarray) -> np.ndarray:
        """Cosine of the int8 form of `key` with each slot's key; float64 [K], 0 for empty slots."""
        codes = np.asarray(int8_codes(ops.convert_to_tensor(key, "float32"))[0], np.float64)
        keys = self.keys.numpy().astype(np.float64)
        norms = np.linalg.norm(keys, axis=1) * np.linalg.norm(codes)
        return (keys @ codes) / np.where(norms > 0, norms, 1.0)

    @staticmethod
    def _set(variable: keras.Variable, slot: int, value: Any) -> None:
        array = variable.numpy().copy()
        array[slot] = value
        variable.assign(array)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **self.sizes}
