"""The one who works with the device: a thread that does one thing after the other, and looks after the card.

Everybody else hands in jobs and awaits their results. What readers ask for most, the list of things, is taken again after
every write and read from there by any number of them at once.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from bitmar import memory_abi as abi
from bitmar.device import Device
from bitmar.errors import BitmarError
from bitmar.memory import FOLDER, CardError
from pi_app.page import card_file
from pi_app.page.body import RefusedError
from pi_app.page.things import grouped
from pi_app.page.thumbnails import Thumbnails

MOST_WAITING = 128  # jobs
GONE = (abi.E_NO_CARD, abi.E_IO)
INDEX = "memory_index.bin"

T = TypeVar("T")


class CardGoneError(BitmarError):
    """There is no card to work with at the moment."""


@dataclass(frozen=True)
class View:
    """The memory after its last write: what readers get.

    Attributes:
      state: number of the newest state.
      things: one dictionary for each, as the API gives them.
      trouble: why the card cannot be used, or None.
    """

    state: int
    things: tuple[dict[str, Any], ...]
    trouble: str | None


class Keeper:
    """Runs jobs on a device, one at a time.

    Args:
      device: open, with a card; it is closed by `close`.
      thumbnails: of the things that were taught.
      changed: called in the device's thread when the view is another one.
    """

    def __init__(self, device: Device, thumbnails: Thumbnails, changed: Callable[[], None] = lambda: None):
        self.device, self.thumbnails, self.changed = device, thumbnails, changed
        self.card: Path = device.memory.card
        self.thread = ThreadPoolExecutor(1, thread_name_prefix="device")
        self.waiting = 0
        self.full: str | None = None  # what the card said when it had no room
        self.identity = self.look_at_card()
        self.view = View(0, (), None)
        self.publish()

    async def run(self, job: Callable[[Device], T], *, writes: bool = False) -> T:
        """The result of a job; where it writes, the view is taken again before anybody hears of it, and the result, a dictionary,
        gets the numbers of the newest state before and after: `newest`.

        Raises:
          BitmarError: the job's; CardGoneError; RefusedError where too many are waiting.
        """
        if self.waiting >= MOST_WAITING:
            raise RefusedError(429, f"{MOST_WAITING} are waiting for the device, expected a moment later")
        self.waiting += 1
        try:
            return await asyncio.wrap_future(self.thread.submit(self.work, job, writes))
        finally:
            self.waiting -= 1

    def work(self, job: Callable[[Device], T], writes: bool) -> T:
        """A job, in the device's thread."""
        if self.view.trouble:
            raise CardGoneError(self.view.trouble)
        before = self.view.state
        try:
            result = job(self.device)
            self.full = None if writes else self.full
        except CardError as error:
            if error.code == abi.E_CARD_FULL:
                self.full = str(error)
            if error.code in GONE:
                self.lose(str(error))
            raise
        finally:
            if writes and not self.view.trouble:
                self.publish()
        return {**result, "newest": [before, self.view.state]} if writes else result

    def publish(self) -> None:
        """Takes the view again."""
        _, newest = self.device.memory.history_range()
        self.view = View(newest, tuple(grouped(self.device.memory.slots())), None)
        self.changed()

    def lose(self, reason: str) -> None:
        """The card cannot be used any more."""
        with contextlib.suppress(BitmarError):
            self.device.close()
        self.view = View(self.view.state, self.view.things, reason)
        self.changed()

    async def check_card(self) -> None:
        """Notices a card that is gone, or back. Called every second."""
        await asyncio.wrap_future(self.thread.submit(self.check))

    def check(self) -> None:
        """The same, in the device's thread."""
        found = self.look_at_card()
        if self.view.trouble is None:
            if found is None or found != self.identity:
                self.lose(f"card {self.card}: the card is gone, expected it back")
            return
        if found is None:
            return
        try:
            self.reopen()
        except BitmarError as error:
            if str(error) != self.view.trouble:
                self.lose(str(error))

    def reopen(self) -> None:
        """Opens the card again."""
        self.device.reopen()
        self.identity, self.full = self.look_at_card(), None
        self.publish()

    def look_at_card(self) -> tuple[int, int] | None:
        """Which file the memory is in; None where there is none. An empty mount point is no card."""
        try:
            status = (self.card / FOLDER / INDEX).stat()
        except OSError:
            return None
        return status.st_dev, status.st_ino

    async def replace_card(self, packed: Path) -> str:
        """Puts a packed memory in the place of the card's, once it is known to be good; returns the old one's folder.

        Raises:
          BitmarError: it is not a memory, damaged, or another model's; the old one goes on.
        """
        return await asyncio.wrap_future(self.thread.submit(self.exchange, packed))

    def exchange(self, packed: Path) -> str:
        """The same, in the device's thread."""
        if self.view.trouble:
            raise CardGoneError(self.view.trouble)
        fresh = card_file.unpack(packed, self.card, self.device.memory.shape)
        try:
            self.device.close()
            old = card_file.exchange(self.card, fresh)
        except OSError as error:
            raise BitmarError(f"card {self.card}: cannot be exchanged ({error.strerror or error})") from None
        finally:
            try:
                self.reopen()
            except BitmarError as error:
                self.lose(str(error))
        return old

    async def close(self) -> None:
        """Ends the thread after what it is doing, and closes the card."""
        await asyncio.wrap_future(self.thread.submit(self.close_device))
        self.thread.shutdown(wait=False, cancel_futures=True)

    def close_device(self) -> None:
        """The last job."""
        if self.view.trouble is None:
            self.lose("the page is closing")
