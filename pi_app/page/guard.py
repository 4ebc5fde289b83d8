"""What every request passes first: whose host it names, where it comes from, who it is; and the headers of every answer."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from http.cookies import CookieError, SimpleCookie

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pi_app.page.pin import Doorkeeper

COOKIE = "bitmar"
SAFE = ("GET", "HEAD")
OPEN_TO_ALL = ("/api/login", "/api/openapi.json")
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "manifest-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
}


def is_loopback(host: str) -> bool:
    """Whether an address or name is this machine's own."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def host_of(header: str) -> str:
    """The name or address in a Host header, without its port, in small letters."""
    header = header.strip().lower()
    if header.startswith("["):
        return header[1:].partition("]")[0]
    return header.rpartition(":")[0] if ":" in header else header


def own_names(more: Iterable[str] = ()) -> frozenset[str]:
    """The names that this machine is called by."""
    name = socket.gethostname().lower()
    return frozenset({"localhost", name, f"{name.partition('.')[0]}.local", *(given.lower() for given in more)})


class Guard:
    """ASGI middleware: refuses before anything of a request is looked at.

    - Host must be an address or one of this machine's names: another name that resolves to it (DNS rebinding) is refused.
    - Another site's request is refused, by Sec-Fetch-Site where the browser sends it and by Origin; writing needs POST or PUT.
    - /api needs a session's cookie or the PIN as a bearer token, unless the request comes from this machine itself.
    """

    def __init__(self, app: ASGIApp, door: Doorkeeper, names: frozenset[str]):
        self.app, self.door, self.names = app, door, names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Lets a request through or answers it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                if scope["path"].startswith("/api"):
                    headers["Cache-Control"] = "no-store"
            await send(message)

        refusal = self.refusal(scope, Headers(scope=scope))
        await (refusal or self.app)(scope, receive, send_with_headers)

    def refusal(self, scope: Scope, headers: Headers) -> JSONResponse | None:
        """The answer to a request that goes no further."""
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self.is_own(host_of(hosts[0])):
            return refused(403, "this name is not the device's, expected its address or its own name")
        if self.is_foreign(scope["method"], headers, hosts[0]):
            return refused(403, "a request from another site, expected one of the device's own page")
        if not scope["path"].startswith("/api/") or scope["path"] in OPEN_TO_ALL:
            return None
        if self.is_this_machine(scope, headers) or self.door.knows(cookie(headers)):
            return None
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and token:
            if wait := self.door.wait():
                return too_many(wait)
            if self.door.is_pin(token.strip()):
                return None
        return refused(401, "the PIN is missing or wrong, expected the one that the device's console shows")

    def is_own(self, host: str) -> bool:
        """Whether it is an address, or a name of this machine."""
        try:
            ipaddress.ip_address(host.partition("%")[0])
        except ValueError:
            return host in self.names
        return True

    @staticmethod
    def is_foreign(method: str, headers: Headers, host: str) -> bool:
        """Whether another site's page made a browser send this."""
        site, origin = headers.get("sec-fetch-site"), headers.get("origin")
        if site not in (None, "same-origin", "none"):  # a link from elsewhere may open the page, nothing more
            navigates = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
            return not (method in SAFE and navigates)
        return origin is not None and origin.lower() != f"http://{host.strip().lower()}"

    @staticmethod
    def is_this_machine(scope: Scope, headers: Headers) -> bool:
        """Whether it came over the loopback and was not handed on by a proxy."""
        handed_on = any(name in headers for name in ("forwarded", "x-forwarded-for", "x-real-ip", "via"))
        client = scope.get("client")
        return bool(client) and is_loopback(client[0]) and is_loopback(host_of(headers["host"])) and not handed_on


def cookie(headers: Headers) -> str:
    """The session's token, "" where there is none."""
    try:
        morsel = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    value = morsel.value if morsel else ""
    return value if value.isascii() else ""


def refused(status: int, error: str) -> JSONResponse:
    """An error as every other one; the connection ends, as what else was sent is not read."""
    return JSONResponse({"error": error}, status, {"Connection": "close"})


def too_many(wait: float) -> JSONResponse:
    """Too many wrong PINs."""
    seconds = str(int(wait) + 1)
    text = f"too many wrong PINs, expected the next one in {seconds} seconds"
    return JSONResponse({"error": text}, 429, {"Retry-After": seconds, "Connection": "close"})
