"""Builds kernels/ and ops/ for tests: a shared library for this machine, and C programs for any target.

Results live in build/kernels/, named by a hash of the sources and flags, so nothing is built twice and nothing stale is
used. Each target names the Debian package that provides its tools; `available` tells whether they are here.
"""

import hashlib
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
OUT = ROOT / "build" / "kernels"
KERNEL_SOURCES = sorted((ROOT / "kernels").glob("*/*.c"))
OPS_SOURCES = sorted((ROOT / "ops" / "src").glob("*.c"))
HEADERS = sorted(path for library in ("kernels", "ops") for path in (ROOT / library).glob("*/*.[hd]*"))
# libFuzzer's own limit counts the peak of the process that started it, and a long pytest run has grown past it
FUZZER_MEMORY = ("-rss_limit_mb=0", "-malloc_limit_mb=512")
FLAGS = ["-std=c11", "-ffp-contract=off", "-fno-math-errno", "-Wall", "-Wextra", "-Werror"]
INCLUDES = [f"-I{ROOT / library / 'include'}" for library in ("kernels", "ops")]


@dataclass(frozen=True)
class Target:
    """A compiler with its flags, and the command that runs its programs here ({elf} = the program)."""

    name: str
    compiler: str
    flags: tuple[str, ...] = ()
    runner: tuple[str, ...] = ("{elf}",)
    sources: tuple[Path, ...] = ()

    def available(self) -> bool:
        return all(shutil.which(tool) for tool in (self.compiler, self.runner[0]) if "{" not in tool)

    def run(self, elf: Path, *args: str, timeout: float = 300) -> str:
        """Standard output of the program; CalledProcessError if it fails."""
        command = [part.format(elf=elf, args="".join(f",arg={a}" for a in args)) for part in self.runner]
        if "{args}" not in " ".join(self.runner):
            command += args
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL)
        if done.returncode:
            raise subprocess.CalledProcessError(done.returncode, command, done.stdout, done.stderr)
        return done.stdout


_M7 = ("-mcpu=cortex-m7", "-mthumb", "-mfpu=fpv5-d16", "-mfloat-abi=hard", "--specs=rdimon.specs")
_M7_LINK = ("-Wl,--section-start=.vectors=0x0", "-Wl,--section-start=.init=0x400", "-Wl,-Tdata=0x20000000", "-lm")
_M7_RUN = ("qemu-system-arm", "-M", "mps2-an500", "-nographic", "-monitor", "none", "-serial", "none", "-icount")
_M7_RUN += ("shift=7,sleep=off", "-semihosting-config", "enable=on,target=native,arg=test{args}", "-kernel", "{elf}")

_A64 = ("-O3", "-static")
_ARM = ("-O3", "-static", "-march=armv7-a+neon-vfpv4")


def _a64_cpu(cpu: str) -> Target:
    return Target(cpu, "aarch64-linux-gnu-gcc", _A64, ("qemu-aarch64-static", "-cpu", cpu, "{elf}"))


HOST = Target("host", "gcc", ("-O3",))
TARGETS = {
    target.name: target
    for target in (
        HOST,
        Target("host-O0", "gcc", ("-O0",)),
        Target("host-clang", "clang", ("-O3",)),
        _a64_cpu("cortex-a72"),
        _a64_cpu("cortex-a76"),  # has SDOT
        Target("armv7", "arm-linux-gnueabihf-gcc", _ARM, ("qemu-arm-static", "-cpu", "cortex-a7", "{elf}")),
        Target("cortex-m7", "arm-none-eabi-gcc", ("-O2", *_M7, *_M7_LINK), _M7_RUN, (HERE / "cortex_m7_start.c",)),
    )
}


def compile_to(name: str, target: Target, sources: list[Path], flags: list[str]) -> Path:
    """The path of the built file; compiles only if these sources with these flags were not compiled before."""
    command = [target.compiler, *FLAGS, *target.flags, *flags, *INCLUDES, *map(str, [*target.sources, *sources])]
    # linker options come last
    command.sort(key=lambda part: part.startswith(("-l", "-Wl,")))
    digest = hashlib.sha256("\0".join(command).encode())
    beside = sorted({path for source in sources for path in source.parent.glob("*.h")})
    for path in [*target.sources, *sources, *HEADERS, *beside]:
        digest.update(path.read_bytes())
    out = OUT / f"{name}-{target.compiler}-{digest.hexdigest()[:16]}"
    if not out.exists():
        OUT.mkdir(parents=True, exist_ok=True)
        temporary = out.with_suffix(f".{os.getpid()}")
        done = subprocess.run([*command, "-o", str(temporary)], capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}\n{done.stderr}")
        temporary.replace(out)
    return out


def shared_library(target: Target = HOST, *extra: str) -> Path:
    """kernels/ as a shared library for ctypes."""
    return compile_to("libbitmar_kernels.so", target, KERNEL_SOURCES, ["-shared", "-fPIC", *extra])


def program(name: str, target: Target, *extra: str, kernels: list[Path] = KERNEL_SOURCES, folder: Path = HERE) -> Path:
    """<folder>/<name>.c linked with kernels/."""
    return compile_to(name, target, [folder / f"{name}.c", *kernels], list(extra))
