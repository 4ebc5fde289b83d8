"""Teaching and asking: the words of the console, without the console.

Every method returns an Answer; bad input is a BitmarError and changes nothing.
"""

from __future__ import annotations

import datetime
import time
from pathlib import Path
from types import TracebackType

import numpy as np

from bitmar.engine import Engine
from bitmar.errors import BitmarError
from bitmar.memory import Memory, Recalled, Shape, slots_on
from bitmar.model_folder import ModelFolder
from bitmar.native import library
from bitmar.picture_source import PictureSource
from bitmar.tokenizer import Tokenizer
from pi_app.answers import Answer, Timing, measured, table, when


def shape_of(model: ModelFolder, card: Path | None, slots: int | None = None) -> Shape:
    """The memory that a model needs: as many slots as asked for, or as the card has, or as the model says."""
    return Shape(
        slots=slots or (slots_on(card) if card else None) or model.memory_slots,
        dim=model.episode_dim,
        hot=model.hot_slots,
        model_hash=model.model_hash,
        dtype=model.slot_dtype,
        alpha=model.alpha,
        merge_threshold=model.merge_threshold,
        min_importance=model.min_importance,
    )


class Session:
    """A model and a memory, ready to be taught and asked.

    Args:
      card: the card's folder, or None for a memory in RAM.
      slots: number of slots, if not the card's or the model's own.
      data: folder of `pipeline.py data`, for pictures named SET/CODE.
    """

    def __init__(
        self,
        model: ModelFolder,
        card: Path | None,
        slots: int | None = None,
        data: Path | None = None,
        runtime: str | None = None,
    ):
        self.model = model
        self.engine = Engine(model, runtime)
        self.tokenizer = Tokenizer(model.path / "tokenizer.bin", library.load())
        self.pictures = PictureSource(model, data, runtime)
        self.memory = Memory(card, shape_of(model, card, slots))

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the card; harmless if closed already."""
        self.memory.close()

    @property
    def isa(self) -> str:
        """The instruction-set variant that the kernels run in."""
        return library.load().bm_isa().decode()

    def greeting(self) -> str:
        """What was found, for people."""
        return (
            f"{self.model.name} on {self.engine.runtime}; {self.where()}: {self.memory.report_text()}\n"
            "`help` lists the words, `quit` leaves."
        )

    # --- teaching and asking

    def teach(self, picture: str, name: str, replace: bool = False) -> Answer:
        """Remembers a picture under a name; on the card when this returns."""
        name = self.normalise(name)
        self.memory.check_name(name)
        with measured(self.memory) as timing:
            encoding = self.engine.encode(self.tokens(name), self.pictures.read(picture))
            taught = self.memory.teach(name, encoding.episode, encoding.key, replace=replace)
        lines = [f"{name}: {taught.action} in slot {taught.slot}" + ("" if taught.saved else " (not saved)")]
        if taught.previous:
            lines[0] += f", instead of {taught.previous}"
        fields = {
            "name": name,
            "slot": taught.slot,
            "action": taught.action,
            "saved": taught.saved,
            "cosine": round(taught.cosine, 4),
            "previous": taught.previous or None,
        }
        return Answer("teach", lines, fields, timing)

    def ask(self, picture: str) -> Answer:
        """What is this picture called?"""
        with measured(self.memory) as timing:
            encoding = self.engine.encode([], self.pictures.read(picture))
            recalled = self.memory.recall(encoding.query, self.model.top_k)
            text = self.decode(self.context(recalled), encoding.latent, timing)
        return self._recalled_answer("ask", text, recalled, timing)

    def say(self, words: str) -> Answer:
        """What comes back for a text alone?"""
        words = self.normalise(words)
        if not words:
            raise BitmarError("say: an empty text, expected some words")
        with measured(self.memory) as timing:
            encoding = self.engine.encode(self.tokens(words), None)
            recalled = self.memory.recall(encoding.query, self.model.top_k)
            text = self.decode(self.context(recalled), encoding.latent, timing)
        return self._recalled_answer("say", text, recalled, timing)

    def caption(self, picture: str) -> Answer:
        """Describes a picture without the memory."""
        with measured(self.memory) as timing:
            encoding = self.engine.encode([], self.pictures.read(picture))
            text = self.decode(self.engine.no_context(), encoding.latent, timing)
        return Answer("caption", [text], {"text": text}, timing)

    def _recalled_answer(self, word: str, text: str, recalled: Recalled, timing: Timing) -> Answer:
        """The answer, with the slot that scored best: its stored name is shown beside what was decoded."""
        if recalled.empty:
            return Answer(word, [f"{text} (the memory is empty)"], {"text": text, "slot": None, "name": None}, timing)
        slot = int(recalled.slots[0])
        name, saved, score = self.memory.name_of(slot), self.memory.is_saved(slot), float(recalled.scores[0])
        line = f"{text} (slot {slot}: {name}, score {score:.3f}" + ("" if saved else ", not saved") + ")"
        fields = {"text": text, "slot": slot, "name": name, "score": round(score, 4), "saved": saved}
        return Answer(word, [line], fields, timing)

    def context(self, recalled: Recalled) -> np.ndarray:
        """The memory's read-out for the decoder; zeros if nothing is remembered."""
        if recalled.empty:
            return self.engine.no_context()
        return self.engine.recall(recalled.scores, recalled.values, recalled.mask)

    def decode(self, context: np.ndarray, latent: np.ndarray, timing: Timing) -> str:
        start = time.perf_counter()
        tokens = self.engine.answer(context, latent)
        timing.decode_s = time.perf_counter() - start
        timing.tokens = len(tokens) + (len(tokens) < self.model.max_tokens)  # <eos> costs a step too
        return self.tokenizer.decode(tokens)

    def normalise(self, words: str) -> str:
        try:
            return self.tokenizer.normalise(words).decode("utf-8")
        except UnicodeError:
            raise BitmarError(f"{words!r}: not valid UTF-8") from None

    def tokens(self, words: str) -> list[int]:
        return self.tokenizer.encode(words)

    # --- the memory

    def forget(self, name: str) -> Answer:
        name = self.normalise(name)
        with measured(self.memory) as timing:
            count = self.memory.forget(name)
        return Answer("forget", [f"{name}: {count} forgotten"], {"name": name, "count": count}, timing)

    def rename(self, old: str, new: str) -> Answer:
        """Another label for the same episode. What `ask` decodes stays what was taught: teach again to change it."""
        old, new = self.normalise(old), self.normalise(new)
        with measured(self.memory) as timing:
            self.memory.rename(old, new)
        return Answer("rename", [f"{old} is now {new}"], {"old": old, "new": new}, timing)

    def mem_show(self) -> Answer:
        slots, stats, shape = self.memory.slots(), self.memory.stats(), self.memory.shape
        rows = []
        for s in slots:
            row = [s.slot, s.name, s.uses, s.writes, f"{s.importance:.2f}", "yes" if s.hot else "no"]
            rows.append([*row, when(s.time), "" if s.saved else "not saved"])
        lines = table(["slot", "name", "uses", "writes", "importance", "in RAM", "taught (UTC)", ""], rows)
        lines.append(f"{len(slots)} of {shape.slots} slots, {shape.dim} numbers each; {self.where()}")
        fields = {
            "slots": [vars(s) for s in slots],
            "size": shape.slots,
            "dim": shape.dim,
            "sectors_read": stats.sectors_read,
            "sectors_written": stats.sectors_written,
            "barriers": stats.barriers,
            "hits": stats.hits,
            "misses": stats.misses,
        }
        return Answer("mem show", lines, fields)

    def where(self) -> str:
        return f"card {self.memory.card}" if self.memory.card else "in RAM alone, not saved"

    def mem_verify(self) -> Answer:
        with measured(self.memory) as timing:
            report, lost = self.memory.verify()
        lines = [report] + [f"lost: {name or 'a slot whose name is damaged'}" for name in lost]
        return Answer("mem verify", lines, {"report": report, "lost": lost}, timing)

    def mem_prune(self, importance: str) -> Answer:
        try:
            below = float(importance)
        except ValueError:
            below = -1.0
        if not 0 <= below <= 1:
            raise BitmarError(f"mem prune: {importance!r}, expected a number from 0 to 1")
        with measured(self.memory) as timing:
            count = self.memory.prune(below)
        return Answer("mem prune", [f"{count} forgotten"], {"count": count}, timing)

    def mem_snapshot(self) -> Answer:
        with measured(self.memory) as timing:
            number = self.memory.snapshot()
        return Answer("mem snapshot", [f"state {number} archived"], {"state": number}, timing)

    def mem_history(self) -> Answer:
        count, states = self.memory.history_count(), self.memory.history()
        lines = table(["state", "taken (UTC)", "things"], [[s.number, when(s.time), s.occupied] for s in states])
        lines.append(f"{count} states" + (f", the last {len(states)} shown" if count > len(states) else ""))
        return Answer("mem history", lines, {"count": count, "states": [vars(s) for s in states]})

    def mem_restore(self, state: str) -> Answer:
        """`state` is a number, or a time as YYYY-MM-DD[ HH:MM[:SS]] in UTC: the last state until then."""
        number = int(state) if state.isdecimal() else self.memory.find_state(parse_time(state))
        with measured(self.memory) as timing:
            self.memory.restore(number)
        things = len(self.memory.slots())
        lines = [f"state {number} restored: {things} things"]
        return Answer("mem restore", lines, {"state": number, "occupied": things}, timing)


def parse_time(text: str) -> int:
    """Unix seconds of an ISO 8601 date or time, UTC unless it says otherwise."""
    try:
        moment = datetime.datetime.fromisoformat(text)
    except ValueError:
        raise BitmarError(f"mem restore: {text!r}, expected a state's number or a time like 2026-01-31 12:00") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.UTC)
    return int(moment.timestamp())
