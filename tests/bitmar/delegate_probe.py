"""What the delegate does over many loads and threads, in the runtime of the Python that starts it.

python delegate_probe.py error  FILE          prints why FILE cannot be loaded or run
python delegate_probe.py leak   FILE COUNT    loads and drops FILE, prints the growth of the process in KiB
python delegate_probe.py order  FILE          drops delegate and interpreter in every order
python delegate_probe.py thread FILE COUNT    runs one interpreter per thread, prints the number of wrong outputs
"""

from __future__ import annotations

import gc
import sys
import threading
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from bitmar.errors import BitmarError  # noqa: E402
from bitmar.native import library  # noqa: E402
from bitmar.runtime import Graph, pick_runtime  # noqa: E402


def inputs_of(graph: Graph, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    details = {d["index"]: d for d in graph.interpreter.get_input_details()}
    return {
        name: rng.integers(0, 2, details[i]["shape"]).astype(details[i]["dtype"]) for name, i in graph.inputs.items()
    }


def resident_kib() -> int:
    fields = Path("/proc/self/status").read_text().split("VmRSS:")[1].split()
    return int(fields[0])


def error(file: Path) -> None:
    try:
        graph = Graph(file)
        graph.run(**inputs_of(graph))
    except BitmarError as reason:
        print(reason)
    else:
        print("no error")


def leak(file: Path, count: int) -> None:
    def once() -> None:
        graph = Graph(file)
        graph.run(**inputs_of(graph))

    for _ in range(count // 5):  # allocators settle first
        once()
    gc.collect()
    before = resident_kib()
    for _ in range(count):
        once()
    gc.collect()
    print(resident_kib() - before)


def order(file: Path) -> None:
    """The interpreter may live longer than the delegate's Python object, and the other way round."""
    _, module = pick_runtime()
    path = str(library.checked_path())
    for first in ("delegate", "interpreter"):
        objects = {"delegate": module.load_delegate(path)}
        objects["interpreter"] = module.Interpreter(str(file), experimental_delegates=[objects["delegate"]])
        objects["interpreter"].allocate_tensors()
        objects["interpreter"]._delegates = []  # the only other reference to the delegate
        del objects[first]
        gc.collect()
        if "interpreter" in objects:
            objects["interpreter"].invoke()
        objects.clear()
        gc.collect()
    print("done")


def thread(file: Path, count: int) -> None:
    wrong = []

    def work(seed: int) -> None:
        graph = Graph(file)
        values = inputs_of(graph, seed)
        first = graph.run(**values)
        for _ in range(count):
            now = graph.run(**values)
            wrong.extend(name for name in now if now[name].tobytes() != first[name].tobytes())

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    print(len(wrong))


if __name__ == "__main__":
    action = {"error": error, "leak": leak, "order": order, "thread": thread}[sys.argv[1]]
    action(Path(sys.argv[2]), *map(int, sys.argv[3:]))
