"""PlatformIO pre-script: the converted model becomes C before the firmware is compiled.

The model is the one that BITMAR_MODEL names, or the default of every command (deploy/models.py). The
environment's `custom_engine` says what goes into flash: the plan and weights of the ahead-of-time engine, or the
flatbuffers for TensorFlow Lite Micro.
"""

import contextlib
import sys
from pathlib import Path

Import("env")  # noqa: F821 (SCons)

root = Path(env.subst("$PROJECT_DIR"))  # noqa: F821
sys.path.insert(0, str(root))

from bitmar.errors import BitmarError  # noqa: E402
from convert.aot import generate  # noqa: E402
from convert.layouts import LAYOUTS  # noqa: E402
from deploy.models import pick_model  # noqa: E402

out = Path(env.subst("$BUILD_DIR")) / "model"  # noqa: F821
try:
    with contextlib.chdir(root):  # the usual models are named relative to the project
        model = pick_model(None).resolve()
    report = generate(model, out, env.GetProjectOption("custom_engine"))  # noqa: F821
except BitmarError as error:
    sys.stderr.write(f"error: {error}\n")
    env.Exit(2)  # noqa: F821

print(f"Model {report['model']} {report['digest']}: engine {report['engine']}, arena {report['arena_bytes']} bytes")
env.Append(  # noqa: F821
    CPPPATH=[str(path) for path in (out, root / "mcu_app" / "include", root / "kernels" / "include")],
    ASFLAGS=[f"-Wa,-I{out}"],
    ASPPFLAGS=[f"-Wa,-I{out}"],
)
env.BuildSources(str(out / "objects"), str(out))  # noqa: F821

if suite := env.get("PIOTEST_RUNNING_NAME"):  # noqa: F821
    sys.path.insert(0, str(root / "tests" / "mcu"))
    from host_cases import write_expected

    write_expected(suite, out, out / suite)
    env.Append(CPPPATH=[str(out / suite)])  # noqa: F821
    if suite == "test_aot":
        engine = root / "mcu_app" / "src" / "engine_aot"
        env.BuildSources(str(out / suite / "engine"), str(engine))  # noqa: F821
else:  # a firmware needs one instruction set, and the kernels that its plan calls; the tests need all
    env.Append(CPPDEFINES=["BM_NO_PORTABLE"])  # noqa: F821
    if report["layouts"]:
        used = sum(1 << LAYOUTS[layout] for layout in report["layouts"])
        env.Append(CPPDEFINES=[("BM_LAYOUTS_USED", used)])  # noqa: F821
