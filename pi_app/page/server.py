"""Runs the page with uvicorn until SIGTERM or Ctrl-C; the card is closed when it returns."""

from __future__ import annotations

import contextlib
import signal
import socket
from collections.abc import Callable, Iterator

import uvicorn.server
from starlette.types import ASGIApp
from uvicorn.config import Config

from bitmar.errors import BitmarError
from pi_app.page.protocol import GuardedProtocol

BACKLOG = 128
GRACE = 3  # seconds that answers have to end in


class Server(uvicorn.server.Server):
    """uvicorn's, which ends in peace after a signal instead of sending it to itself again."""

    def __init__(self, config: Config, ending: Callable[[], None]):
        super().__init__(config)
        self.ending = ending

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """SIGTERM and SIGINT mean: finish and close."""
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: object) -> None:
        """The first one ends it in order."""
        self.ending()
        super().handle_exit(sig, frame)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. BitmarError where the address is taken or not this machine's."""
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listening = socket.create_server(address[:2], family=family, backlog=BACKLOG)
    except (OSError, OverflowError) as error:
        raise BitmarError(f"--host {host} --port {port}: cannot listen there ({error})") from None
    listening.setblocking(False)
    return listening


def serve(app: ASGIApp, listening: socket.socket, ending: Callable[[], None]) -> None:
    """Until it is told to end; `ending` is called first: streams of events have no end of their own."""
    config = Config(
        app,
        http=GuardedProtocol,
        ws="none",
        loop="asyncio",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        backlog=BACKLOG,
        timeout_graceful_shutdown=GRACE,
        h11_max_incomplete_event_size=16 * 1024,
    )
    Server(config, ending).run(sockets=[listening])
