"""PlatformIO's own platform for the Teensy, fetched when it is first used.

No script of a project runs before its platform is installed, so that a missing registry would end in minutes of silence
and a bare HTTPClientError. This platform is in the repository, so its code does run: it asks first.
"""

from pathlib import Path

from platformio.compat import load_python_module
from platformio.exception import UserSideException
from platformio.package.manager.platform import PlatformPackageManager
from platformio.platform.base import PlatformBase
from platformio.platform.factory import PlatformFactory

registry = load_python_module("bitmar_registry", str(Path(__file__).resolve().parents[3] / "deploy" / "registry.py"))


class Teensy_from_registryPlatform(PlatformBase):  # noqa: N801 (the name that PlatformIO derives from the folder)
    def __new__(cls, manifest_path):
        """The registry's platform itself: nothing of this class is left once it is there."""
        manager = PlatformPackageManager()
        package = manager.get_package(registry.TEENSY)
        if package is None:
            if problem := registry.problem([f"platform {registry.TEENSY}"]):
                raise UserSideException(problem)
            package = manager.install(registry.TEENSY, skip_dependencies=True)
        return PlatformFactory.new(package)
