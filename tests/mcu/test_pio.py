"""Property: the C libraries and the plan compute on the emulated Cortex-M7 what they compute on this machine (`pio test`)."""

from __future__ import annotations

import re
from pathlib import Path

from deploy.firmware import pio

SUITES = {"test_kernels", "test_tokenizer", "test_memstore", "test_aot", "test_board"}


def test_every_suite_passes_on_the_board(model: Path, tmp_path: Path) -> None:
    environment = {"BITMAR_MODEL": str(model.resolve()), "PLATFORMIO_BUILD_DIR": str(tmp_path / "build")}
    done = pio(["test", "-e", "qemu_cortex_m7"], environment)
    output = done.stdout + done.stderr
    assert done.returncode == 0, output[-4000:]
    assert set(re.findall(r"qemu_cortex_m7\s+(test_\w+)\s+PASSED", output)) == SUITES
    assert int(re.search(r"(\d+) test cases: (\d+) succeeded", output)[2]) >= 13
