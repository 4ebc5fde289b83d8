"""PlatformIO pre-script: the registry's TensorFlow Lite Micro for boards, with or without the Arduino core.

Two of the library's files drive an Arduino's serial port and LEDs and compile only with its core; the app needs neither
(debug_log.cpp prints for it). The rest chooses by ARDUINO which kernels it has one definition of, so it is defined for
the library's files alone where the core does not do so.
"""

from pathlib import Path

Import("env")  # noqa: F821 (SCons)

LIBRARY = "chirale_tensorflowlite"  # the library's folder, in any case
ARDUINO_ONLY = ("peripherals/utility_arduino.cpp", "tensorflow/lite/micro/system_setup.cpp")


def build_library_file(env, node):
    path = Path(node.srcnode().get_abspath())
    if LIBRARY not in (part.lower() for part in path.parts):
        return node
    if path.as_posix().endswith(ARDUINO_ONLY):
        return None
    defines = env.get("CPPDEFINES", [])
    if any(name == "ARDUINO" for name, *_ in (d if isinstance(d, (tuple, list)) else (d,) for d in defines)):
        return node
    return env.Object(node, CPPDEFINES=[*defines, ("ARDUINO", 10805)])


env.AddBuildMiddleware(build_library_file, "*")  # noqa: F821
