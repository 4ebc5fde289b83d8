"""What each word of the API does: the console's words, with the ids of pictures and answers instead of files.

Every function takes the appliance and what was given, and returns what becomes the answer's JSON object.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse

from bitmar.device import Device
from pi_app import replies
from pi_app.page import body, card_file, guard, things
from pi_app.page.appliance import Appliance
from pi_app.page.body import RefusedError
from pi_app.page.live import MOST_LISTENERS
from pi_app.page.pictures import decode
from pi_app.page.pin import SESSION_SECONDS
from pi_app.page.shown import Answered

Given = dict[str, Any]
LIKE_FOREVER = "private, max-age=31536000, immutable"


# --- who comes in


async def login(appliance: Appliance, given: Given, request: Request) -> Response:
    """A session for the right PIN."""
    if wait := appliance.door.wait():
        return guard.too_many(wait)
    if not appliance.door.is_pin(given["pin"]):
        return JSONResponse({"error": "wrong PIN, expected the one that the device's console shows"}, 403)
    response = JSONResponse({"word": "login"})
    response.set_cookie(
        guard.COOKIE, appliance.door.let_in(), max_age=SESSION_SECONDS, httponly=True, samesite="strict", path="/"
    )
    return response


async def logout(appliance: Appliance, given: Given, request: Request) -> Response:
    """The end of a session."""
    appliance.door.let_out(guard.cookie(request.headers))
    response = JSONResponse({"word": "logout"})
    response.delete_cookie(guard.COOKIE, httponly=True, samesite="strict", path="/")
    return response


# --- pictures


async def show(appliance: Appliance, given: Given, request: Request) -> Given:
    """A picture that is sent."""
    content = await body.whole(request, body.PICTURE_BYTES)
    async with appliance.decoding:
        image = await decode(content)
    return {"word": "show", "picture": await appliance.show(image)}


async def take(appliance: Appliance, given: Given, request: Request) -> Given:
    """The camera's picture of now."""
    return {"word": "take", "picture": await appliance.show(appliance.watcher.newest().image)}


async def picture(appliance: Appliance, given: Given, request: Request) -> Response:
    """A picture that was shown, as a small JPEG."""
    if (shown := appliance.pictures.peek(given["picture"])) is None:
        raise RefusedError(404, f"picture {given['picture']!r}: there is none")
    return Response(shown.jpeg, media_type="image/jpeg", headers={"Cache-Control": LIKE_FOREVER})


async def thumbnail(appliance: Appliance, given: Given, request: Request) -> Response:
    """A picture that a thing was taught with."""
    content = appliance.thumbnails.read(given["file"])
    if content is None:
        raise RefusedError(404, f"thumbnail {given['file']!r}: there is none")
    return Response(content, media_type="image/jpeg")


# --- teaching and asking


async def ask(appliance: Appliance, given: Given, request: Request) -> Given:
    """What is this picture called?"""
    features = appliance.pictures.get(given["picture"]).features
    answer = await appliance.keeper.run(lambda device: device.ask(features))
    return appliance.answered("ask", answer, given["picture"], features)


async def say(appliance: Appliance, given: Given, request: Request) -> Given:
    """What is remembered for a text?"""
    answer = await appliance.keeper.run(lambda device: device.say(given["text"]))
    return appliance.answered("say", answer, None, None)


async def caption(appliance: Appliance, given: Given, request: Request) -> Given:
    """A guess without the memory."""
    features = appliance.pictures.get(given["picture"]).features
    return await appliance.keeper.run(lambda device: replies.caption(device, features).as_dict())


async def teach(appliance: Appliance, given: Given, request: Request) -> Given:
    """Pictures of one thing under its name, one write each, in their order; an error ends it, what was written before stays."""
    shown = [appliance.pictures.get(key) for key in given["pictures"]]
    how = {option: given.get(option, False) for option in ("replace", "both", "keep")}

    def job(device: Device) -> Given:
        told = []
        for one in shown:
            taught = device.teach(one.features, given["name"], **how)
            told.append(replies.told("teach", taught).as_dict())
            appliance.thumbnails.keep(taught.name, newest(device), one.thumbnail)
        return {"word": "teach", "views": told}

    return await appliance.keeper.run(job, writes=True)


async def right(appliance: Appliance, given: Given, request: Request) -> Given:
    """An answer was right."""
    answered = appliance.answers.get(given["answer"])
    return await appliance.keeper.run(lambda device: replies.right(about(device, answered)).as_dict(), writes=True)


async def wrong(appliance: Appliance, given: Given, request: Request) -> Given:
    """An answer's picture has another name."""
    answered = appliance.answers.get(given["answer"])

    def job(device: Device) -> Given:
        taught = about(device, answered).wrong(given["name"])
        shown = appliance.pictures.peek(answered.picture or "")
        if shown:
            appliance.thumbnails.keep(taught.name, newest(device), shown.thumbnail)
        return replies.told("wrong", taught).as_dict()

    return await appliance.keeper.run(job, writes=True)


def about(device: Device, answered: Answered) -> Device:
    """The device, speaking of that answer."""
    device.last = answered.answer, answered.features
    return device


def newest(device: Device) -> int:
    """Number of the newest state."""
    return device.memory.history_range()[1]


# --- the memory


