"""Property: nobody but who typed the PIN gets anything, no other site gets a browser to do anything, and whatever is sent, the
page goes on (docs/security.md)."""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import re
import resource
import socket
import struct
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bitmar.errors import BitmarError
from pi_app.page import card_file, protocol, server
from pi_app.page.api import CALLS
from pi_app.page.pin import LONGEST_WAIT, Doorkeeper, pin_in
from tests.page.served import ELSEWHERE, JSON, PICTURES, Response, Served

HEDGEHOG = PICTURES / "hedgehog-noto.png"
ZIP = {"Content-Type": "application/zip"}
SHORT = 3.0  # seconds
FILES_OF_ITS_OWN = 50  # that the page has open without connections, at most


def own_address() -> str | None:
    """An address of this machine that is not the loopback's."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        try:
            asker.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            return None
        return asker.getsockname()[0]


# --- who comes in


def test_nothing_without_a_pin(page: Served) -> None:
    """Every call of the API, from elsewhere: over a proxy, and from another address where this machine has one."""
    for call in CALLS:
        path = call.path.format(picture="x", file="0123456789abcdef-1.jpg", number=0)
        if call.path == "/api/login":
            continue
        for headers in (ELSEWHERE, {"Host": "device.local:80"}, {"Authorization": "Bearer 12"}):
            answer = page.call(call.method, path, {}, ELSEWHERE | headers)
            assert answer.status in (401, 403, 429) and set(answer.json) == {"error"}, (path, answer)
    if address := own_address():
        assert page.call("GET", "/api/status", host=address).status == 401
        assert page.call("GET", "/api/status", host=address, headers={"Host": "127.0.0.1"}).status == 401
        assert page.call("GET", "/", host=address).status == 200


def test_the_pin_opens_a_session(serve: Callable[..., Served]) -> None:
    page = serve("--host", "0.0.0.0")
    wrong = page.call("POST", "/api/login", {"pin": "wrong"}, ELSEWHERE)
    assert wrong.status == 403 and "set-cookie" not in wrong.headers
    answer = page.call("POST", "/api/login", {"pin": page.pin}, ELSEWHERE)
    assert answer.status == 200
    _, *attributes = (part.strip().lower() for part in answer.headers["set-cookie"].split(";"))
    assert {"httponly", "samesite=strict", "path=/"} <= set(attributes)
    inside = ELSEWHERE | {"Cookie": answer.headers["set-cookie"].split(";")[0]}
    assert page.call("GET", "/api/status", headers=inside).status == 200
    assert page.call("GET", "/api/status", headers=ELSEWHERE | {"Cookie": "bitmar=" + "A" * 43}).status == 401
    assert page.call("GET", "/api/status", headers=ELSEWHERE | {"Authorization": f"Bearer {page.pin}"}).status == 200
    page.call("POST", "/api/logout", {}, inside)
    assert page.call("GET", "/api/status", headers=inside).status == 401


def test_a_thousand_wrong_pins(serve: Callable[..., Served]) -> None:
    """A few are looked at, then everybody waits; who is inside stays there, and the right PIN is not let through either."""
    page = serve("--host", "0.0.0.0")
    inside = page.call("POST", "/api/login", {"pin": page.pin}, ELSEWHERE).headers["set-cookie"].split(";")[0]
    connection = http.client.HTTPConnection("127.0.0.1", page.port)
    statuses = []
    for number in range(1000):
        if connection.sock is None:
            connection.connect()
        pin = page.pin[:-1] + chr(ord(page.pin[-1]) ^ 1) if number % 2 else f"{number:06d}x"
        connection.request("POST", "/api/login", json.dumps({"pin": pin}), JSON | ELSEWHERE)
        answer = connection.getresponse()
        answer.read()
        statuses.append(answer.status)
    connection.close()
    assert set(statuses) == {403, 429} and statuses.count(403) < 15
    late = page.call("POST", "/api/login", {"pin": page.pin}, ELSEWHERE)
    assert late.status == 429 and int(late.headers["retry-after"]) >= 1
    assert page.call("GET", "/api/status", headers=ELSEWHERE | {"Cookie": inside}).status == 200
    assert page.get("/status")["card"] == "open"


def test_a_guesser_needs_years() -> None:
    """1,000 wrong PINs with a clock of our own, by one who always waits just long enough."""
    now = [0.0]
    door = Doorkeeper("123456", lambda: now[0])
    for _ in range(1000):
        now[0] += door.wait()
        assert not door.is_pin("654321")
    assert now[0] > 980 * LONGEST_WAIT  # so 10^6 PINs take 1.9 years
    assert not door.is_pin("123456")
    now[0] += door.wait()
    assert door.is_pin("123456") and door.wait() == 0


def test_sessions_end_and_are_few() -> None:
    now = [0.0]
    door = Doorkeeper("123456", lambda: now[0])
    tokens = [door.let_in() for _ in range(100)]
    assert sum(map(door.knows, tokens)) == 64 and not door.knows("") and not door.knows(tokens[0])
    now[0] += 31 * 24 * 3600
    assert not any(map(door.knows, tokens))


def test_a_pin_file_is_private_and_kept(tmp_path: Path) -> None:
    pin = pin_in(tmp_path / "pin")
    assert (tmp_path / "pin").stat().st_mode & 0o777 == 0o600 and pin_in(tmp_path / "pin") == pin
    (tmp_path / "short").write_text("12\n")
    with pytest.raises(BitmarError, match="expected 6 to 64"):
        pin_in(tmp_path / "short")


# --- other sites


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "https://127.0.0.1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"},
        {"Host": "evil.example"},  # DNS rebinding: the name of another site, our address
        {"Host": "evil.example:8017", "Origin": "http://evil.example:8017"},
    ],
)
def test_another_site_changes_nothing(headers: dict[str, str], page: Served) -> None:
    """Not even at this machine's own browser, which needs no PIN."""
    before = page.get("/mem/history")
    for call in CALLS:
        if call.method != "GET":
            body = {"name": "x", "state": 0, "pin": page.pin}
            assert page.call(call.method, call.path, body, headers).status == 403, call
    reading = page.call("GET", "/api/things", headers=headers)
    opens = headers.get("Sec-Fetch-Mode") == "navigate"  # a link to the page is allowed
    assert reading.status == (200 if opens else 403)
    assert page.get("/mem/history") == before


