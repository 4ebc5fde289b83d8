"""The steps of `pipeline.py data`: each is skipped when its inputs have not changed and its outputs are there."""

from __future__ import annotations

import tempfile
from pathlib import Path

from bitmar.errors import BitmarError
from bitmar.eye import NETWORK, POOLING, SIZE, Eye, write_pooling
from model.data import camera_views, drawn_views, duplicates, features, lite0, photos, running_text, text, tokenizers
from model.data.calibration import calibration_pictures
from model.data.dataset import TRAIN
from model.data.download import fetch, unpack_debian
from model.data.drawings import RENDER_SIZE, IconSet, Matcher, render
from model.data.families import family_of
from model.data.files import Stamps, key_of, read_json, replacing, sha256_file, write_json, write_text
from model.data.names import read_emojis
from model.data.notice import notice
from model.data.packages import (
    AUSTEN,
    DEBIAN_FILES,
    EMOJIBASE,
    FAKER,
    GPT2,
    LITE0,
    SETS,
    TEXTS,
    TUXPAINT,
    WORDNET,
    Package,
    all_packages,
)
from model.data.progress import progress
from model.data.splits import SALTS, trains_in_every_split
from model.data.writing import mix

RULES = 1  # raise it when a rule of this package changes what the same downloads give
EYE_RULES = 1  # the same of the vision network, its calibration and its pooling
CAMERA_RULES = 1  # the same of the camera views
DRAWN_RULES = 1  # the same of the drawn views
TEXT_RULES = 1  # the same of the running text