async def things_of(appliance: Appliance, given: Given, request: Request) -> Given:
    """All things, with the pictures that they were taught with."""
    view = appliance.keeper.view
    if view.trouble:
        raise RefusedError(503, view.trouble)
    files = appliance.thumbnails.shown(thing["name"] for thing in view.things)
    return {
        "state": view.state,
        "size": appliance.keeper.device.memory.shape.slots,
        "things": [thing | {"thumbnails": files[thing["name"]]} for thing in view.things],
    }


async def forget(appliance: Appliance, given: Given, request: Request) -> Given:
    """A thing and all its views."""
    return await appliance.keeper.run(lambda device: replies.forget(device, given["name"]).as_dict(), writes=True)


async def rename(appliance: Appliance, given: Given, request: Request) -> Given:
    """Another name for a thing."""

    def job(device: Device) -> Given:
        reply = replies.rename(device, given["old"], given["new"])
        appliance.thumbnails.copy(reply.fields["old"], reply.fields["new"], newest(device))
        return reply.as_dict()

    return await appliance.keeper.run(job, writes=True)


async def history(appliance: Appliance, given: Given, request: Request) -> Given:
    """The last states and what the write of each did."""

    def job(device: Device) -> Given:
        (oldest, last), states = device.memory.history_range(), device.memory.history(given.get("last", 200))
        told = [vars(state) | {"what": replies.DEEDS.get(state.action, "")} for state in states]
        return {"word": "mem history", "oldest": oldest, "newest": last, "states": told}

    return await appliance.keeper.run(job)


async def state(appliance: Appliance, given: Given, request: Request) -> Given:
    """The memory as it was in a state."""
    number = given["number"]
    names = await appliance.keeper.run(lambda device: things.names_in(device, number))
    files = appliance.thumbnails.shown(names, number)
    return {"number": number, "things": [{"name": name, "thumbnails": files[name]} for name in names]}


async def diff(appliance: Appliance, given: Given, request: Request) -> Given:
    """What differs between two states."""
    states = str(given["state"]), str(given["other"])
    return await appliance.keeper.run(lambda device: replies.mem_diff(device, *states).as_dict())


async def undo(appliance: Appliance, given: Given, request: Request) -> Given:
    """The last writes taken back."""
    writes = str(given.get("writes", 1))
    return await go_back(appliance, given, lambda device: replies.mem_undo(device, writes).as_dict())


async def restore(appliance: Appliance, given: Given, request: Request) -> Given:
    """Back to a state."""
    number = str(given["state"])
    return await go_back(appliance, given, lambda device: replies.mem_restore(device, number).as_dict())


async def go_back(appliance: Appliance, given: Given, word: Callable[[Device], Given]) -> Given:
    """The answer of a word that goes back in time. RefusedError where another state is the newest than the one it starts from."""

    def job(device: Device) -> Given:
        if given.get("if_newest", found := newest(device)) != found:
            raise RefusedError(409, "something else was changed since, expected to go back in the timeline instead")
        return word(device)

    return await appliance.keeper.run(job, writes=True)


async def prune(appliance: Appliance, given: Given, request: Request) -> Given:
    """What matters less, forgotten."""
    importance = str(given["importance"])
    return await appliance.keeper.run(lambda device: replies.mem_prune(device, importance).as_dict(), writes=True)


async def verify(appliance: Appliance, given: Given, request: Request) -> Given:
    """Both copies of everything compared, and repaired."""
    return await appliance.keeper.run(lambda device: replies.mem_verify(device).as_dict(), writes=True)


# --- the card


async def status(appliance: Appliance, given: Given, request: Request) -> Given:
    """Card, camera, memory."""
    return appliance.status()


async def health(appliance: Appliance, given: Given, request: Request) -> Given:
    """The card's health."""
    return await appliance.keeper.run(things.health)


async def download(appliance: Appliance, given: Given, request: Request) -> Response:
    """The card's memory as one file."""
    folder = card_file.scratch()
    target = Path(folder.name) / "card.bitmar"

    def job(device: Device) -> None:
        device.memory.flush()
        card_file.pack(appliance.keeper.card, target)

    try:
        await appliance.keeper.run(job)
    except BaseException:
        folder.cleanup()
        raise
    return FileResponse(
        target, media_type="application/zip", filename="card.bitmar", background=BackgroundTask(folder.cleanup)
    )


async def upload(appliance: Appliance, given: Given, request: Request) -> Given:
    """Another memory in the place of the card's."""
    if appliance.uploading.locked():
        raise RefusedError(409, "another card is being uploaded, expected one at a time")
    async with appliance.uploading:
        with card_file.scratch() as folder:
            target = Path(folder) / "card.bitmar"
            await body.to_file(request, target)
            old = await appliance.keeper.replace_card(target)
    view = appliance.keeper.view
    return {"word": "upload", "old": old, "state": view.state, "things": len(view.things)}


async def events(appliance: Appliance, given: Given, request: Request) -> Response:
    """What is seen, and what changes, as server-sent events."""
    if appliance.events.listeners >= MOST_LISTENERS:
        raise RefusedError(429, f"{MOST_LISTENERS} are listening already, expected fewer")
    return StreamingResponse(appliance.events.stream(), media_type="text/event-stream")
