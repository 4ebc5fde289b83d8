"""Property: after barriers that fail as Linux's fdatasync does (what was written is dropped, reads still show it, the next
one says 0), nothing that was acknowledged is lost to a power cut, and a failure is never called success."""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.memstore import native as n
from tests.memstore.ram_card import RamCard

CONFIG = {"slots": 4, "dim": 32, "hot": 2}


class Life:
    """A memory on a card with failing barriers, and what a power cut must leave of it."""

    def __init__(self, fail: set[int]) -> None:
        self.card, self.rng = RamCard(), np.random.default_rng(7)
        self.memory = self.card.open(n.config(**CONFIG))
        self.start = self.card.barriers
        self.card.fail_sync = lambda number: number - self.start in fail
        self.sure: dict[str, np.ndarray] = {}
        self.open_words: list[str] = []  # failed: old or new

    def run(self, *words: str) -> None:
        for word in words:
            verb, name = word.split()
            episode, key = n.random_episode(self.rng, CONFIG["dim"])
            try:
                if verb == "teach":
                    self.memory.teach(name, episode, key)
                    self.sure[name] = episode.astype(np.float16)
                elif verb == "forget":
                    self.memory.call("forget", name.encode(), None)
                    self.sure.pop(name, None)
                else:
                    self.memory.call(verb)
            except n.StoreError as error:
                assert error.code in (n.IO, n.NOT_FOUND, n.NO_CARD)
                self.open_words.append(name)

    def check_after_cut(self) -> None:
        after = self.card.cut().open(n.config(**CONFIG))
        assert after.report.lost == 0
        names = {name: slot for slot, name in after.names().items()}
        for name, episode in self.sure.items():
            if name in self.open_words:
                continue
            assert name in names, f"{name} was acknowledged and is gone"
            assert np.array_equal(after.read(names[name]).astype(np.float16), episode)
        assert set(names) <= set(self.sure) | set(self.open_words)


WORDS = ("teach a", "teach b", "forget a", "teach c", "flush -", "teach d")


def test_any_two_failed_barriers() -> None:
    total = Life(set())
    total.run(*WORDS)
    count = total.card.barriers - total.start
    failed = 0
    for pair in itertools.combinations(range(1, count + 6), 2):
        life = Life(set(pair))
        life.run(*WORDS)
        failed += bool(life.open_words)
        life.check_after_cut()
    assert failed > count, "the failures reach the words"


def test_one_failed_barrier_and_a_cut_that_garbles_a_region() -> None:
    """After the failure both copies must be good again: a later cut takes one of them."""
    total = Life(set())
    total.run(*WORDS)
    for failing in range(1, total.card.barriers - total.start + 1):
        for cut in range(1, len(list(filter(None, total.card.log))) + 20, 2):
            life = Life({failing})
            life.card.cut_at = life.card.writes + cut
            life.run(*WORDS)
            life.check_after_cut()


def test_a_card_that_stays_broken_says_so_until_it_works() -> None:
    life = Life(set(range(2, 40)))
    life.run("teach a", "teach b", "teach c", "teach d")
    assert life.open_words == ["b", "c", "d"]
    life.check_after_cut()
    life.card.fail_sync = lambda number: False
    life.run("teach e")
    assert "e" in life.sure
    life.check_after_cut()


def test_what_a_failed_barrier_covered_is_written_again_in_both_copies() -> None:
    life = Life({2})  # the primary files' barrier
    life.run("teach a")
    written = {(name, at) for name, at, _ in filter(None, life.card.log)}
    life.run("teach b")
    for name in ("memory_slots.bin", "memory_index.bin"):
        assert life.card.durable[name] == life.card.files[name]
    assert ("memory_index.bin", 512) in written


def test_an_error_of_close_is_reported() -> None:
    life = Life(set())
    life.run("teach a")
    life.memory.read(0)
    life.card.fail_sync = lambda number: True
    with pytest.raises(n.StoreError) as error:
        life.memory.close()
    assert error.value.code == n.IO


SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
static int failed;
static int opened(const char* name, const char* path, int flags, va_list more) {
  int (*next)(const char*, int, ...) = (int (*)(const char*, int, ...))dlsym(RTLD_NEXT, name);
  if (failed) fprintf(stderr, "opened %s\n", path);
  return flags & O_CREAT ? next(path, flags, va_arg(more, int)) : next(path, flags);
}
int open(const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  int fd = opened("open", path, flags, more);
  va_end(more);
  return fd;
}
int open64(const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  int fd = opened("open64", path, flags, more);
  va_end(more);
  return fd;
}
int fdatasync(int fd) {
  static int calls;
  static int (*next)(int);
  if (!next) next = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
  if (++calls == atoi(getenv("FAIL_AT"))) {
    char path[64], link[512];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(path, link, sizeof link - 1);
    fprintf(stderr, "failed %.*s\n", (int)(n > 0 ? n : 0), link);
    failed = 1;
    errno = EIO;
    return -1;
  }
  return next(fd);
}
"""

PROGRAM = """
import os, sys
import numpy as np
from pathlib import Path
from tests.memstore import native as n
rng = np.random.default_rng(0)
memory = n.Memory(Path(sys.argv[1]))
posix = n.Posix.from_buffer(memory.posix)
before = {f.name: os.fstat(f.fd).st_ino for f in posix.file if f.fd >= 0}
for i in range(8):
    try:
        memory.teach(f"thing {i}", *n.random_episode(rng))
        print("taught", i)
    except n.StoreError as error:
        print("error", i, error)
print("same files" if all(os.fstat(f.fd).st_ino == before[f.name] for f in posix.file if f.fd >= 0) else "other files")
"""


@pytest.mark.parametrize("fail_at", range(1, 9))
def test_on_posix_the_file_is_opened_anew(tmp_path: Path, fail_at: int) -> None:
    """One real EIO of one real fdatasync: the word may fail, no later one does, and the descriptors are of the same files."""
    source, shim = tmp_path / "shim.c", tmp_path / "shim.so"
    source.write_text(SHIM)
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", shim, source, "-ldl"], check=True)
    with n.opened(tmp_path / "m"):
        pass
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path / "m")],
        env={**os.environ, "LD_PRELOAD": str(shim), "FAIL_AT": str(fail_at), "PYTHONPATH": str(n.ROOT)},
        capture_output=True,
        text=True,
        cwd=n.ROOT,
    )
    assert done.returncode == 0, done.stderr
    failed = re.search("^failed (/.*)", done.stderr, re.M)[1]
    assert f"opened {failed}\n" in done.stderr and "same files" in done.stdout
    assert len(re.findall("^error", done.stdout, re.M)) <= 1
    with n.opened(tmp_path / "m") as memory:
        assert memory.report.kept == n.CLEAN
        assert set(memory.names().values()) == {f"thing {i}" for i in range(8) if f"taught {i}" in done.stdout}