def test_what_a_form_can_send_is_no_json(page: Served) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""):
        answer = page.call("POST", "/api/mem/undo", b'{"writes": 1}', {"Content-Type": kind})
        assert answer.status == 415


def test_no_get_changes_anything(serve: Callable[..., Served]) -> None:
    page = serve()
    page.teach("hedgehog", HEDGEHOG)
    before = page.get("/mem/history"), page.names()
    for call in CALLS:
        if call.method == "GET" and call.path != "/api/events":
            page.call("GET", call.path.format(picture="x", file="0123456789abcdef-1.jpg", number=0))
        elif call.method != "GET":
            assert page.call("GET", call.path).status in (200, 405)  # PUT /api/card has a GET beside it
    assert (page.get("/mem/history"), page.names()) == before


def test_headers_of_every_answer(page: Served) -> None:
    for path in ("/", "/page.js", "/page.css", "/api/things", "/api/none", "/none", "/api/openapi.json"):
        headers = page.call("GET", path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy and "http:" not in policy
        assert headers["x-content-type-options"] == "nosniff" and headers["x-frame-options"] == "DENY"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert not any(name.startswith("access-control") for name in headers) and "server" not in headers


def test_the_page_asks_nobody_else() -> None:
    """No address of another machine in any of its files, no script or style inside the HTML."""
    static = Path(card_file.__file__).parent / "static"
    files = {file.name: file.read_text(encoding="utf-8") for file in static.iterdir()}
    for name, text in files.items():
        assert "http://" not in text.replace("http://www.w3.org/2000/svg", "") and "https://" not in text, name
    html = files["index.html"]
    assert not re.search(r"<style|\s(style|on[a-z]+)\s*=|<script(?![^>]*\ssrc=)|javascript:", html)
    for name in files:
        if name.endswith(".js"):
            assert "innerHTML" not in files[name] and "eval(" not in files[name]


# --- what is sent


def raw(page: Served, request: bytes, seconds: float = 5) -> bytes:
    """Bytes to the server, and what it answers until it closes or says no more."""
    with socket.create_connection(("127.0.0.1", page.port), timeout=seconds) as connection:
        connection.sendall(request)
        answer = b""
        with contextlib.suppress(TimeoutError, ConnectionError):
            while piece := connection.recv(65536):
                answer += piece
                if b"\r\n\r\n" in answer:
                    break
    return answer


@pytest.mark.parametrize(
    "path",
    [
        "/../../../../etc/passwd",
        "/..%2f..%2f..%2fetc/passwd",
        "/static/../app.py",
        "/api/thumbnails/../memory_index.bin",
        "/api/thumbnails/..%2fbitmar_memory%2fmemory_index.bin",
        "/api/thumbnails/%2e%2e/x",
        "/api/thumbnails/0123456789abcdef-1.jpg%00.bin",
        "/api/pictures/..%2f..%2fetc%2fpasswd",
        "//etc/passwd",
        "/api/mem/states/-1",
        "/api/mem/states/99999999999999999999",
        "/api/mem/states/٣",
    ],
)
def test_no_path_leads_out(path: str, page: Served) -> None:
    answer = raw(page, f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    assert answer.split(b" ")[1] in (b"400", b"404"), answer
    assert b"root:" not in answer


def test_a_thumbnail_that_is_a_link_is_not_followed(serve: Callable[..., Served]) -> None:
    page = serve()
    folder = page.card / "bitmar_thumbnails"
    folder.mkdir()
    secret = page.card.parent / "secret.jpg"
    secret.write_bytes(b"\xff\xd8\xff secret \xff\xd9")
    (folder / "0123456789abcdef-1.jpg").symlink_to(secret)
    assert page.call("GET", "/api/thumbnails/0123456789abcdef-1.jpg").status == 404
    (folder / "0123456789abcdef-2.jpg").write_bytes(secret.read_bytes())
    assert page.call("GET", "/api/thumbnails/0123456789abcdef-2.jpg").status == 200


def png(width: int, height: int) -> bytes:
    """A valid PNG of black pixels that is small as a file."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(bytes(1 + width * 3) * min(64, height - y)) for y in range(0, height, 64))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows + packer.flush()) + chunk(b"IEND", b"")


def test_a_decompression_bomb_is_refused_by_its_header(serve: Callable[..., Served]) -> None:
    page = serve()
    page.show(HEDGEHOG)
    before = page.kilobytes("VmHWM")
    bomb = png(16000, 3900)  # 187 MB of pixels in some 180 KB
    assert len(bomb) < 400_000
    for content in (bomb, png(30_000, 10), b"GIF89a" + b"\xff" * 20, b"\xff\xd8\xff\xe0", b"MZ", b"<svg/>", b""):
        answer = page.call("POST", "/api/pictures", content, {"Content-Type": "image/png"})
        assert answer.status == 400 and "picture upload" in answer.json["error"], answer.content
    assert page.kilobytes("VmHWM") - before < 20_000
    assert page.ask(HEDGEHOG)["verdict"] == "unknown"


def test_a_bomb_in_a_card_is_refused(page: Served) -> None:
    """More than it announces, files elsewhere, links, twice the same; nothing is left of any."""

    def packed(*files: tuple[str, bytes]) -> bytes:
        target = io.BytesIO()
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files:
                archive.writestr(name, content)
        return target.getvalue()

    needed = [(name, b"x") for name in card_file.NEEDED]
    liar = packed(("bitmar_memory/history/000000.bin", bytes(50_000_000)), *needed)
    for size in (struct.pack("<I", 50_000_000), struct.pack("<II", 50_000_000, 50_000_000)):
        liar = liar.replace(size, struct.pack("<I", 1000) * (len(size) // 4))
    before = sorted(page.card.rglob("*"))
    for content in (
        liar,
        packed(*needed),
        packed(("bitmar_memory/../../evil", b"x"), *needed),
        packed(("/etc/evil", b"x"), *needed),
        packed((f"bitmar_memory/{'x' * 5000}", b"x")),
        packed(needed[0]),
        packed(),
    ):
        answer = page.call("PUT", "/api/card", content, ZIP)
        assert answer.status == 400 and "error" in answer.json, answer.content
    assert sorted(page.card.rglob("*")) == before


@pytest.mark.parametrize(("path", "most"), [("/api/teach", 64 << 10), ("/api/pictures", 16 << 20)])
def test_too_many_bytes_are_not_read(path: str, most: int, page: Served) -> None:
    kind = "application/json" if path == "/api/teach" else "image/png"
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\n"
    assert b" 413 " in raw(page, f"{head}Content-Length: {most + 1}\r\n\r\n".encode())
    assert b" 400 " in raw(page, f"{head}Content-Length: 1e9\r\n\r\n".encode())
    endless = f"{most + 2:x}\r\n".encode() + bytes(most + 2) + b"\r\n"
    assert b" 413 " in raw(page, f"{head}Transfer-Encoding: chunked\r\n\r\n".encode() + endless, 20)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"{" * 30_000,
        b"[" * 60_000,
        b'{"name": "\\ud800", "pictures": ["x"]}',
        b'{"name": "a\\u0000b", "pictures": ["x"]}',
        b'{"name": {"a": 1}, "pictures": "x"}',
        b'{"name": "x", "pictures": ["x"], "more": 1}',
        b"\xff\xfe",
        b'{"name": "x", "pictures": [1e999]}',
    ],
)
def test_no_json_breaks_it(body: bytes, page: Served) -> None:
    answer = page.call("POST", "/api/teach", body, JSON)
    assert answer.status in (400, 404) and set(answer.json) == {"error"}, answer


@pytest.mark.parametrize(
    "head", [b"\x00\x01\x02\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET /" + b"a" * 70_000, b"\r\n" * 40_000]
)
def test_no_bytes_break_it(head: bytes, page: Served) -> None:
    raw(page, head, 1)
    assert page.get("/status")["card"] == "open"


NAMES = ("<img src=x onerror=alert(1)>", "\u202egnp.exe", "\x1b[2J", "' OR 1=1 --", "מחברת", "a\u2028b", "😀\u200d")


def test_names_are_data(serve: Callable[..., Served]) -> None:
    """What a name holds comes back as it is, in JSON that no browser takes for a page."""
    page = serve()
    for number, name in enumerate(NAMES):
        answer = page.call("POST", "/api/teach", {"name": name, "pictures": [page.show(HEDGEHOG)], "both": True})
        assert answer.status == 200, answer.content
        assert page.names()[number] == name
        assert answer.headers["content-type"] == "application/json"
    told = page.call("POST", "/api/forget", {"name": "\x1b[2J\u202e not there"}).json["error"]
    assert "\x1b" not in told and "\u202e" not in told


# --- many, and slow ones


@contextlib.contextmanager
def many_files() -> Iterator[None]:
    """As many open files as this process may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_slow_clients_are_cut_off(serve: Callable[..., Served]) -> None:
    """As many as there may be hold their connections with a byte now and then: others come in again after the head's time,
    which is shortened here."""
    assert 5 <= protocol.HEAD_SECONDS <= 30
    page = serve(first=f"from pi_app.page import protocol; protocol.HEAD_SECONDS = {SHORT}")
    slow = []
    for _ in range(protocol.MOST_CONNECTIONS):
        slow.append(socket.create_connection(("127.0.0.1", page.port)))
        slow[-1].sendall(b"GET / HTTP/1.1\r\n")
    began = time.monotonic()
    served: Response | None = None
    while served is None and time.monotonic() - began < SHORT + 10:
        for connection in slow:
            with contextlib.suppress(OSError):
                connection.sendall(b"X")
        time.sleep(0.2)
        with contextlib.suppress(OSError, http.client.HTTPException):
            served = page.call("GET", "/api/status")
    for connection in slow:
        connection.close()
    assert served is not None and served.status == 200
    assert SHORT - 1 < time.monotonic() - began < SHORT + 5


def test_ten_thousand_connections(serve: Callable[..., Served]) -> None:
    """Attempted as fast as they go, all held: the page keeps its limit, its card and its answers."""
    page = serve()
    held = []
    with many_files():
        for _ in range(10_000):
            connection = socket.socket()
            connection.settimeout(0.05)
            with contextlib.suppress(OSError):
                connection.connect(("127.0.0.1", page.port))
            held.append(connection)
            if len(held) > 900:
                held.pop(0).close()
        files = len(list(Path(f"/proc/{page.process.pid}/fd").iterdir()))
        for connection in held:
            connection.close()
    # asyncio accepts BACKLOG a round, and one that is too many is closed three rounds after its own
    most = protocol.MOST_CONNECTIONS + 4 * server.BACKLOG + FILES_OF_ITS_OWN
    assert files < most < 1024  # which is what a process may open
    end = time.monotonic() + 20
    while True:
        try:
            page.teach("hedgehog", HEDGEHOG)
            break
        except (OSError, http.client.HTTPException):
            assert time.monotonic() < end
            time.sleep(0.2)
    assert page.names() == ["hedgehog"]
