"""A device that is shown things and told their names, remembers them on a card, and answers.

    from bitmar import Device

    with Device(card="card") as device:
        device.teach("cup.jpg", "grandma's cup")
        print(device.ask("cup2.jpg").name)

Nothing here prints; bad input is a BitmarError of one line and changes nothing.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from types import TracebackType

import numpy as np
from PIL import Image

from bitmar import memory_abi as abi
from bitmar.bench import Figures, bench
from bitmar.camera import open_camera
from bitmar.engine import Engine, Picture
from bitmar.errors import BitmarError
from bitmar.find_model import find_model
from bitmar.frames import sharp_frames
from bitmar.memory import Memory, Nearest, OtherNameError, Shape, slots_on
from bitmar.model_folder import ModelFolder, read_model
from bitmar.model_format import FILE
from bitmar.native import library
from bitmar.picture_source import PictureLike, PictureSource
from bitmar.refusal import read_refusal
from bitmar.teaching import NameWriter
from bitmar.timing import Timing, measured
from bitmar.tokenizer import Tokenizer

MAX_SLOTS = 32768


@dataclass(frozen=True)
class Taught:
    """What `teach` did.

    Attributes:
      name: as it was stored: white space stripped and runs of it turned into one space.
      slot: where it lies in the memory.
      action: "new", "merged" (the same name again: another view of the same thing), "replaced" or "evicted".
      saved: False where it is in RAM alone.
      cosine: of the new key and the nearest key that was there, -1 to 1.
      previous: the name that had to go, or None.
      decodes: whether the decoder brings the name back; else the answer is the stored name.
      tries: encodings that were tried until one came back, at most 12.
      alike: another thing that it is easily confused with, or None.
      timing: what it cost.
    """

    name: str
    slot: int
    action: str
    saved: bool
    cosine: float
    previous: str | None
    decodes: bool
    tries: int
    alike: str | None
    timing: Timing


@dataclass(frozen=True)
class Answer:
    """What `ask`, `say` and `caption` answer.

    Attributes:
      text: the name that was taught, or the caption; None where the device does not know.
      slot: the slot that fitted best; None where the memory is empty or was not asked.
      name: the name stored with that slot, or None.
      score: cosine of the question and that slot's key; None where a name was looked for, or nothing.
      saved: whether that slot is on the card, or None.
      timing: what it cost.
      verdict: "known", "perhaps" or "unknown"; None for a caption, and where the model has no criterion: it always names.
      answer_from: where `text` comes from: "decoded" from the slot, or its "label".
      found_by: of `say`: "name", "similar name" or "text".
    """

    text: str | None
    slot: int | None
    name: str | None
    score: float | None
    saved: bool | None
    timing: Timing
    verdict: str | None = None
    answer_from: str | None = None
    found_by: str | None = None


@dataclass(frozen=True)
class Seen:
    """One frame of `watch`.

    Attributes:
      image: the frame, RGB.
      answer: what `ask` answers to it.
      seconds: from the frame to the answer.
    """

    image: Image.Image
    answer: Answer
    seconds: float


@dataclass(frozen=True)
class Confirmed:
    """What `right` did: how important the thing of this name is now, 0 to 1."""

    name: str
    importance: float


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
        prototypes=abi.PROTOTYPES,
        same_picture=abi.SAME_PICTURE,
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

    A PICTURE is an image file's path, a .npy of 768 numbers, SET/CODE from the data, "camera", a Pillow image, an array (uint8
    [height, width, 3] in RGB order, or 768 numbers) or a `bitmar.Picture`. Not for two threads at once.

    Args:
      card: the card's folder, which must exist (the memory is its sub-folder bitmar_memory); None: a memory in RAM alone.
      model: folder of a converted model, or the name of a shipped one (default: see `bitmar.find_model`).
      slots: number of things that the memory holds, 1 to 32768 (default: what the card has, or the model says).
      data: folder of `pipeline.py data`, for pictures named SET/CODE.
      runtime: tflite-runtime or ai-edge-litert, where both are installed.
      camera: a source of frames (`bitmar.camera.open_camera`), closed with the device.

    Attributes:
      model: what model.json says.
      engine: the model's three graphs.
      memory: the open memory: slots(), verify(), prune(), history(), find_state(), restore(), undo(), diff().
      last: the answer that `right` and `wrong` speak of, and its picture (None: it was a text); an earlier one can be put back.

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
        camera: str | None = None,
    ):
        if slots is not None and not 1 <= slots <= MAX_SLOTS:
            raise BitmarError(f"slots {slots}: expected 1 to {MAX_SLOTS}")
        folder = None if card is None else Path(card)
        self.model = read_model(find_model(model))
        self.engine = Engine(self.model, runtime)
        self.tokenizer = Tokenizer(self.model.path / "tokenizer.bin", library.load())
        check_special_tokens(self.model, self.tokenizer)
        self.pictures = PictureSource(self.model, None if data is None else Path(data), runtime)
        self.refusal = read_refusal(self.model)
        self.memory = Memory(folder, memory_shape(self.model, folder, slots))
        self.names = NameWriter(self.engine, self.tokenizer, self.memory)
        self.last: tuple[Answer, Picture | None] | None = None
        if camera is not None:
            try:
                self.pictures.camera = open_camera(camera)
            except BitmarError:
                self.memory.close()
                raise

    def __enter__(self) -> Device:
        """The device itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes the card."""
        self.close()

    def close(self) -> None:
        """Writes the access counters and releases card and camera; harmless if closed already."""
        self.memory.close()
        if self.pictures.camera:
            self.pictures.camera.close()

    def reopen(self) -> None:
        """Opens the card again, after it was away or another memory was put on it; what was in RAM alone is dropped.

        Raises:
          BitmarError: no memory is there, or not one of this model and size; the old one is closed all the same.
        """
        card, shape = self.memory.card, self.memory.shape
        with contextlib.suppress(BitmarError):  # a card that is gone takes no last words
            self.memory.close()
        self.last = None
        self.memory = Memory(card, shape, create=False)
        self.names = NameWriter(self.engine, self.tokenizer, self.memory)

    @property
    def isa(self) -> str:
        """The instruction-set variant that the kernels run in, e.g. "avx2" or "neon"."""
        return library.load().bm_isa().decode()

    def teach(
        self, picture: PictureLike, name: str, replace: bool = False, both: bool = False, keep: bool = False
    ) -> Taught:
        """Remembers a picture under a name; on the card when this returns. A name that is there is the same thing.

        Args:
          replace: it takes the place of the slot of the same picture, whatever that is called.
          both: the same picture under another name is another thing.
          keep: the thing is never evicted or pruned.

        Raises:
          OtherNameError: the same picture has another name; `replace` or `both` says what is meant.
          BitmarError: a picture that cannot be read, a name that is empty, longer than 63 bytes or than the model takes.
        """
        if replace and both:
            raise BitmarError("teach: --replace and --both, expected one of them")
        name = self.normalise(name)
        self.memory.check_name(name)
        self.last = None
        shown = self.pictures.read(picture)
        with measured(self.memory) as timing:
            return self._teach(shown, name, timing, replace=replace, both=both, keep=keep)

    def _teach(self, shown: Picture, name: str, timing: Timing, **how: bool) -> Taught:
        """A checked name and picture into the memory."""
        seen = self.engine.encode(self.names.tokens(name), shown)
        written = self.names.write(name, seen)
        told = self.memory.teach(name, written.episode, seen.key, abi.TAUGHT, decodes=written.decodes, **how)
        alike = told.alike if told.alike_cosine >= abi.EASILY_CONFUSED else None
        where = (told.slot, told.action, told.saved, told.cosine, told.previous or None)
        return Taught(name, *where, written.decodes, written.tries, alike, timing)

    def ask(self, picture: PictureLike) -> Answer:
        """What is this picture called?"""
        self.last = None
        shown = self.pictures.read(picture)
        with measured(self.memory) as timing:
            nearest = self.memory.nearest(self.engine.encode([], shown).query, self.refusal)
            answer = self._answer(nearest, nearest.verdict if nearest else "unknown", timing)
        self.last = answer, shown
        return answer

    def look(self, picture: PictureLike) -> Answer:
        """As `ask`, for a camera that never stops: counts as no access, and is not what `right` and `wrong` speak of.

        The answer is the stored name; nothing is decoded or read from the card.
        """
        shown = self.pictures.read(picture)
        with measured(self.memory) as timing:
            nearest = self.memory.nearest(self.engine.encode([], shown).query, self.refusal)
        if nearest is None:
            return Answer(None, None, None, None, None, timing, "unknown")
        name, saved = self.memory.name_of(nearest.slot), self.memory.is_saved(nearest.slot)
        known = nearest.verdict != "unknown"
        return Answer(
            name if known else None,
            nearest.slot,
            name,
            nearest.cosine,
            saved,
            timing,
            nearest.verdict,
            "label" if known else None,
        )

    def watch(self, frames: int | None = None) -> Iterator[Seen]:
        """Asks about one frame of the camera after the other, blurred ones left out, until it has no more, or so many."""
        for image in islice(sharp_frames(self.pictures.frames), frames):
            start = time.perf_counter()
            answer = self.ask(image)
            yield Seen(image, answer, time.perf_counter() - start)

    def say(self, text: str) -> Answer:
        """What is remembered for a text alone? The thing of that name, of a similar one, or what the text is most like.

        Raises:
          BitmarError: an empty text, or one that is longer than the model takes.
        """
        text = self.normalise(text)
        if not text:
            raise BitmarError("say: an empty text, expected some words")
        self.last = None
        with measured(self.memory) as timing:
            slot = self.memory.find_similar(text)
            if slot is not None:
                exact = self.memory.name_of(slot) == text
                known, found_by = ("known", "name") if exact else ("perhaps", "similar name")
                answer = self._named(slot, None, known, timing, found_by)
            else:
                nearest = self.memory.nearest(self.engine.encode(self.tokenizer.encode(text), None).query)
                answer = self._answer(nearest, "perhaps" if nearest else "unknown", timing, "text")
        self.last = answer, None
        return answer

    def right(self) -> Confirmed:
        """The last answer was right: its thing matters more. BitmarError where nothing was answered."""
        answer, _ = self._answered("right")
        self.memory.confirm(answer.slot, abi.RIGHT)
        self.last = None
        return Confirmed(answer.name, self.memory.importance(answer.slot))

    def wrong(self, name: str) -> Taught:
        """The picture that was asked about has another name: the thing that was answered matters less, the picture is taught.

        Raises:
          BitmarError: nothing was asked, the last question was no picture, the name is the one that was answered or cannot be
            taught.
        """
        name = self.normalise(name)
        self.memory.check_name(name)
        self.names.tokens(name)
        answer, shown = self._answered("wrong", unknown=True)
        if shown is None:
            raise BitmarError("wrong: the last question was a text, expected one about a picture")
        if name == answer.text:
            raise BitmarError(f"wrong: {name!r} is what was answered, expected another name")
        self.last = None
        with measured(self.memory) as timing:
            if answer.text is not None:
                self.memory.confirm(answer.slot, abi.WRONG)
            try:
                return self._teach(shown, name, timing)
            except OtherNameError:  # it is said already which of the two names is wrong
                return self._teach(shown, name, timing, replace=True)

    def _answered(self, word: str, unknown: bool = False) -> tuple[Answer, Picture | None]:
        """The last answer; without `unknown` only one that named something."""
        answer, shown = self.last or (None, None)
        named = answer is not None and answer.text is not None
        there = named and self.memory.name_of(answer.slot) == answer.name  # not forgotten or renamed since
        if answer is None or (named and not there) or not (named or unknown):
            raise BitmarError(f"{word}: nothing was answered, expected it after an answer")
        return answer, shown

    def caption(self, picture: PictureLike) -> Answer:
        """Describes a picture without the memory: a guess, right for one in a hundred things that it was not trained on."""
        self.last = None
        shown = self.pictures.read(picture)
        with measured(self.memory) as timing:
            encoding = self.engine.encode([], shown)
            tokens = self._decode(self.engine.no_context(), encoding.latent, timing)
        return Answer(self.tokenizer.decode(tokens), None, None, None, None, timing)

    def forget(self, name: str) -> int:
        """Erases every slot of that name; returns how many. BitmarError if there is none."""
        return self.memory.forget(self.normalise(name))

    def rename(self, old: str, new: str) -> None:
        """Another name for the same thing, and the episode that says it; its looks stay. BitmarError if there is none."""
        old, new = self.normalise(old), self.normalise(new)
        self.memory.check_name(new)
        written = self.names.write(new, None)
        self.memory.rename_thing(old, new, written.episode, written.decodes)

    def bench(self, tokens: int = 64) -> Figures:
        """How fast this model is on this machine; reads the memory, writes nothing to it."""
        return bench(self.engine, self.memory, tokens)

    def normalise(self, words: str) -> str:
        """A name or text as the model and the memory see it: stripped, one space where there were several."""
        try:
            return self.tokenizer.normalise(words).decode("utf-8")
        except UnicodeError:
            raise BitmarError(f"{words!r}: not valid UTF-8") from None

    def _answer(
        self, nearest: Nearest | None, verdict: str | None, timing: Timing, found_by: str | None = None
    ) -> Answer:
        """A question's answer by its best slot; None: the memory is empty."""
        if nearest is None:
            return Answer(None, None, None, None, None, timing, verdict, None, found_by)
        if verdict == "unknown":
            name, saved = self.memory.name_of(nearest.slot), self.memory.is_saved(nearest.slot)
            return Answer(None, nearest.slot, name, nearest.cosine, saved, timing, verdict, None, found_by)
        return self._named(nearest.slot, nearest.cosine, verdict, timing, found_by)

    def _named(
        self, slot: int, score: float | None, verdict: str | None, timing: Timing, found_by: str | None
    ) -> Answer:
        """The name of a slot: decoded from it where that is known to give the name, and does; else its label."""
        episode, name = self.memory.read(slot), self.memory.name_of(slot)
        decode = partial(self._decode, timing=timing)
        decoded = self.memory.decodes(slot) and self.names.read(episode, name, decode).whole
        answer_from = "decoded" if decoded else "label"
        saved = self.memory.is_saved(slot)
        return Answer(name, slot, name, score, saved, timing, verdict, answer_from, found_by)

    def _decode(self, context: np.ndarray, latent: np.ndarray, timing: Timing) -> list[int]:
        """The decoder's greedy tokens; their cost is added to `timing`."""
        start = time.perf_counter()
        tokens = self.engine.answer(context, latent)
        timing.decode_s += time.perf_counter() - start
        timing.tokens += len(tokens) + (len(tokens) < self.model.max_tokens)  # <eos> costs a step too
        return tokens
