"""What a running page is made of, and what goes on without being asked: seeing, looking after the card, signs of life."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine
from typing import Any

from PIL import Image

from bitmar.device import Answer, Device
from bitmar.engine import Picture
from bitmar.errors import BitmarError
from pi_app.page.keeper import Keeper
from pi_app.page.live import Events, Frame, Watcher
from pi_app.page.pin import Doorkeeper
from pi_app.page.shown import Answered, Lately, Shown, pictured
from pi_app.page.systemd import notify
from pi_app.page.thumbnails import Thumbnails
from pi_app.replies import recalled

LOOK_SECONDS = 0.25  # between two looks at what the camera shows
CHECK_SECONDS = 1.0  # between two looks at the card


class Appliance:
    """The device's keeper, the camera's watcher, what was shown and answered lately, who may come in, what is told.

    Args:
      device: open, with a card.
      watcher: of the camera.
      door: who may come in.
      thumbnails: whether pictures are kept on the card.
    """

    def __init__(self, device: Device, watcher: Watcher, door: Doorkeeper, thumbnails: bool = True):
        self.watcher, self.door = watcher, door
        self.thumbnails = Thumbnails(device.memory.card if thumbnails else None)
        self.pictures, self.answers = Lately[Shown]("picture"), Lately[Answered]("answer")
        self.events = Events()
        self.keeper = Keeper(device, self.thumbnails)
        self.decoding = asyncio.Semaphore(1)  # pictures decoded or encoded at a time: an upload may take 200 MB
        self.uploading = asyncio.Lock()  # of a whole card
        self.tasks: list[asyncio.Task[None]] = []
        self.work: list[Callable[[], Coroutine[Any, Any, None]]] = [self.look_after, self.see]  # what goes on meanwhile

    async def start(self) -> None:
        """Begins to see and to look after the card."""
        loop = asyncio.get_running_loop()
        self.keeper.changed = lambda: loop.call_soon_threadsafe(self.tell)
        self.watcher.start()
        self.tell()
        self.tasks = [asyncio.create_task(task()) for task in self.work]
        notify("READY=1")

    async def close(self) -> None:
        """Ends everything; the card is closed when this returns."""
        notify("STOPPING=1")
        for task in self.tasks:
            task.cancel()
        self.events.close()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await asyncio.to_thread(self.watcher.close)
        await self.keeper.close()

    def status(self) -> dict[str, Any]:
        """How card and camera are, and the state of the memory."""
        view, device = self.keeper.view, self.keeper.device
        card = (
            "gone"
            if view.trouble
            else "read only"
            if device.memory.read_only
            else "full"
            if self.keeper.full
            else "open"
        )
        return {
            "card": card,
            "card_text": view.trouble or self.keeper.full or "",
            "camera": self.watcher.state,
            "camera_text": self.watcher.trouble or "",
            "state": view.state,
            "things": len(view.things),
            "size": device.memory.shape.slots,
            "model": device.model.name,
            "runtime": device.engine.runtime,
        }

    def tell(self) -> None:
        """What there is to tell about card, camera and memory."""
        self.events.tell("status", **self.status())

    async def look_after(self) -> None:
        """Every second: the card, the camera, and a sign of life for systemd: only where the device's thread works."""
        while True:
            await self.keeper.check_card()
            self.tell()
            notify("WATCHDOG=1")
            await asyncio.sleep(CHECK_SECONDS)

    async def see(self) -> None:
        """What the camera shows, while somebody listens."""
        last = 0
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            frame = self.watcher.frame
            if frame is None or frame.number == last or not self.events.listeners:
                continue
            last = frame.number
            began = time.perf_counter()
            with contextlib.suppress(BitmarError):  # card and camera say themselves what is wrong
                await self.look(frame)
            await asyncio.sleep(time.perf_counter() - began)  # at most half of the time: others have questions too

    async def look(self, frame: Frame) -> None:
        """One look: the frame is a picture that was shown, and what is seen in it an answer."""
        features, answer = await self.keeper.run(lambda device: look(device, frame.image))
        picture = await self.keep(features, frame.image, brief=True)
        self.tell()  # first: who hears of what is seen knows that there is a camera and a card
        self.events.tell("seen", **self.answered("ask", answer, picture, features, brief=True))

    async def show(self, image: Image.Image) -> str:
        """The id of a picture that was shown."""
        features = await self.keeper.run(lambda device: device.pictures.read(image))
        return await self.keep(features, image)

    async def keep(self, features: Picture, image: Image.Image, brief: bool = False) -> str:
        """The id of a picture in the form that is kept."""
        async with self.decoding:
            return self.pictures.add(await asyncio.to_thread(pictured, features, image), brief)

    def answered(
        self, word: str, answer: Answer, picture: str | None, features: Picture | None, brief: bool = False
    ) -> dict[str, Any]:
        """An answer as the console gives it, with the ids that `right`, `wrong` and `teach` take."""
        key = self.answers.add(Answered(answer, picture, features), brief)
        return {"answer": key, "picture": picture, **recalled(word, answer).as_dict()}


def look(device: Device, image: Image.Image) -> tuple[Picture, Answer]:
    """A picture as the model takes it, and what is seen in it."""
    features = device.pictures.read(image)
    return features, device.look(features)
