"""Property: one digest of seeded cases of all ops, on every target, in every instruction-set variant, at every optimisation
level, in every FP mode of the caller; and no access out of bounds or undefined behaviour on any input.
"""

import platform
import shutil
import subprocess

import pytest

from tests.kernels import build
from tests.kernels.build import HOST, TARGETS

EXPECTED_ISAS = {
    "cortex-a72": {"portable", "neon"},
    "cortex-a76": {"portable", "neon", "neon+dotprod"},
    "armv7": {"portable", "dsp"},
    "cortex-m7": {"portable", "dsp"},
}


def digests(output: str) -> dict[str, str]:
    """{instruction set: digest} of the program's lines."""
    lines = dict(line.split() for line in output.splitlines())
    assert "portable" in lines and all(len(digest) == 16 for digest in lines.values()), output
    return lines


@pytest.fixture(scope="module")
def reference() -> str:
    return digests(HOST.run(build.program("digest", HOST)))["portable"]


@pytest.mark.parametrize("mode", ["", "flush"])
@pytest.mark.parametrize("name", TARGETS)
def test_same_bits_everywhere(name, mode, reference):
    target = TARGETS[name]
    if not target.available():
        pytest.skip(f"{name} needs {target.compiler} and {target.runner[0]}")
    found = digests(target.run(build.program("digest", target), *([mode] if mode else [])))
    assert set(found.values()) == {reference}, found
    assert set(found) >= EXPECTED_ISAS.get(name, {"portable"})


@pytest.mark.full
@pytest.mark.parametrize("name", TARGETS)
def test_same_bits_everywhere_on_many_cases(name):
    target = TARGETS[name]
    if not target.available():
        pytest.skip(f"{name} needs {target.compiler} and {target.runner[0]}")
    for seed in range(2, 42):
        want = digests(HOST.run(build.program("digest", HOST), "sane", str(seed)))["portable"]
        for mode in ("sane", "flush"):
            found = digests(target.run(build.program("digest", target), mode, str(seed)))
            assert set(found.values()) == {want}, f"seed {seed}, mode {mode}: {found}, expected {want}"


@pytest.mark.full
def test_sanitizers_find_nothing_in_many_cases():
    flags = ("-g", "-fsanitize=address,undefined,float-cast-overflow", "-fno-sanitize-recover=all")
    elf = build.program("digest", HOST, *flags)
    for seed in range(2, 42):
        assert HOST.run(elf, "hostile", str(seed)).strip() == "done"


@pytest.mark.skipif(platform.machine() != "x86_64", reason="no_guard.c is written for x86")
def test_a_missing_guard_would_be_seen(reference):
    sources = [path for path in build.KERNEL_SOURCES if path.name != "fpstate.c"]
    elf = build.program("digest", HOST, kernels=[*sources, build.HERE / "no_guard.c"])
    assert digests(HOST.run(elf))["portable"] == reference
    assert reference not in digests(HOST.run(elf, "flush")).values()


@pytest.mark.parametrize("mode", ["", "hostile"])
def test_sanitizers_find_nothing(mode, reference):
    flags = ("-g", "-fsanitize=address,undefined,float-cast-overflow", "-fno-sanitize-recover=all")
    elf = build.program("digest", HOST, *flags)
    output = HOST.run(elf, *([mode] if mode else []))
    assert output.strip() == "done" if mode else set(digests(output).values()) == {reference}


def test_sources_refuse_fast_math(tmp_path):
    """-ffast-math would change bits silently: the build must stop instead."""
    if not shutil.which("gcc"):
        pytest.skip("needs gcc")
    command = ["gcc", "-std=c11", "-O2", "-ffast-math", "-c", *build.INCLUDES, "-o", str(tmp_path / "x.o")]
    done = subprocess.run([*command, str(build.ROOT / "kernels/src/rms_norm.c")], capture_output=True, text=True)
    assert done.returncode != 0 and "fast-math" in done.stderr


def test_library_has_no_writable_state_but_the_chosen_instruction_set():
    """No malloc, no I/O, no globals: the symbols that the library takes and the data that it holds say so."""
    library = build.shared_library()
    undefined = subprocess.run(["nm", "-D", "--undefined-only", library], capture_output=True, text=True, check=True)
    names = {line.split()[-1].split("@")[0] for line in undefined.stdout.splitlines()}
    allowed = {
        "memcpy",
        "memset",
        "memmove",
        "strcmp",
        "getauxval",
        "__cxa_finalize",
        "__gmon_start__",
        "__stack_chk_fail",
    }
    assert {n for n in names if not n.startswith("_ITM_")} <= allowed | {"memcmp"}
    data = subprocess.run(["nm", library], capture_output=True, text=True, check=True).stdout
    variables = {line.split()[-1] for line in data.splitlines() if line.split()[-2] in "bBdD"}
    constant = {
        name for name in variables if name.startswith(("_", "completed", "bm_backend_", "bm_conv_", "kBackends"))
    }
    assert variables - constant == {"current"}
