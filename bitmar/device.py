"""A device that is shown things and told their names, remembers them on a card, and answers.

    from bitmar import Device

    with Device(card="card") as device:
        device.teach("cup.jpg", "grandma's cup")
        print(device.ask("cup2.jpg").name)

Nothing here prints; bad input is a BitmarError of one line and changes nothing.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np

from bitmar.bench import Figures, bench
from bitmar.engine import Encoding, Engine
from bitmar.errors import BitmarError
from bitmar.find_model import find_model
from bitmar.memory import Memory, Recalled, Shape, slots_on
from bitmar.model_folder import ModelFolder, read_model
from bitmar.model_format import FILE
from bitmar.native import library
from bitmar.picture_source import PictureLike, PictureSource
from bitmar.timing import Timing, measured
from bitmar.tokenizer import Tokenizer

MAX_SLOTS = 32768


@dataclass(frozen=True)
class Taught:
    """What `teach` did.

    Attributes:
      name: as it was stored: white space stripped and runs of it turned into one space.
      slot: where it lies in the memory.
      action: "new", "merged" (the same name again: both episodes were averaged), "replaced" or "evicted".
      saved: False where it is in RAM alone.
      cosine: of the new key and the nearest key that was there, -1 to 1.
      previous: the name that had to go, or None.
      timing: what it cost.
    """

    name: str
    slot: int
    action: str
    saved: bool
    cosine: float
    previous: str | None
    timing: Timing


@dataclass(frozen=True)
class Answer:
    """What `ask`, `say` and `caption` answer.

    Attributes:
      text: what the decoder wrote.
      slot: the slot that fitted best; None where the memory is empty or was not asked.
      name: the name stored with that slot, or None. It differs from `text` where decoding erred, and after `rename`.
      score: cosine of the question and that slot's key, or None.
      saved: whether that slot is on the card, or None.
      timing: what it cost.
    """

    text: str
    slot: int | None
    name: str | None
    score: float | None
    saved: bool | None
    timing: Timing


def memory_shape(model: ModelFolder, card: Path | None, slots: int | None = None) -> Shape:
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


def check_special_tokens(model: ModelFolder, tokenizer: Tokenizer) -> None:
    """BitmarError where model.json and the vocabulary number their special tokens differently."""
    for name in ("pad", "bos", "eos"):
        said, found = getattr(model, name), getattr(tokenizer, name)
        if found not in (None, said):
            raise BitmarError(
                f"{model.path / FILE}: special_tokens.{name} is {said}, expected {found}, as in tokenizer.bin"
            )


class Device:
    """A model and a memory, ready to be taught and asked; a context manager that closes the card.

    A PICTURE is an image file's path, a .npy of 768 numbers, SET/CODE from the data, a Pillow image, an array (uint8
    [height, width, 3] in RGB order, or 768 numbers) or a `bitmar.Picture`. Not for two threads at once.

    Args:
      card: the card's folder, which must exist (the memory is its sub-folder bitmar_memory); None: a memory in RAM alone.
      model: folder of a converted model, or the name of a shipped one (default: see `bitmar.find_model`).
      slots: number of things that the memory holds, 1 to 32768 (default: what the card has, or the model says).
      data: folder of `pipeline.py data`, for pictures named SET/CODE.
      runtime: tflite-runtime or ai-edge-litert, where both are installed.

    Attributes:
      model: what model.json says.
      engine: the model's three graphs.
      memory: the open memory: slots(), verify(), prune(), snapshot(), history(), find_state(), restore().

    Raises:
      BitmarError: a model, card or runtime that is missing, broken, or does not fit.
    """

    def __init__(
        self,
        card: str | os.PathLike[str] | None = None,
        model: str | os.PathLike[str] | None = None,
        *,
        slots: int | None = None,
        data: str | os.PathLike[str] | None = None,
        runtime: str | None = None,
    ):
        if slots is not None and not 1 <= slots <= MAX_SLOTS:
            raise BitmarError(f"slots {slots}: expected 1 to {MAX_SLOTS}")
        folder = None if card is None else Path(card)
        self.model = read_model(find_model(model))
        self.engine = Engine(self.model, runtime)
        self.tokenizer = Tokenizer(self.model.path / "tokenizer.bin", library.load())
        check_special_tokens(self.model, self.tokenizer)
        self.pictures = PictureSource(self.model, None if data is None else Path(data), runtime)
        self.memory = Memory(folder, memory_shape(self.model, folder, slots))

    def __enter__(self) -> Device:
        """The device itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes the card."""
        self.close()

    def close(self) -> None:
        """Writes the access counters and releases the card; harmless if closed already."""
        self.memory.close()

    @property
    def isa(self) -> str:
        """The instruction-set variant that the kernels run in, e.g. "avx2" or "neon"."""
        return library.load().bm_isa().decode()

    def teach(self, picture: PictureLike, name: str, replace: bool = False) -> Taught:
        """Remembers a picture under a name; on the card when this returns.

        Args:
          replace: it takes the place of the slot that it resembles, whatever that is called; otherwise another name
            always gets another slot.

        Raises:
          BitmarError: a picture that cannot be read, a name that is empty, longer than 63 bytes or than the model takes.
        """
        name = self.normalise(name)
        self.memory.check_name(name)
        with measured(self.memory) as timing:
            encoding = self.engine.encode(self.tokenizer.encode(name), self.pictures.read(picture))
            written = self.memory.teach(name, encoding.episode, encoding.key, replace=replace)
        previous = written.previous or None
        return Taught(name, written.slot, written.action, written.saved, written.cosine, previous, timing)

    def ask(self, picture: PictureLike) -> Answer:
        """What is this picture called?"""
        with measured(self.memory) as timing:
            return self._recall(self.engine.encode([], self.pictures.read(picture)), timing)

    def say(self, text: str) -> Answer:
        """What comes back for a text alone? BitmarError for an empty one."""
        text = self.normalise(text)
        if not text:
            raise BitmarError("say: an empty text, expected some words")
        with measured(self.memory) as timing:
            return self._recall(self.engine.encode(self.tokenizer.encode(text), None), timing)

    def caption(self, picture: PictureLike) -> Answer:
        """Describes a picture without the memory."""
        with measured(self.memory) as timing:
            encoding = self.engine.encode([], self.pictures.read(picture))
            text = self._decode(self.engine.no_context(), encoding.latent, timing)
        return Answer(text, None, None, None, None, timing)

    def forget(self, name: str) -> int:
        """Erases every slot of that name; returns how many. BitmarError if there is none."""
        return self.memory.forget(self.normalise(name))

    def rename(self, old: str, new: str) -> None:
        """Another name for the same episode. What `ask` decodes stays what was taught: teach again to change it."""
        self.memory.rename(self.normalise(old), self.normalise(new))

    def bench(self, tokens: int = 64) -> Figures:
        """How fast this model is on this machine; reads the memory, writes nothing to it."""
        return bench(self.engine, self.memory, tokens)

    def normalise(self, words: str) -> str:
        """A name or text as the model and the memory see it: stripped, one space where there were several."""
        try:
            return self.tokenizer.normalise(words).decode("utf-8")
        except UnicodeError:
            raise BitmarError(f"{words!r}: not valid UTF-8") from None

    def _recall(self, encoding: Encoding, timing: Timing) -> Answer:
        """The memory's answer to a question, with the slot that scored best."""
        recalled = self.memory.recall(encoding.query, self.model.top_k)
        text = self._decode(self._context(recalled), encoding.latent, timing)
        if recalled.empty:
            return Answer(text, None, None, None, None, timing)
        slot = int(recalled.slots[0])
        name, saved = self.memory.name_of(slot), self.memory.is_saved(slot)
        return Answer(text, slot, name, float(recalled.scores[0]), saved, timing)

    def _context(self, recalled: Recalled) -> np.ndarray:
        """The memory's read-out for the decoder, float32 [1, D]; zeros if nothing is remembered."""
        if recalled.empty:
            return self.engine.no_context()
        return self.engine.recall(recalled.scores, recalled.values, recalled.mask)

    def _decode(self, context: np.ndarray, latent: np.ndarray, timing: Timing) -> str:
        """The decoder's greedy text; its cost goes into `timing`."""
        start = time.perf_counter()
        tokens = self.engine.answer(context, latent)
        timing.decode_s = time.perf_counter() - start
        timing.tokens = len(tokens) + (len(tokens) < self.model.max_tokens)  # <eos> costs a step too
        return self.tokenizer.decode(tokens)
