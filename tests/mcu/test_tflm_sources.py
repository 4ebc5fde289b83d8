"""Property: the sources of the `tflm` engine compile with the flags of their environments, link with the real interpreter's
library and give the bits of the Pi's runtime.

The library that platformio.ini pins cannot be had here, and no package of PyPI carries its headers: tests/mcu/host/tflm_api.h
declares what is used of them. That the declarations are right is the linker's and the interpreter's word, in PyPI's
tflite-micro.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bitmar.engine import Engine
from convert.aot import generate
from deploy import tflm_host
from deploy.firmware import SETTINGS, pio, sections
from tests.mcu.conftest import ROOT, seeded_picture
from tests.mcu.host_cases import FLAGS, includes

API = ROOT / "tests" / "mcu" / "host" / "tflm_api.h"
ENGINE = ROOT / "mcu_app" / "src" / "engine_tflm"
HEADERS = (
    "c/common.h",
    "kernels/kernel_util.h",
    "micro/kernels/kernel_util.h",
    "micro/micro_context.h",
    "micro/micro_interpreter.h",
    "micro/micro_mutable_op_resolver.h",
    "schema/schema_generated.h",
)
PINNED = "spaziochirale/Chirale_TensorFLowLite @ 2.0.0"


def write_headers(folder: Path) -> Path:
    """tensorflow/lite/*.h, all of them the one header."""
    for header in HEADERS:
        path = folder / "tensorflow" / "lite" / header
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'#include "{API}"\n')
    return folder


def write_library(folder: Path) -> Path:
    """A library as the registry has it: for Arduino's processors, two files that need its core, one that needs ARDUINO."""
    source = write_headers(folder / "src")
    manifest = "name=Chirale_TensorFLowLite\nversion=2.0.0\narchitectures=mbed_nano,esp32\ndot_a_linkage=false\n"
    (folder / "library.properties").write_text(manifest)
    for name in ("peripherals/utility_arduino.cpp", "tensorflow/lite/micro/system_setup.cpp"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text("#include <Arduino.h>\n")
    (source / "tensorflow" / "lite" / "kernels" / "kernel_util.cpp").write_text(
        "#ifndef ARDUINO\n#error without ARDUINO\n#endif\n"
        "#if !defined(TF_LITE_STATIC_MEMORY) || !defined(TF_LITE_STRIP_ERROR_STRINGS)\n#error flags\n#endif\n"
    )
    return folder


def test_the_environment_compiles(model: Path, tmp_path: Path) -> None:
    """qemu_cortex_m7_tflm as it stands, with the declarations in the place of the library; only the link is let off."""
    library = write_library(tmp_path / "Chirale_TensorFLowLite")
    config = (ROOT / "platformio.ini").read_text()
    assert config.count(PINNED) == 2
    config = config.replace(PINNED, f"symlink://{library}")
    config = config.replace("-DBITMAR_ENGINE_TFLM\n", "-DBITMAR_ENGINE_TFLM\n    -Wl,--unresolved-symbols=ignore-all\n")
    (tmp_path / "platformio.ini").write_text(config)
    environment = {
        **SETTINGS,
        "BITMAR_MODEL": str(model.resolve()),
        "PLATFORMIO_BUILD_DIR": str(tmp_path / "build"),
        "PLATFORMIO_WORKSPACE_DIR": str(tmp_path / "workspace"),
    }
    done = pio(["run", "-e", "qemu_cortex_m7_tflm", "-c", str(tmp_path / "platformio.ini")], environment)
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    built = tmp_path / "build" / "qemu_cortex_m7_tflm"
    assert sections(built / "firmware.elf")[".model"] > 400_000
    assert {path.relative_to(tmp_path / "build").parts[0] for path in (tmp_path / "build").rglob("*.o")} == {built.name}


def build_engine(model: Path, folder: Path) -> Path:
    """The engine with ops and kernels as a shared library; what it needs of the interpreter stays open."""
    generate(model, folder, "tflm")
    include = [*includes(folder), f"-I{ROOT / 'ops' / 'include'}", f"-I{write_headers(folder / 'headers')}"]
    kernels = [
        path for part in sorted((ROOT / "kernels").iterdir()) if part.is_dir() for path in sorted(part.glob("*.c"))
    ]
    for name, sources in (("kernels", kernels), ("ops", (ROOT / "ops" / "src").glob("*.c"))):  # both have a rms_norm.c
        (folder / name).mkdir()
        command = ["cc", *FLAGS, "-fPIC", *include, "-c", *map(str, sources)]
        subprocess.run(command, cwd=folder / name, check=True)
    compiled = [*folder.glob("kernels/*.o"), *folder.glob("ops/*.o"), folder / "bitmar_model_data.S"]
    flags = ["-std=c++17", "-O2", "-fPIC", "-Wall", "-Wextra", "-Werror", "-DTFLM_TODAY", "-DTF_LITE_STATIC_MEMORY"]
    command = ["g++", *flags, "-fno-rtti", *include, str(ENGINE / "engine_tflm.cpp"), *map(str, compiled)]
    out = folder / "engine.so"
    subprocess.run([*command, "-shared", "-Wl,-z,now", "-o", str(out)], check=True)
    return out


RUN = """
import ctypes, os, sys
import numpy as np
from tflite_micro.python.tflite_micro import _runtime
ctypes.CDLL(_runtime.__file__, mode=ctypes.RTLD_GLOBAL | os.RTLD_NOLOAD)
engine = ctypes.CDLL(sys.argv[1], mode=os.RTLD_NOW)
given, steps = np.load(sys.argv[2]), int(sys.argv[4])
engine.engine_open.restype = ctypes.c_char_p
for name in ("engine_encode", "engine_recall", "engine_step"):
    getattr(engine, name).restype = ctypes.c_bool
assert engine.engine_open() is None, engine.engine_open()
at = lambda array: ctypes.c_void_p(array.ctypes.data)
encoding = np.zeros(given["outputs"], np.float32)
picture, tokens = given["picture"].tobytes(), given["tokens"]
assert engine.engine_encode(at(tokens), len(tokens), picture, at(encoding))
context = np.zeros(given["dim"], np.float32)
scores, slots, mask = (np.ascontiguousarray(given[name]) for name in ("scores", "slots", "mask"))
assert engine.engine_recall(at(scores), at(slots), at(mask), at(context))
latent = np.ascontiguousarray(encoding[3 * given["dim"]:])
engine.engine_start(at(context), at(latent))
ids, logits, all_ids, all_logits = np.zeros(given["k"], np.int32), np.zeros(given["k"], np.float32), [], []
token = int(given["bos"])
for _ in range(steps):
    assert engine.engine_step(token, at(ids), at(logits))
    all_ids.append(ids.copy()), all_logits.append(logits.copy())
    token = int(ids[0])
np.savez(sys.argv[3], encoding=encoding, context=context, ids=np.stack(all_ids), logits=np.stack(all_logits))
"""
STEPS = 72  # longer than the window of 64


@pytest.mark.skipif(not tflm_host.available(), reason="tflite-micro has wheels for CPython 3.11 only")
def test_the_engine_runs_in_the_real_interpreter(model: Path, engine: Engine, tmp_path: Path) -> None:
    """engine_tflm.cpp, ops_tflm.h and ops/ linked with PyPI's tflite-micro: encode, recall and a stream, bit for bit."""
    library = build_engine(model, tmp_path / "engine")
    picture, tokens, rng = seeded_picture(3), [5, 17, 200], np.random.default_rng(3)
    k, dim = engine.model.top_k, engine.model.episode_dim
    scores = rng.uniform(-1, 1, k).astype(np.float32)
    slots = rng.normal(size=(k, dim)).astype(np.float32)
    mask = np.array([1] * (k - 1) + [0], np.int32)
    expected = engine.encode(tokens, picture)
    parts = [np.ravel(getattr(expected, name)) for name in ("episode", "key", "query", "latent")]
    context = engine.recall(scores, slots, mask)
    stream = engine.steps(context, expected.latent)
    steps = [next(stream) for _ in range(STEPS)]
    given, out = tmp_path / "given.npz", tmp_path / "out.npz"
    np.savez(
        given,
        picture=np.frombuffer(picture.q.tobytes() + np.float32(picture.scale).tobytes(), np.uint8),
        tokens=np.array(tokens, np.int32),
        outputs=sum(map(len, parts)),
        dim=dim,
        k=len(steps[0].ids),
        bos=engine.model.bos,
        scores=scores,
        slots=slots,
        mask=mask,
    )
    command = [sys.executable, "-c", RUN, str(library), str(given), str(out), str(STEPS)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with np.load(out) as found:
        assert found["encoding"].tobytes() == np.concatenate(parts).tobytes()
        assert found["context"].tobytes() == np.ravel(context).tobytes()
        for position, step in enumerate(steps):
            assert found["ids"][position].tobytes() == np.ravel(step.ids).tobytes(), position
            assert found["logits"][position].tobytes() == np.ravel(step.logits).tobytes(), position
