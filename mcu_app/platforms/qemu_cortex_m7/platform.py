"""In-repo PlatformIO platform: the compiler and the emulator come from the host's PATH, nothing from a registry."""

import shutil
from pathlib import Path

from platformio.compat import load_python_module
from platformio.exception import UserSideException
from platformio.platform.base import PlatformBase

registry = load_python_module("bitmar_registry", str(Path(__file__).resolve().parents[3] / "deploy" / "registry.py"))
HOST_TOOLS = {  # program -> Debian packages
    "arm-none-eabi-gcc": "gcc-arm-none-eabi libnewlib-arm-none-eabi",
    "arm-none-eabi-g++": "gcc-arm-none-eabi libstdc++-arm-none-eabi-newlib",
    "qemu-system-arm": "qemu-system-arm",
}


class Qemu_cortex_m7Platform(PlatformBase):  # noqa: N801 (the name that PlatformIO derives from the folder)
    def configure_default_packages(self, options, targets):
        missing = [tool for tool in HOST_TOOLS if not shutil.which(tool)]
        if missing:
            packages = " ".join(dict.fromkeys(" ".join(HOST_TOOLS[tool] for tool in missing).split()))
            raise UserSideException(
                f"{self.name} builds with tools from PATH and did not find: {', '.join(missing)}. "
                f"On Debian or Ubuntu: apt-get install {packages}"
            )
        needed = registry.missing_libraries(
            options.get("lib_deps", []), Path(self.config.get("platformio", "libdeps_dir"))
        )
        if problem := registry.problem(needed):
            raise UserSideException(problem)
        return super().configure_default_packages(options, targets)
