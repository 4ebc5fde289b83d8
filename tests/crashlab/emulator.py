"""The emulated Cortex-M7 with an SD card in SPI mode: memstore's firmware teaches, QEMU is killed, Python looks at the card.

Thing n of the firmware's workload (its name and its numbers) is a function of n, so what a card must hold after n
things is computed here, and the card is read by the independent reader: no line of memstore is asked.
"""

from __future__ import annotations

import os
import random
import re
import struct
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.crashlab.laboratory import HERE
from tests.memstore import native
from tests.memstore.reader import CardError, Memory, read_files

SHAPES = {"ultra_tiny": (8, 128, 4), "tiny_edge": (16, 128, 8)}
SEGMENT_BYTES = 600_000  # of a file of history/, as in firmware/main.c
CARD_BYTES = 4 << 20  # QEMU wants a power of two
FILES = ("memory_slots.bin", "memory_index.bin", "memory_backup.bin", "memory_metadata.json")
FLAGS = [
    "-mcpu=cortex-m7",
    "-mthumb",
    "-mfloat-abi=hard",
    "-mfpu=fpv5-d16",
    "-Os",
    "-ffunction-sections",
    "-fdata-sections",
]
LINK = [
    "-nostartfiles",
    "--specs=nano.specs",
    "--specs=nosys.specs",
    "-Wl,--gc-sections",
    "-T",
    str(HERE / "firmware/link.ld"),
]


def firmware() -> Path:
    """The .elf for lm3s6965evb: 256 KB of flash, 64 KB of RAM."""
    sources = [*sorted((HERE / "firmware").glob("*.c")), *native.SOURCES]
    return native.build("sd_firmware.elf", sources, "arm-none-eabi-gcc", [*FLAGS, *LINK])


def numbers(thing: int, dim: int) -> tuple[list[float], list[float]]:
    """Episode and key of thing n: an xorshift32 sequence, every value exact in binary16."""
    x = (thing + 1) * 2654435761 & 0xFFFFFFFF
    episode, key = [], []
    for i in range(2 * dim):
        x ^= x << 13 & 0xFFFFFFFF
        x ^= x >> 17
        x ^= x << 5 & 0xFFFFFFFF
        if i % 2 == 0:
            episode.append(((x >> 16 & 0x7FF) - 1024) / 512)
        else:
            key.append(((x >> 16 & 0xFF) - 128) / 128)
    return episode, key


def expected(things: int, slots: int, dim: int) -> dict[int, tuple[str, list[float]]]:
    """What the slots hold after so many things: the oldest makes room."""
    return {n % slots: (f"thing {n}", numbers(n, dim)[0]) for n in range(max(0, things - slots), things)}


def found(memory: Memory) -> dict[int, tuple[str, list[float]]]:
    return {r.slot: (r.name, memory.values(r.slot)) for r in memory.records if r is not None and r.state == 1}