class Builder:
    """Builds one data folder out of package files; `download` gets the pinned ones."""

    def __init__(
        self, data_dir: Path, sets: list[str], packages: dict[Package, Path] | None = None, texts: bool = False
    ) -> None:
        """`texts`: with running text too."""
        self.texts = texts
        self.data_dir, self.sets = data_dir, [name for name in SETS if name in sets]
        self.stamps = Stamps(data_dir)
        self.packages: dict[Package, Path] = packages or {}

    def run(self) -> None:
        """All steps in order."""
        self.download()
        self.build()
        self.gpt2()
        if self.texts:
            self.running_text()
        seen = [TUXPAINT] if (self.data_dir / photos.FILE).exists() else []
        read = TEXTS if (self.data_dir / running_text.FILE).exists() else []
        write_text(self.data_dir / "NOTICE", notice(all_packages(self.sets) + seen + read))

    def build(self) -> None:
        """Everything that is made from `packages`, GPT-2's tokenizer apart."""
        self.render()
        self.table()
        self.vision()
        self.features()
        self.views()
        self.phrases()
        self.writing()

    def download(self) -> None:
        for source in progress(all_packages(self.sets) + TEXTS * self.texts, "downloads"):
            self.packages[source] = fetch(source, self.data_dir / "downloads")

    def _picture(self, set_name: str, code: str) -> Path:
        return self.data_dir / "pictures" / set_name / f"{code}.png"

    def render(self) -> None:
        """pictures/SET/CODE.png for every concept that the set draws; the list of codes in pictures/SET.json."""
        self.concepts = read_emojis(self.packages[EMOJIBASE])
        sources = [SETS[name].source for name in self.sets]
        key = key_of(RULES, RENDER_SIZE, [source.sha256 for source in sources], EMOJIBASE.sha256)
        if all(self._rendered(name, key) for name in self.sets):
            return
        icon_sets = {name: IconSet.read(self.packages[SETS[name].source]) for name in self.sets}
        matcher = Matcher(self.concepts, icon_sets.values())
        for name in self.sets:
            if not self._rendered(name, key):
                self._render_set(name, key, icon_sets[name], matcher)

    def _rendered(self, name: str, key: str) -> bool:
        path = self.data_dir / "pictures" / f"{name}.json"
        if not path.exists():
            return False
        done = read_json(path)
        return done["key"] == key and all(self._picture(name, code).exists() for code in done["codes"])

    def _render_set(self, name: str, key: str, icon_set: IconSet, matcher: Matcher) -> None:
        found, codes, failed = matcher.icons(icon_set), [], 0
        for concept in progress([concept for concept in self.concepts if concept.id in found], f"render {name}"):
            try:
                png = render(icon_set.svg(found[concept.id]) or "")
            except ValueError:
                failed += 1
                continue
            with replacing(self._picture(name, concept.id)) as temporary:
                temporary.write_bytes(png)
            codes.append(concept.id)
        if failed:
            print(f"render {name}: {failed} drawings could not be rendered and are left out")
        write_json(self.data_dir / "pictures" / f"{name}.json", {"key": key, "codes": codes})

    def table(self) -> None:
        """pictograms.json: concepts, and which drawings are kept or dropped as near-duplicates."""
        order = [(name, code) for name in self.sets for code in self._codes(name)]
        path = self.data_dir / "pictograms.json"
        key = key_of(
            RULES, duplicates.TOLERANCE, order, [c._asdict() for c in self.concepts], DEBIAN_FILES, self._keys()
        )

        def work() -> None:
            thumbs = features.thumbnails([self._picture(*drawing) for drawing in order], "near-duplicates")
            pairs = duplicates.near_duplicates(thumbs)
            gone = {order[i] for i, _ in pairs}
            glosses = text.glosses(self.packages[WORDNET], [concept.name for concept in self.concepts])
            table = {
                "sets": {name: SETS[name].role for name in self.sets},
                "concepts": [concept._asdict() | {"gloss": glosses.get(concept.name, "")} for concept in self.concepts],
                "drawings": {name: [c for n, c in order if n == name and (n, c) not in gone] for name in self.sets},
                "near_duplicates": [["/".join(order[i]), "/".join(order[j])] for i, j in pairs],
            }
            write_json(path, table)

        self.stamps.step("table", key, [path], work)
        self.drawings: dict[str, list[str]] = read_json(path)["drawings"]

    def _codes(self, name: str) -> list[str]:
        return read_json(self.data_dir / "pictures" / f"{name}.json")["codes"]

    def _keys(self) -> list[str]:
        return [read_json(self.data_dir / "pictures" / f"{name}.json")["key"] for name in self.sets]

    def statistics_drawings(self) -> list[Path]:
        """Pictures that may set the mean and deviation of vision.tflite: trained on in every split."""
        names = [name for name in self.sets if SETS[name].role == TRAIN]
        trained = {c.id for c in self.concepts if trains_in_every_split(family_of(c.name))}
        return [self._picture(name, c) for name in names for c in self.drawings[name] if c in trained]

    def vision(self) -> None:
        """vision.tflite: the network in int8, picture to map; vision.bin: what standardises its pooled map."""
        pictures = self.statistics_drawings()
        if not pictures:
            raise BitmarError(
                f"--set {' '.join(self.sets)}: no set to train on, expected one besides noto and openmoji"
            )
        network, pooling = self.data_dir / NETWORK, self.data_dir / POOLING
        key = key_of(
            RULES,
            EYE_RULES,
            lite0.CALIBRATION_SAMPLE,
            LITE0.sha256,
            sha256_file(lite0.TRAINED),
            SALTS,
            [str(p.relative_to(self.data_dir)) for p in pictures],
            self._keys(),
        )

        def work() -> None:
            weights = lite0.weights_of(self.packages[LITE0])
            sample = features.sample(pictures, lite0.CALIBRATION_SAMPLE)
            calibration = calibration_pictures(list(progress(sample, f"{NETWORK}: int8")))
            lite0.convert_map(weights, SIZE, network, calibration, lite0.read_trained())
            with replacing(pooling) as temporary:
                write_pooling(temporary, *features.statistics(pictures, network))

        self.stamps.step("vision", key, [network, pooling], work)

    def _eye_version(self) -> str:
        return sha256_file(self.data_dir / NETWORK) + sha256_file(self.data_dir / POOLING)

    def features(self) -> None:
        """features/lite0_128-SET.npz and features/thumb16-SET.npz."""
        kinds = {"lite0_128": (self._eye_version(), Eye(self.data_dir).features), "thumb16": ("", features.thumbnail)}
        for vision, (version, see) in kinds.items():
            for name in self.sets:
                codes = self.drawings[name]
                output = self.data_dir / "features" / f"{vision}-{name}.npz"

                def work(name=name, codes=codes, output=output, title=f"{vision} {name}", see=see) -> None:
                    pictures = [self._picture(name, code) for code in codes]
                    features.save(features.compute(codes, pictures, see, title), output)

                key = key_of(RULES, version, codes, self._keys())
                self.stamps.step(f"features {vision} {name}", key, [output], work)

    def views(self) -> None:
        """features/camera-SET.npz and features/drawn-SET.npz: views of the drawings of the sets that are trained on."""
        eye, version, others = Eye(self.data_dir, threads=1), self._eye_version(), self.statistics_drawings()
        strewn = [str(path.relative_to(self.data_dir)) for path in others]
        for name in (name for name in self.sets if SETS[name].role == TRAIN):
            codes = self.drawings[name]
            pictures = [self._picture(name, code) for code in codes]
            drawn = codes, pictures, eye.features, f"drawn {name}"
            camera = codes, pictures, others, eye.features, f"camera {name}"
            for kind, compute, given, parts in (
                ("camera", camera_views.compute, camera, (CAMERA_RULES, camera_views.VIEWS, version, codes, strewn)),
                ("drawn", drawn_views.compute, drawn, (DRAWN_RULES, version, codes)),
            ):
                output = self.data_dir / "features" / f"{kind}-{name}.npz"

                def work(compute=compute, given=given, output=output) -> None:
                    features.save(compute(*given), output)

                key = key_of(RULES, *parts, self._keys())
                self.stamps.step(f"features {kind} {name}", key, [output], work)

    def phrases(self) -> None:
        """phrases.txt"""
        phrases = self.data_dir / "phrases.txt"
        wordnet = self.packages[WORDNET]
        self.stamps.step(
            "phrases",
            key_of(RULES, DEBIAN_FILES, text.PHRASE.pattern),
            [phrases],
            lambda: write_text(phrases, "\n".join(text.noun_phrases(wordnet)) + "\n"),
        )

    def writing(self) -> None:
        """writing.json"""
        path = self.data_dir / mix.FILE
        sources = [self.packages[source] for source in (FAKER, EMOJIBASE, WORDNET)]

        def work() -> None:
            phrases = (self.data_dir / "phrases.txt").read_text(encoding="utf-8").splitlines()
            mix.write(path, mix.make(phrases, *sources))

        key = key_of(RULES, mix.EACH, text.PHRASE.pattern, FAKER.sha256, EMOJIBASE.sha256, DEBIAN_FILES)
        self.stamps.step("writing", key, [path], work)

    def gpt2(self) -> None:
        """tokenizers/gpt2.json"""
        gpt2 = self.data_dir / "tokenizers" / "gpt2.json"
        package = self.packages[GPT2]
        self.stamps.step("gpt2", key_of(RULES, GPT2.sha256), [gpt2], lambda: tokenizers.gpt2(package).save(gpt2))

    def running_text(self) -> None:
        """running_text.json"""
        path = self.data_dir / running_text.FILE
        found = {AUSTEN: running_text.BOOKS, **running_text.DICTIONARIES}

        def work() -> None:
            with tempfile.TemporaryDirectory() as folder:
                files = {source: Path(folder) / source.name / inside for source, inside in found.items()}
                for source in found:
                    unpack_debian(self.packages[source], Path(folder) / source.name, source)
                books = files.pop(AUSTEN)
                named = {source.name: file for source, file in files.items()}
                running_text.write(path, running_text.documents(books, named))

        key = key_of(RULES, TEXT_RULES, [source.sha256 for source in found], running_text.HELD_OUT)
        self.stamps.step("running text", key, [path], work)
