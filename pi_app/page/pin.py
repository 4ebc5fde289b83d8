"""Who may come in: a PIN that the console shows, and the sessions of those who typed it."""

from __future__ import annotations

import hmac
import os
import re
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

from bitmar.errors import BitmarError

DIGITS = 6
FORM = re.compile(r"[0-9A-Za-z_-]{6,64}")
FREE_TRIES = 5  # wrong ones before everybody has to wait
LONGEST_WAIT = 60.0  # seconds: 10^6 PINs take two years
MOST_SESSIONS = 64
SESSION_SECONDS = 30 * 24 * 3600


class Doorkeeper:
    """Compares PINs in constant time, slows down whoever guesses, remembers who came in.

    The wait is everybody's, not one address's: a guesser has as many addresses as he likes. Who came in before does not wait.

    Args:
      pin: what must be typed.
      clock: seconds that only rise.
    """

    def __init__(self, pin: str, clock: Callable[[], float] = time.monotonic):
        self.pin, self.clock = pin, clock
        self.wrong, self.closed_until = 0, 0.0
        self.sessions: OrderedDict[str, float] = OrderedDict()  # token -> when it ends

    def wait(self) -> float:
        """Seconds until the next PIN is looked at; 0: now."""
        return max(0.0, self.closed_until - self.clock())

    def is_pin(self, typed: str) -> bool:
        """Whether it is the PIN; a wrong one makes the next one wait. Only where `wait` is 0."""
        if self.wait():
            return False
        if hmac.compare_digest(typed.encode("utf-8", "surrogatepass"), self.pin.encode()):
            self.wrong = 0
            return True
        self.wrong += 1
        if self.wrong >= FREE_TRIES:
            self.closed_until = self.clock() + min(LONGEST_WAIT, 2.0 ** min(self.wrong - FREE_TRIES, 10))
        return False

    def let_in(self) -> str:
        """A new session's token: 256 random bits."""
        token = secrets.token_urlsafe(32)
        self.sessions[token] = self.clock() + SESSION_SECONDS
        while len(self.sessions) > MOST_SESSIONS:
            self.sessions.popitem(last=False)
        return token

    def knows(self, token: str) -> bool:
        """Whether a token is a session that has not ended."""
        ends = next((end for known, end in self.sessions.items() if hmac.compare_digest(known, token)), 0.0)
        return ends > self.clock()

    def let_out(self, token: str) -> None:
        """Ends a session."""
        self.sessions.pop(token, None)


def new_pin() -> str:
    """Random digits."""
    return f"{secrets.randbelow(10**DIGITS):0{DIGITS}d}"


def pin_in(path: Path) -> str:
    """The PIN in a file, which is made, readable for its owner alone, where there is none.

    Raises:
      BitmarError: it cannot be read or made, or holds no PIN.
    """
    try:
        try:
            file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            pin = path.read_text(encoding="ascii").strip()
        else:
            with os.fdopen(file, "w", encoding="ascii") as stream:
                stream.write((pin := new_pin()) + "\n")
    except (OSError, UnicodeError) as error:
        raise BitmarError(f"--pin-file {path}: cannot be read or made ({error})") from None
    if not FORM.fullmatch(pin):
        raise BitmarError(f"--pin-file {path}: expected 6 to 64 letters or digits on one line")
    return pin
