"""TF_CONFIG: which workers train together, and which of them this process is."""

from __future__ import annotations

import json
import os
from typing import Any, NamedTuple

from bitmar.errors import BitmarError

EXPECTED = (
    'expected {"cluster": {"worker": ["HOST:PORT", ...]}, "task": {"type": "worker", "index": 0}} '
    "as TensorFlow defines it"
)
JOBS = ("chief", "worker")  # chief, where there is one, comes first; without one, worker 0 is the chief


class Cluster(NamedTuple):
    """The workers' addresses, the chief's first, and this process's place among them."""

    workers: list[str]
    index: int

    @property
    def chief(self) -> bool:
        """This process writes the run's folder."""
        return self.index == 0


def read_tf_config() -> Cluster | None:
    """The environment's cluster, None where TF_CONFIG is not set. BitmarError, one line, where it cannot be meant."""
    text = os.environ.get("TF_CONFIG", "")
    if not text.strip():
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise BitmarError(f"TF_CONFIG: not JSON: {text[:60]!r}; {EXPECTED}") from None
    cluster, task = (value.get(key) if isinstance(value, dict) else None for key in ("cluster", "task"))
    if not isinstance(cluster, dict) or not isinstance(task, dict):
        raise BitmarError(f"TF_CONFIG: {'task' if isinstance(cluster, dict) else 'cluster'} is missing; {EXPECTED}")
    if unknown := [job for job in cluster if job not in JOBS]:
        raise BitmarError(f"TF_CONFIG: cluster has the job {unknown[0]!r}, expected only {' and '.join(JOBS)}")
    jobs = {job: _addresses(job, cluster[job]) for job in JOBS if job in cluster}
    if len(jobs.get("chief", ())) > 1:
        raise BitmarError(f"TF_CONFIG: cluster has {len(jobs['chief'])} chiefs, expected one")
    kind, index = task.get("type"), task.get("index")
    if kind not in jobs:
        raise BitmarError(f"TF_CONFIG: task type is {kind!r}, expected one of the cluster's jobs: {', '.join(jobs)}")
    if type(index) is not int or not 0 <= index < len(jobs[kind]):
        raise BitmarError(f"TF_CONFIG: task index is {index!r}, expected 0 to {len(jobs[kind]) - 1} ({kind})")
    workers = [address for addresses in jobs.values() for address in addresses]
    if twice := [address for address in workers if workers.count(address) > 1]:
        raise BitmarError(f"TF_CONFIG: {twice[0]} stands there twice, expected an address for each worker")
    return Cluster(workers, index + (len(jobs["chief"]) if kind == "worker" and "chief" in jobs else 0))


def _addresses(job: str, value: Any) -> list[str]:
    """The HOST:PORT of a job's tasks, checked."""
    if not isinstance(value, list) or not value:
        raise BitmarError(f"TF_CONFIG: {job} is {value!r}, expected a list of HOST:PORT")
    for address in value:
        host, _, port = address.rpartition(":") if isinstance(address, str) else ("", "", "")
        if not host or not (port.isascii() and port.isdecimal()) or not 0 < int(port) < 65536:
            raise BitmarError(f"TF_CONFIG: {job} has the address {address!r}, expected HOST:PORT")
    return value
