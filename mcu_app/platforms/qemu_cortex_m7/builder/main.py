"""SCons script of the platform: arm-none-eabi-gcc from PATH, QEMU to run the result."""

import shlex
import subprocess
import sys
from pathlib import Path

from SCons.Script import Default, DefaultEnvironment

env = DefaultEnvironment()
platform = env.PioPlatform()
board = env.BoardConfig()
support = Path(platform.get_dir()) / "support"

cpu = [f"-mcpu={board.get('build.mcu')}", "-mthumb", f"-mfpu={board.get('build.fpu')}", "-mfloat-abi=hard"]

env.Replace(
    AR="arm-none-eabi-gcc-ar",
    AS="arm-none-eabi-gcc",
    CC="arm-none-eabi-gcc",
    CXX="arm-none-eabi-g++",
    LINK="arm-none-eabi-g++",
    RANLIB="arm-none-eabi-gcc-ranlib",
    SIZETOOL="arm-none-eabi-size",
    ARFLAGS=["rc"],
    PROGNAME="firmware",
    PROGSUFFIX=".elf",
    SIZECHECKCMD="$SIZETOOL -A -d $SOURCES",
    SIZEPROGREGEXP=r"^(?:\.vectors|\.text|\.rodata|\.ARM\.\w+|\.\w+_array|\.data|\.model)\s+(\d+).*",
    SIZEDATAREGEXP=r"^(?:\.data|\.bss|\.noinit)\s+(\d+).*",
)
env.Append(
    ASFLAGS=cpu,
    ASPPFLAGS=["-x", "assembler-with-cpp"],
    CPPPATH=[str(support / "common")],
    CPPDEFINES=[("BITMAR_MODEL_SECTION", ".model")],  # link.ld: flash, by the MPU
    CCFLAGS=[*cpu, "-Os", "-g3", "-Wall", "-Wextra", "-ffunction-sections", "-fdata-sections"],
    CFLAGS=["-std=gnu11"],
    CXXFLAGS=["-std=gnu++17", "-fno-exceptions", "-fno-rtti", "-fno-threadsafe-statics"],
    LINKFLAGS=[
        *cpu,
        "-nostartfiles",
        "--specs=nano.specs",
        "-Wl,--gc-sections",
        "-Wl,--fatal-warnings",
        "-Wl,-z,noexecstack",
        "-Wl,-Map=${BUILD_DIR}/${PROGNAME}.map",
    ],
    LIBS=["m"],
)
if not env.get("LDSCRIPT_PATH"):  # board_build.ldscript overrides
    env.Replace(LDSCRIPT_PATH=str(support / board.id / "link.ld"))

# start-up code as objects, not as an archive: the vector table must always be linked
env.BuildSources(str(Path("$BUILD_DIR") / "support"), str(support / "common"))
elf = env.BuildProgram()
env.Depends(elf, env["LDSCRIPT_PATH"])


def run_qemu(target, source, env):
    sys.stdout.flush()
    runner = [env.subst("$PYTHONEXE"), str(Path(platform.get_dir()) / "qemu_run.py"), "--board", board.id]
    options = shlex.split(env.GetProjectOption("custom_qemu_run", ""))
    arguments = list(env.get("PROGRAM_ARGS") or [])
    return subprocess.call([*runner, *options, str(source[0]), *arguments], cwd=env.subst("$PROJECT_DIR"))


env.AddPlatformTarget(
    "exec",
    elf,
    env.VerboseAction(run_qemu, "Running $SOURCE under QEMU"),
    "Execute",
    "Run the firmware under QEMU; arguments: -a ARG",
)
env.AddPlatformTarget(
    "size", elf, env.VerboseAction("$SIZETOOL -A -d $SOURCES", "Sections of $SOURCE"), "Program Size", "Section sizes"
)
Default([elf])
