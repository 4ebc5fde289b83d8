#!/usr/bin/env python3
"""Run one firmware under qemu-system-arm with semihosting; exit with the firmware's exit code.

    qemu_run.py --board mps2_an500 firmware.elf [ARG...]     (used by `pio run -t exec` and `pio test`)

Standard input is the firmware's console (UART 0). Where it is not a terminal its end is passed on as one byte 0x04,
because a serial line has no other way to tell that nothing follows. The card
is a directory on this machine: `firmware.elf --card DIR`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

BOARDS = Path(__file__).resolve().parent / "boards"
END_OF_TRANSMISSION = b"\x04"


def command(board: str, elf: str | Path, arguments: list[str]) -> list[str]:
    """The command line of QEMU: console on standard input and output, `arguments` for the firmware's main()."""
    machine = json.loads((BOARDS / f"{board}.json").read_text())["qemu"]
    argv = [Path(elf).name, *arguments]
    escaped = ",".join("arg=" + argument.replace(",", ",,") for argument in argv)
    return [
        "qemu-system-arm",
        *machine,
        *("-display", "none", "-monitor", "none", "-nic", "user,restrict=on,ipv6=off"),
        *("-chardev", "stdio,id=console,signal=on", "-serial", "chardev:console"),
        *("-semihosting-config", f"enable=on,target=native,{escaped}"),
        *("-kernel", str(elf)),
    ]


def forward(source: int, sink) -> None:
    """Copy bytes to the emulator as they come; then tell it that there are no more."""
    try:
        while chunk := os.read(source, 4096):
            sink.write(chunk)
            sink.flush()
        sink.write(END_OF_TRANSMISSION)
        sink.flush()
    except (BrokenPipeError, ValueError):
        pass  # the firmware has ended


def run(qemu: list[str], timeout: float | None) -> int:
    if sys.stdin.isatty():
        return subprocess.run(qemu, timeout=timeout).returncode
    with subprocess.Popen(qemu, stdin=subprocess.PIPE) as process:
        threading.Thread(target=forward, args=(sys.stdin.fileno(), process.stdin), daemon=True).start()
        try:
            return process.wait(timeout)
        finally:
            process.kill()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--board", required=True, choices=sorted(path.stem for path in BOARDS.glob("*.json")))
    parser.add_argument("--timeout", type=float, default=float(os.environ.get("QEMU_TIMEOUT", "0")), help="s; 0: none")
    parser.add_argument("elf")
    parser.add_argument("arguments", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    try:
        return run(command(options.board, options.elf, options.arguments), options.timeout or None)
    except subprocess.TimeoutExpired:
        print(f"qemu_run: the firmware did not exit in {options.timeout:g} s", file=sys.stderr)
        return 124


if __name__ == "__main__":
    # the forwarding thread may still wait for standard input: do not wait for it
    code = main()
    sys.stdout.flush()
    os._exit(code)
