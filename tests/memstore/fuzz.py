"""`make fuzz`: libFuzzer on ms_open with arbitrary files, under AddressSanitizer and UBSan.

python tests/memstore/fuzz.py [--minutes M | --runs N] [--seed S]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.kernels.build import FUZZER_MEMORY
from tests.memstore import native


def program() -> Path:
    sources = [Path(__file__).with_name("fuzz_open.c"), *native.SOURCES]
    sanitize = [
        flag if flag != "-fsanitize=address,undefined" else "-fsanitize=fuzzer,address,undefined"
        for flag in native.SANITIZE
    ]
    return native.build(
        "fuzz_open", sources, "clang", ["-DMS_BLOCK=8u", *sanitize, "-I", str(native.ROOT / "memstore" / "src")]
    )


def run(*limits: str, seed: int = 1) -> subprocess.CompletedProcess[str]:
    """One fuzzer run from the kept corpus; a finding is an exit code other than 0 and a file in build/."""
    corpus = native.BUILD / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    command = [
        str(program()),
        *limits,
        f"-seed={seed}",
        "-max_len=4096",
        "-timeout=10",
        *FUZZER_MEMORY,
        f"-artifact_prefix={native.BUILD}/",
        str(corpus),
    ]
    return subprocess.run(command, capture_output=True, text=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--runs", type=int, help="a fixed number of inputs instead")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    limits = f"-runs={args.runs}" if args.runs else f"-max_total_time={int(args.minutes * 60)}"
    done = run(limits, seed=args.seed)
    print("\n".join(done.stderr.splitlines()[-25:]))
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
