"""uvicorn's HTTP/1.1 with two limits that it has not: how many connections there are, and how long a request may take to come."""

from __future__ import annotations

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

MOST_CONNECTIONS = 256
HEAD_SECONDS = 10.0  # for the request line and all headers
READ_BYTES = 16 * 1024  # at a time; asyncio's 256 KB for every read, cut to what came, leave a heap full of holes


class GuardedProtocol(H11Protocol):
    """Closes the connections that are too many, at once, and those whose request does not come (a slow client).

    A body has a limit of its own where it is read (pi_app/page/body.py).
    """

    head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """One more, or one too many."""
        if len(self.connections) >= MOST_CONNECTIONS:
            transport.abort()
        transport.max_size = READ_BYTES
        super().connection_made(transport)
        if transport.is_closing():
            self.connections.discard(self)
        else:
            self.start_timer()

    def start_timer(self) -> None:
        """From now on the head of a request has to come."""
        if self.head_timer is None:
            self.head_timer = self.loop.call_later(HEAD_SECONDS, self.too_slow)

    def stop_timer(self) -> None:
        """It has come, or nothing will."""
        if self.head_timer is not None:
            self.head_timer.cancel()
            self.head_timer = None

    def too_slow(self) -> None:
        """No request after all this time."""
        self.head_timer = None
        self.transport.abort()

    def data_received(self, data: bytes) -> None:
        """Bytes; of a request's head some of them."""
        if self.conn.their_state is h11.IDLE:  # the next request of a kept connection
            self.start_timer()
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self.stop_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """The end of it."""
        self.stop_timer()
        super().connection_lost(exc)
