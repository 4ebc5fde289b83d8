"""A process that teaches and asks once or twice, and prints what RAM that took above Python, NumPy, Pillow and the runtime.

    python ask_once.py RUNTIME MODULE MODEL

Run by deploy.report.footprint, in the Python of that runtime. Everything is in bytes: `own` pages are the process's alone
(anonymous, or written), `mapped` ones are clean pages of files that the kernel takes back where it needs them.
"""

from __future__ import annotations

import importlib
import json
import re
import sys
from pathlib import Path


def status() -> dict[str, int]:
    """own, mapped and peak bytes of this process so far."""
    text = Path("/proc/self/status").read_text(encoding="utf-8")
    fields = {"own": "RssAnon", "mapped": "RssFile", "peak": "VmHWM"}
    return {name: 1024 * int(re.search(rf"^{field}:\s+(\d+)", text, re.MULTILINE)[1]) for name, field in fields.items()}


def mapped_of(folder: Path) -> int:
    """Bytes of a folder's files that are mapped and in RAM (proc_pid_smaps(5))."""
    found = 0
    for mapping in re.split(r"^(?=[0-9a-f]+-[0-9a-f]+ )", Path("/proc/self/smaps").read_text(), flags=re.MULTILINE):
        if f" {folder.resolve()}/" in mapping.partition("\n")[0]:
            found += 1024 * int(re.search(r"^Rss: +(\d+)", mapping, re.MULTILINE)[1])
    return found


def main() -> None:
    """Prints JSON: baseline, then what was added when bitmar was imported, the device opened, taught and asked."""
    runtime, module, model = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    import numpy as np
    from PIL import Image  # noqa: F401

    importlib.import_module(module)
    baseline = status()
    from bitmar import Device
    from bitmar.engine import Picture

    imported = status()
    device = Device(None, model, runtime=runtime)
    opened = status()
    for seed in (7, 11):
        codes = (np.arange(768) * (np.arange(768) % seed + 1) % 255 - 127).astype(np.int8)
        device.teach(Picture(codes, np.float32(0.02)), f"thing {seed}")
        device.ask(Picture(codes, np.float32(0.02)))
    asked = status()
    print(
        json.dumps(
            {
                "baseline": baseline["peak"],
                "peak": asked["peak"] - baseline["peak"],
                "own": asked["own"] - baseline["own"],
                "own_python": imported["own"] - baseline["own"],
                "own_opened": opened["own"] - imported["own"],
                "own_asked": asked["own"] - opened["own"],
                "mapped": asked["mapped"] - baseline["mapped"],
                "mapped_model": mapped_of(model),
            }
        )
    )


if __name__ == "__main__":
    main()