class Card:
    """An image file whose sectors hold the task, the sizes of memstore's files, and the files."""

    def __init__(self, path: Path, shape: str, things: int = 0) -> None:
        self.path, self.shape = path, SHAPES[shape]
        cfg = native.config(*self.shape, segment_bytes=SEGMENT_BYTES)
        sizes = native.FileSizes()
        native.library().ms_card_size(native.c.byref(cfg), native.c.byref(sizes))
        self.place, sector = {}, 64
        for name, size in zip(FILES, (sizes.slots, sizes.index, sizes.backup, sizes.metadata), strict=True):
            self.place[name] = (sector * 512, size)
            sector += -(-size // 512)
        self.history = [(sector + i * (sizes.history // 512)) * 512 for i in range(3)]
        if not path.exists():
            with path.open("wb") as f:
                f.truncate(CARD_BYTES)
        self.write(0, struct.pack("<4I", *self.shape, things))

    def write(self, at: int, data: bytes) -> None:
        with self.path.open("r+b") as f:
            f.seek(at)
            f.write(data)

    def files(self) -> dict[str, bytes]:
        raw = self.path.read_bytes()
        sizes = struct.unpack_from("<7Q3I", raw, 512)
        present = zip(FILES, sizes, strict=False)
        files = {name: raw[self.place[name][0] :][: size - 1] for name, size in present if size}
        for at, size, number in zip(self.history, sizes[4:7], sizes[7:], strict=True):
            if size:
                files[f"history/{number:06d}.bin"] = raw[at:][: size - 1]
        return files

    def put(self, folder: Path) -> None:
        """Copy a folder's memory onto the card."""
        for i, name in enumerate(FILES):
            content = (folder / name).read_bytes()
            self.write(self.place[name][0], content)
            self.write(512 + 8 * i, struct.pack("<Q", len(content) + 1))
        for path in (folder / "history").iterdir():
            number, content = int(path.stem), path.read_bytes()
            self.write(self.history[number % 3], content)
            self.write(512 + 8 * (4 + number % 3), struct.pack("<Q", len(content) + 1))
            self.write(512 + 56 + 4 * (number % 3), struct.pack("<I", number))

    def memory(self) -> Memory | None:
        """The independent reader's view; None before a memory was completely made."""
        files = self.files()
        try:
            return read_files(
                *(files.get(n, b"") for n in ("memory_index.bin", "memory_slots.bin", "memory_backup.bin")),
                {int(name[8:14]): data for name, data in files.items() if name.startswith("history/")},
            )
        except CardError:
            if "memory_index.bin" in files:
                raise
            return None


def qemu(card: Path) -> list[str]:
    machine = ["qemu-system-arm", "-M", "lm3s6965evb", "-cpu", "cortex-m7", "-kernel", str(firmware())]
    drive = ["-drive", f"if=sd,format=raw,file={card}"]
    return [*machine, *drive, "-display", "none", "-monitor", "none", "-serial", "stdio", "-nic", "none"]


def boot(
    card: Path, kill_after: float | None = None, lines: int = 1, until: str = "CLOSED", timeout: float = 120
) -> str:
    """Run the firmware; SIGKILL it so many seconds after it has said `lines` lines, or when it has said `until`.

    Returns its output.
    """
    process = subprocess.Popen(qemu(card), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    output, deadline = b"", time.monotonic() + timeout
    os.set_blocking(process.stdout.fileno(), False)
    kill_at = None
    try:
        while time.monotonic() < deadline:
            chunk = process.stdout.read()
            if chunk:
                output += chunk
            if kill_after is not None and kill_at is None and output.count(b"\n") >= lines:
                kill_at = time.monotonic() + kill_after
            done = kill_at is not None and time.monotonic() >= kill_at
            if done or re.search(rb"ERROR|FAULT", output) or (kill_after is None and until.encode() in output):
                break
            time.sleep(0.002 if kill_at is not None else 0.01)
    finally:
        process.kill()
        process.wait()
        os.set_blocking(process.stdout.fileno(), True)
        output += process.stdout.read()
        process.stdout.close()
    return output.decode(errors="replace")


def check(card: Card, output: str, at_least: int) -> tuple[int, str | None]:
    """After a kill: how many things the card holds, and what is wrong with that (None: nothing)."""
    if "ERROR" in output or "FAULT" in output:
        return at_least, f"the firmware said {output.strip().splitlines()[-1]}"
    told = [int(n) + 1 for n in re.findall(r"TAUGHT (\d+)\n", output)]
    told += [int(n) for n in re.findall(r"OPEN (\d+)\n", output)]
    done = max([at_least, *told])
    memory = card.memory()
    if memory is None:
        return 0, "the memory is gone" if done else None
    if memory.lost:
        return done, f"lost slots {memory.lost}"
    slots, dim, _ = card.shape
    content = found(memory)
    newest = max((int(name.split()[1]) + 1 for name, _ in content.values()), default=0)
    if newest not in (done, done + 1):
        return done, f"{newest} things on the card, {done} were reported durable"
    if content != expected(newest, slots, dim):
        return newest, f"not the state after {newest} things"
    return newest, None


def run_chain(shape: str, kills: int, seed: int) -> dict:
    """One card, killed again and again: each boot repairs what the last kill left and goes on."""
    rng = random.Random(seed)
    violations, things, repaired = [], 0, 0
    with tempfile.TemporaryDirectory() as folder:
        card = Card(Path(folder) / "sd.img", shape)
        for kill in range(kills):
            # a clock alone may stop a busy machine before anything is taught: every second kill waits for some lines
            lines = rng.randint(2, 8) if kill % 2 else 1
            delay = rng.uniform(0.0, 0.02 if kill % 2 else 0.25)
            output = boot(card.path, delay, lines)
            repaired += "KEPT 2" in output or "KEPT 3" in output
            things, wrong = check(card, output, things)
            if wrong:
                violations.append(f"QEMU {shape} seed {seed} kill {kill} after {delay:.4f} s: {wrong}")
                break
    return {"kills": kill + 1, "things": things, "repaired": repaired, "violations": violations}


def run_kills(kills: int, seed: int, progress: bool = False) -> dict:
    """So many kills over both sizes, on every core."""
    firmware()
    native.library()
    chains, left = [], kills
    while left > 0:
        chains.append((list(SHAPES)[len(chains) % len(SHAPES)], min(25, left), seed * 1000 + len(chains)))
        left -= 25
    total = {"kills": 0, "things": 0, "repaired": 0, "violations": []}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for result in pool.map(lambda chain: run_chain(*chain), chains):
            for key in total:
                total[key] += result[key]
            if progress:
                print(
                    f"\r{total['kills']} kills of the emulated board, {total['things']} things taught",
                    end="",
                    file=sys.stderr,
                )
    if progress:
        print(file=sys.stderr)
    return total
