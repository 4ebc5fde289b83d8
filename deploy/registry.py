"""PlatformIO's registry: what an environment still needs from it, and whether it can be asked at all.

PlatformIO itself tries for minutes before it ends in an error without a reason; a few seconds decide it here. Imported
by deploy and, inside PlatformIO, by the platforms in mcu_app/platforms: nothing but PlatformIO and the standard library.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TEENSY = "platformio/teensy"  # the platform behind mcu_app/platforms/teensy_from_registry
SECONDS = 4.0


def answers(url: str, seconds: float) -> bool:
    """Whether anything answers there, through a proxy where one is set."""
    from platformio.http import HTTPSession
    from requests import RequestException

    with contextlib.suppress(RequestException, OSError):
        HTTPSession().head(url, timeout=seconds, allow_redirects=False)
        return True
    return False


def reachable(seconds: float = SECONDS) -> bool:
    """Whether one of the registry's hosts, as PlatformIO's own client has them, answers within `seconds`."""
    from platformio import __registry_mirror_hosts__ as hosts

    found = []
    threads = [  # daemons: a name that cannot be resolved may keep one of them longer
        threading.Thread(target=lambda url=f"https://api.{host}": found.append(answers(url, seconds)), daemon=True)
        for host in hosts
    ]
    for thread in threads:
        thread.start()
    end = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    return any(found)


def missing_libraries(wanted: Iterable[str], folder: Path) -> list[str]:
    """Those of `lib_deps` that only the registry has and no environment has fetched into `folder` (libdeps_dir) yet."""
    from platformio.package.manager.library import LibraryPackageManager
    from platformio.package.meta import PackageSpec

    managers = [LibraryPackageManager(str(path)) for path in sorted(folder.glob("*")) if path.is_dir()]
    specs = ((library, PackageSpec(library)) for library in wanted)
    return [
        f"library {library}"
        for library, spec in specs
        if spec.owner and not spec.external and not any(manager.get_package(spec) for manager in managers)
    ]


def missing(environment: str) -> list[str]:
    """What an environment of platformio.ini needs from the registry and does not have."""
    from platformio import fs
    from platformio.package.manager.platform import PlatformPackageManager
    from platformio.project.config import ProjectConfig

    with fs.cd(str(ROOT)):
        config = ProjectConfig.get_instance(str(ROOT / "platformio.ini"))
        platform, libraries = (config.get(f"env:{environment}", key) for key in ("platform", "lib_deps"))
        folder = Path(config.get("platformio", "libdeps_dir"))
        absent = "teensy" in platform and not PlatformPackageManager().get_package(TEENSY)
        return [f"platform {TEENSY}"] * absent + missing_libraries(libraries, folder)


def problem(needed: list[str]) -> str | None:
    """One line where something is needed and the registry cannot be reached, else None."""
    if not needed or reachable():
        return None
    return (
        f"{' and '.join(needed)} must come from PlatformIO's registry, which cannot be reached: "
        "connect to the internet once, or take the emulator (--target qemu, environment qemu_cortex_m7)"
    )
