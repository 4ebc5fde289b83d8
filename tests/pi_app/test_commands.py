"""Property: bench, doctor and the installed command say the same whether a model is named by --model or by its run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.bitmar.digests import model
from tests.bitmar.runtimes import NAMES, ROOT, run_python

PIPELINE = ROOT / "pipeline.py"


@pytest.mark.parametrize("runtime", NAMES)
def test_bench_makes_its_own_full_memory(runtime: str, tmp_path: Path) -> None:
    (tmp_path / "model").symlink_to(model().resolve())
    found = json.loads(run_python(runtime, PIPELINE, "bench", "--json", "--run", tmp_path, "--slots", "16").stdout)
    assert (found["runtime"], found["slots"], found["occupied"]) == (runtime, 16, 16)
    assert found["tokens_per_s"] > 0 and found["encode_ms"] > 0


def test_the_installed_command_is_the_console(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("help say\n")
    options = ["--card", tmp_path, "--model", model(), "--script", tmp_path / "words.txt"]
    assert "say TEXT" in run_python("ai-edge-litert", "-m", "pi_app", *options).stdout
    refused = run_python("ai-edge-litert", "-m", "pi_app", "--card", tmp_path, "--model", tmp_path, check=False)
    assert refused.returncode == 2 and refused.stderr.startswith("error: ") and refused.stderr.count("\n") == 1


def test_doctor_names_what_is_missing(tmp_path: Path) -> None:
    whole = run_python("ai-edge-litert", PIPELINE, "doctor", "--json")
    assert whole.returncode == 0 and json.loads(whole.stdout)["a runtime"]["found"] == "ai-edge-litert"
    broken = run_python("ai-edge-litert", PIPELINE, "doctor", check=False, BITMAR_LIBRARY=str(tmp_path / "none.so"))
    assert broken.returncode == 1 and "missing  libbitmar.so" in broken.stdout
