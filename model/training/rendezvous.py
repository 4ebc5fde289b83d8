"""All workers of a cluster wait for each other, for so long, before TensorFlow does: its waiting has no end and heeds no signal.

The chief listens on its address of TF_CONFIG, each other worker connects and says its index; when all are there the chief lets
them go on, and gives the port back.
"""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack

from bitmar.errors import BitmarError
from model.training.cluster import Cluster

GO = b"go\n"
PAUSE = 0.2  # seconds between two attempts


def meet(cluster: Cluster, seconds: float) -> None:
    """Return when every worker is there. BitmarError, which names who is missing, after so many seconds."""
    deadline = time.monotonic() + seconds
    if cluster.chief:
        with ExitStack() as stack:
            _wait_for_others(cluster, deadline, stack)
    else:
        _report_to_chief(cluster, deadline)


def _left(deadline: float) -> float:
    return max(deadline - time.monotonic(), 0.001)


def _wait_for_others(cluster: Cluster, deadline: float, stack: ExitStack) -> None:
    address = cluster.workers[0]
    port = int(address.rpartition(":")[2])
    try:
        listening = stack.enter_context(socket.create_server(("", port)))
    except OSError as error:
        raise BitmarError(f"TF_CONFIG: worker 0 cannot listen on {address}: {error.strerror or error}") from None
    there: dict[int, socket.socket] = {}
    while missing := [i for i in range(1, len(cluster.workers)) if i not in there]:
        listening.settimeout(_left(deadline))
        try:
            connection = stack.enter_context(listening.accept()[0])
            connection.settimeout(min(_left(deadline), 5.0))
            said = connection.recv(32).decode("ascii").strip()
        except (OSError, ValueError):
            if time.monotonic() >= deadline:
                names = ", ".join(f"{i} ({cluster.workers[i]})" for i in missing)
                raise BitmarError(f"worker 0 waited in vain for worker {names}, expected all to be started") from None
            continue
        if said.isdecimal() and int(said) in missing:  # anything else is no worker of ours
            there[int(said)] = connection
    for index, connection in there.items():
        try:
            connection.sendall(GO)
        except OSError:
            raise BitmarError(f"worker {index} has ended while others were waited for, expected all to run") from None


def _report_to_chief(cluster: Cluster, deadline: float) -> None:
    host, _, port = cluster.workers[0].rpartition(":")
    while time.monotonic() < deadline:
        try:
            with socket.create_connection((host.strip("[]"), int(port)), _left(deadline)) as connection:
                connection.sendall(f"{cluster.index}\n".encode())
                if connection.recv(len(GO)) == GO:
                    return
        except OSError:
            pass
        time.sleep(PAUSE)
    raise BitmarError(
        f"worker {cluster.index} waited in vain for worker 0 ({cluster.workers[0]}) and all others, expected all to be started"
    )
