"""The line to a board: a serial port, or the emulator's console."""

from __future__ import annotations

import codecs
import contextlib
import ctypes
import fcntl
import importlib.util
import os
import select
import signal
import subprocess
import termios
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from bitmar.errors import BitmarError
from bitmar.paths import is_folder
from pi_app.line_loop import PROMPT

QEMU_RUN = Path(__file__).resolve().parents[2] / "mcu_app" / "platforms" / "qemu_cortex_m7" / "qemu_run.py"
BOARD = "mps2_an500"
READY_S = 30.0
ANSWER_S = 600.0
BAUD = 115200


class Line(Protocol):
    """Bytes to and from a board.

    Attributes:
      settle_s: how long the line must be silent before the first question: a board that has just started may still
        be talking, and one that was waiting answers the empty line that woke it.
    """

    settle_s: float

    def write(self, data: bytes) -> None: ...

    def read(self, timeout: float) -> bytes:
        """What has come, at least one byte; b"" after `timeout` seconds without any.

        Raises:
          BitmarError: the line is closed.
        """
        ...

    def close(self) -> None: ...


class BoardLink:
    """Lines out, answers in; an answer ends with the board's prompt."""

    def __init__(self, line: Line) -> None:
        self.line, self.asked = line, False

    def send(self, text: str) -> None:
        self.asked = True
        self.line.write(text.encode("utf-8") + b"\n")

    def stream_answer(self, timeout: float = ANSWER_S) -> Iterator[str]:
        """Pieces of the answer as they come, without the prompt.

        Raises:
          BitmarError: nothing came for `timeout` seconds, or the line is closed.
        """
        decoder, held, begun = codecs.getincrementaldecoder("utf-8")("replace"), "", False
        while True:
            data = self.line.read(timeout)
            if not data:
                raise BitmarError(f"the board did not answer in {timeout:g} s")
            held += decoder.decode(data)
            if held.endswith(PROMPT):
                if rest := held.removesuffix(PROMPT):
                    yield rest
                elif self.asked and self.line.settle_s and not begun:
                    held = ""  # every word answers something: this is the waking line's prompt, later than `settle_s`
                    continue
                return
            keep = next((n for n in range(len(PROMPT) - 1, 0, -1) if held.endswith(PROMPT[:n])), 0)
            if len(held) > keep:
                begun = True
                yield held[: len(held) - keep]
                held = held[len(held) - keep :]

    def read_answer(self, timeout: float = ANSWER_S) -> str:
        return "".join(self.stream_answer(timeout))

    def wait_ready(self) -> str:
        """What the board says when it starts, up to its last prompt."""
        said = self.read_answer(READY_S)
        while self.line.settle_s and (more := self.line.read(self.line.settle_s)):
            said += more.decode("utf-8", "replace")
        return said.removesuffix(PROMPT)

    def quit(self) -> None:
        """Leaves the board's console: it closes its card."""
        with contextlib.suppress(BitmarError):
            self.send("quit")
            while self.line.read(5.0):
                pass

    def close(self) -> None:
        self.line.close()


class EmulatorLine:
    """QEMU as a child process that cannot outlive this one; the card is locked against the Pi app meanwhile."""

    settle_s = 0.0

    def __init__(self, command: list[str], card: Path | None) -> None:
        self.lock = lock_card(card) if card else None
        try:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                preexec_fn=die_with_parent,
            )
        except FileNotFoundError as error:
            raise BitmarError("qemu-system-arm not found: apt install qemu-system-arm") from error

    def write(self, data: bytes) -> None:
        try:
            self.process.stdin.write(data)
            self.process.stdin.flush()
        except BrokenPipeError as error:
            raise BitmarError("the emulator has ended") from error

    def read(self, timeout: float) -> bytes:
        if not select.select([self.process.stdout], [], [], timeout)[0]:
            return b""
        data = os.read(self.process.stdout.fileno(), 65536)
        if not data:
            code, said = self.process.wait(), self.process.stderr.read().decode(errors="replace").strip()
            raise BitmarError(
                f"the emulator has ended with code {code}" + (f": {said.splitlines()[-1]}" if said else "")
            )
        return data

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            with contextlib.suppress(OSError):
                stream.close()
        if self.lock is not None:
            os.close(self.lock)
            self.lock = None


class SerialLine:
    """A board's USB or UART serial port."""

    settle_s = 0.5

    def __init__(self, port: str) -> None:
        if importlib.util.find_spec("serial") is None:
            raise BitmarError("pyserial is not installed: pip install '.[mcu]'")
        import serial

        try:
            self.port = serial.Serial(port, BAUD, timeout=0)
        except (serial.SerialException, OSError) as error:
            raise BitmarError(f"port {port}: {error}") from error
        self.write(b"\n")  # a board that is already waiting shows its prompt again

    def write(self, data: bytes) -> None:
        try:
            self.port.write(data)
            self.port.flush()
        except (OSError, termios.error) as error:  # termios.error is no OSError
            raise BitmarError(f"the board is gone: {error}") from error

    def read(self, timeout: float) -> bytes:
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            try:
                if data := self.port.read(4096):
                    return data
            except OSError as error:
                raise BitmarError(f"the board is gone: {error}") from error
            time.sleep(0.002)
        return b""

    def close(self) -> None:
        self.port.close()


def open_serial(port: str) -> BoardLink:
    return BoardLink(SerialLine(port))


def open_emulator(elf: Path, card: Path | None = None, slots: int | None = None) -> BoardLink:
    """The emulator with a card's folder (None: no card). Folders of the memory are made here: semihosting cannot."""
    arguments = []
    if card is not None:
        check_card(card)
        make_folders(card)
        arguments += ["--card", str(card)]
    if slots:
        arguments += ["--slots", str(slots)]
    return BoardLink(EmulatorLine(emulator_command(elf, arguments), card))


def emulator_command(elf: Path, arguments: list[str]) -> list[str]:
    """The command line of qemu_run.py for this firmware."""
    spec = importlib.util.spec_from_file_location("qemu_run", QEMU_RUN)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.command(BOARD, elf, arguments)


def check_card(card: Path) -> None:
    """BitmarError for a card that the emulator cannot have."""
    if not is_folder(card):
        raise BitmarError(f"card {card}: no such folder")
    if " " in str(card):
        raise BitmarError(f"card {card}: the emulator takes no path with a space")


def make_folders(card: Path) -> None:
    """The memory's folders, which semihosting cannot make."""
    with contextlib.suppress(OSError):  # a read-only card: the firmware says so
        (card / "bitmar_memory" / "history").mkdir(parents=True, exist_ok=True)


def lock_card(card: Path) -> int | None:
    """The lock that the Pi app takes, held for the emulator; None where there is no folder to lock.

    Raises:
      BitmarError: another process has the card open.
    """
    try:
        handle = os.open(card / "bitmar_memory", os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise BitmarError(f"card {card}: another process has it open") from None
    return handle


def die_with_parent() -> None:
    """Linux: the emulator is killed when this process dies, whatever kills it."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)
