"""A second model of the same shapes: the same plan and code, other numbers."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

from convert.aot import graph


def with_reversed_matrix(model: Path, folder: Path, file: str, matrix: str) -> Path:
    """A copy in which one matrix's bytes stand in reverse order: its codes stay valid."""
    shutil.copytree(model, folder)
    path = folder / file
    data = path.read_bytes()
    weights = next(t.data for t in graph.load(path).tensors if t.name == matrix)
    at = data.index(weights)
    changed = data[:at] + weights[::-1] + data[at + len(weights) :]
    path.write_bytes(changed)
    description = json.loads((folder / "model.json").read_text())
    digest = hashlib.sha256(changed).hexdigest()
    description["files"][file]["sha256"] = digest
    description["model_hash"] = digest[: len(description["model_hash"])]
    (folder / "model.json").write_text(json.dumps(description))
    return folder
