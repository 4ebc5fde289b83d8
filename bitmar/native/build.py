"""Builds libbitmar.so from the libraries in C and the delegate, with `cc` or the compiler named by $CC.

python -m bitmar.native.build --out libbitmar.so
CC=aarch64-linux-gnu-gcc python -m bitmar.native.build --out libbitmar.so
"""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

from bitmar.errors import BitmarError
from bitmar.sha256 import sha256

ROOT = Path(__file__).resolve().parents[2]
NATIVE = Path(__file__).resolve().parent
LIBRARIES = ("kernels", "ops", "picture", "memstore", "tokenizer")
NAME = "libbitmar.so"

# No contraction of a*b+c into one rounding: every target computes the same bits.
ARITHMETIC = ["-std=c11", "-O3", "-ffp-contract=off", "-fno-math-errno"]
WARNINGS = ["-Wall", "-Wextra", "-Werror"]
SHARED = ["-shared", "-fPIC", "-fno-semantic-interposition", f"-Wl,--version-script={NATIVE / 'exports.map'}"]


def has_sources() -> bool:
    """True in a checkout or an unpacked sdist, False in an installed wheel."""
    return all((ROOT / library / "include").is_dir() for library in LIBRARIES)


def sources() -> list[Path]:
    """The C files of libbitmar.so, in a fixed order."""
    folders = [
        ROOT / "kernels",
        ROOT / "ops",
        ROOT / "picture" / "src",
        ROOT / "memstore" / "src",
        ROOT / "memstore" / "posix",
        ROOT / "tokenizer" / "src",
        NATIVE,
    ]
    return [path for folder in folders for path in sorted(folder.rglob("*.c"))]


def inputs() -> list[Path]:
    """Everything that decides what libbitmar.so contains: sources, headers and the list of exported symbols."""
    folders = [ROOT / library for library in LIBRARIES] + [NATIVE]
    headers = [path for folder in folders for kind in ("*.h", "*.def") for path in sorted(folder.rglob(kind))]
    return [*sources(), *headers, NATIVE / "exports.map"]


def compiler() -> list[str]:
    """The compiler's command: $CC, or cc."""
    return shlex.split(os.environ.get("CC", "") or "cc")


def build(out: Path, strict: bool = True, extra_flags: tuple[str, ...] = ()) -> Path:
    """Compiles and links libbitmar.so to `out`, which is replaced only when that succeeded.

    Args:
      strict: warnings are errors (development); an installation by a compiler that warns about more must not fail.
      extra_flags: appended to the command, e.g. a sanitizer.

    Raises:
      BitmarError: no compiler, or the compiler's first error.
    """
    import shutil  # here: a program that finds the library built goes without these
    import subprocess
    import tempfile

    command = compiler()
    if shutil.which(command[0]) is None:
        raise BitmarError(f"C compiler '{command[0]}' not found: install one (apt install gcc) or name it in CC")
    out.parent.mkdir(parents=True, exist_ok=True)
    headers = [ROOT / library / "include" for library in LIBRARIES] + [ROOT / "memstore" / "posix"]
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".build-") as folder:
        built = Path(folder) / NAME
        command += [
            *ARITHMETIC,
            *(WARNINGS if strict else []),
            *SHARED,
            *(f"-I{folder}" for folder in headers),
            *extra_flags,
        ]
        command += [*map(str, sources()), "-o", str(built), "-lm", "-lpthread"]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode != 0:
            lines = result.stderr.splitlines()
            first = next((line for line in lines if "error" in line), lines[-1] if lines else "no message")
            raise BitmarError(f"{NAME}: {command[0]} failed: {first.strip()}")
        built.replace(out)
    return out


def cached() -> Path:
    """libbitmar.so of this checkout's sources, built on first use and whenever a source changes.

    It stands in build/native/<digest of sources, compiler and flags>/, so that programs that run at the same time
    never see each other's half-written file.
    """
    digest = sha256(repr((compiler(), ARITHMETIC)).encode())
    for path in inputs():
        digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes())
    out = ROOT / "build" / "native" / digest.hexdigest()[:16] / NAME
    return out if out.exists() else build(out)


def main() -> int:
    """`python -m bitmar.native.build`; returns the exit code."""
    import argparse

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, help="the file to write (default: this checkout's cache in build/native/)")
    parser.add_argument("--quiet", action="store_true", help="do not print the file's path")
    args = parser.parse_args()
    try:
        path = build(args.out) if args.out else cached()
        if not args.quiet:
            print(path)
    except BitmarError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
