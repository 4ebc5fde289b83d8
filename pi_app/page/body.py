"""Reads what a request brings, with a limit of bytes and of time, before anything looks into it."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from starlette.requests import ClientDisconnect, Request

from bitmar.errors import BitmarError

JSON_BYTES = 64 * 1024
PICTURE_BYTES = 16 * 1024 * 1024
CARD_BYTES = 512 * 1024 * 1024
BODY_SECONDS = 30.0
CARD_SECONDS = 600.0


class RefusedError(BitmarError):
    """A request that is at fault in a way that HTTP has a number for."""

    def __init__(self, status: int, message: str):
        super().__init__(message)
        self.status = status


async def pieces(request: Request, most: int) -> AsyncIterator[bytes]:
    """The body, as it comes, up to `most` bytes."""
    length = request.headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > most:
        raise RefusedError(413, f"a body of {length[:20]} bytes, expected at most {most}")
    done = 0
    async for piece in request.stream():
        if (done := done + len(piece)) > most:
            raise RefusedError(413, f"a body of more than {most} bytes")
        yield piece


@contextlib.asynccontextmanager
async def within(seconds: float) -> AsyncIterator[None]:
    """A body that is read in here has to come in so many seconds, and to its end."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise RefusedError(408, f"the body took longer than {seconds:.0f} seconds") from None
    except ClientDisconnect:
        raise RefusedError(400, "the connection ended before the body") from None


async def whole(request: Request, most: int) -> bytes:
    """The body."""
    async with within(BODY_SECONDS):
        return b"".join([piece async for piece in pieces(request, most)])


def media_type(request: Request) -> str:
    """What the body is said to be, in small letters and without parameters; "" where nothing is said."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def json_object(request: Request) -> dict[str, Any]:
    """The body as a JSON object. Only application/json, which no form of another site can send."""
    if (kind := media_type(request)) != "application/json":
        raise RefusedError(415, f"content type {kind!r}, expected application/json")
    try:
        value = json.loads(await whole(request, JSON_BYTES))
    except (ValueError, RecursionError):
        raise RefusedError(400, "the body is not JSON, expected an object") from None
    if not isinstance(value, dict):
        raise RefusedError(400, f"the body is {type(value).__name__}, expected an object")
    return value


async def to_file(request: Request, path: Path) -> None:
    """The body into a file."""
    with path.open("xb") as file:
        async with within(CARD_SECONDS):
            async for piece in pieces(request, CARD_BYTES):
                await asyncio.to_thread(file.write, piece)
