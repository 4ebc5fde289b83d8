"""Property: an interrupted or repeated build ends in the same files as one that ran through; nothing is half-written."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from bitmar.errors import BitmarError
from model.data import build, download, duplicates, notice
from model.data.build import Builder
from model.data.download import fetch
from model.data.drawings import IconSet, Matcher, render
from model.data.files import Stamps, replacing, sha256_file, write_text
from model.data.names import Emoji
from model.data.packages import EMOJIBASE, SETS, WORDNET, all_packages
from tests.data.packages import CONCEPTS, STYLES


def contents(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): sha256_file(path) for path in sorted(folder.rglob("*")) if path.is_file()}


def test_second_run_does_nothing(small: Builder, monkeypatch: pytest.MonkeyPatch) -> None:
    before = contents(small.data_dir)

    def never(*_: object) -> None:
        raise AssertionError("a finished step ran again")

    for name in ("render", "replacing"):
        monkeypatch.setattr(build, name, never)
    monkeypatch.setattr(build.features, "compute", never)
    monkeypatch.setattr(build.lite0, "convert_map", never)
    Builder(small.data_dir, list(STYLES), small.packages).build()
    assert contents(small.data_dir) == before


@pytest.mark.parametrize("call", [1, 37, 90])
def test_interrupted_rendering(small: Builder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: int) -> None:
    """Ctrl-C while drawing: a second run draws what is missing, with the same result."""
    count = 0

    def interrupted(svg: str) -> bytes:
        nonlocal count
        count += 1
        if count == call:
            raise KeyboardInterrupt
        return render(svg)

    monkeypatch.setattr(build, "render", interrupted)
    with pytest.raises(KeyboardInterrupt):
        Builder(tmp_path, list(STYLES), small.packages).render()
    assert not [path for path in tmp_path.rglob(".*")]
    Builder(tmp_path, list(STYLES), small.packages).render()
    assert contents(tmp_path / "pictures") == contents(small.data_dir / "pictures")


def test_lost_files_are_made_again(small: Builder, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    shutil.copytree(small.data_dir, folder)
    before = contents(folder)
    lost = [
        f"pictures/noto/{next(iter(CONCEPTS))}.png",
        "features/lite0_128-twemoji.npz",
        "features/thumb16-noto.npz",
        "phrases.txt",
        "writing.json",
    ]
    for name in [*lost, "pictograms.json"]:
        (folder / name).unlink()
    Builder(folder, list(STYLES), small.packages).build()
    after = contents(folder)
    assert {name for name in before if before[name] != after.get(name)} <= {"stamps.json"}


def test_replacing_is_all_or_nothing(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_text(path, "old")
    with pytest.raises(KeyboardInterrupt), replacing(path) as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]
    with pytest.raises(BitmarError, match="cannot write"), replacing(path) as temporary:
        raise OSError(28, "No space left on device")
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_stamps(tmp_path: Path) -> None:
    output, runs = tmp_path / "output", []

    def work() -> None:
        runs.append(1)
        output.write_text("x")

    for key, lose, expected in (("a", False, 1), ("a", False, 1), ("b", False, 2), ("b", True, 3)):
        if lose:
            output.unlink()
        Stamps(tmp_path).step("step", key, [output], work)
        assert len(runs) == expected


def test_near_duplicates_against_all_pairs() -> None:
    rng = np.random.default_rng(0)
    thumbs = rng.uniform(0, 255, (60, 768)).astype(np.float32)
    thumbs[40:] = thumbs[:20] + rng.uniform(-1, 1, (20, 768)) * rng.choice([10, 15.9, 16.5, 40], (20, 1))
    kept: list[int] = []
    expected = []
    for i in range(60):
        equal = [j for j in kept if np.abs(thumbs[i] - thumbs[j]).max() <= duplicates.TOLERANCE]
        if equal:
            expected.append((i, equal[0]))
        else:
            kept.append(i)
    assert duplicates.near_duplicates(thumbs) == expected
    assert 5 <= len(expected) < 20


def test_a_copied_test_drawing_is_not_trained_on(small: Builder, tmp_path: Path) -> None:
    """A training set that copies the new style's drawings loses them; the test keeps its own."""
    packages = dict(small.packages)
    packages[SETS["twemoji"].source] = packages[SETS["noto"].source]
    builder = Builder(tmp_path, list(STYLES), packages)
    builder.render()
    builder.table()
    table = json.loads((tmp_path / "pictograms.json").read_text())
    assert len(table["drawings"]["noto"]) == len(CONCEPTS) and table["drawings"]["twemoji"] == []
    assert all(kept.startswith("noto/") for _, kept in table["near_duplicates"])


def test_icon_sets() -> None:
    icons = {
        "icons": {"man": {"body": "<circle r='4'/>"}, "sun": {"body": "<rect/>", "width": 20, "left": 3}},
        "aliases": {"guy": {"parent": "man"}, "turned": {"parent": "man", "rotate": 1}, "lost": {"parent": "nobody"}},
        "height": 32,
    }
    icon_set = IconSet(icons, {"1F468": "man"})
    assert 'viewBox="0 0 16 32"' in (icon_set.svg("guy") or "")
    assert 'viewBox="3 0 20 32"' in (icon_set.svg("sun") or "")
    assert icon_set.svg("turned") is None and icon_set.svg("lost") is None and icon_set.svg("unknown") is None
    concepts = [Emoji("1f468", "man", (), "people"), Emoji("2600", "sun", (), "nature"), Emoji("1", "x", (), "")]
    assert Matcher(concepts, [icon_set]).icons(icon_set) == {"1f468": "man", "2600": "sun"}


def test_empty_drawing_is_refused() -> None:
    with pytest.raises(ValueError):
        render('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9" width="9" height="9"></svg>')
    with pytest.raises(ValueError):
        render("<svg")


def test_only_test_sets(small: Builder, tmp_path: Path) -> None:
    builder = Builder(tmp_path, ["noto", "openmoji"], small.packages)
    with pytest.raises(BitmarError, match="no set to train on"):
        builder.build()


def fake_client(folder: Path, name: str, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Puts a shell script called `name` alone on PATH."""
    folder.mkdir()
    tool = folder / name
    tool.write_text(f"#!/bin/sh\n{script}\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


def test_wrong_content_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_client(tmp_path / "bin", "npm", f"echo changed > {EMOJIBASE.file_name}", monkeypatch)
    downloads = tmp_path / "downloads"
    downloads.mkdir()
    (downloads / EMOJIBASE.file_name).write_text("cut off")
    with pytest.raises(BitmarError, match=f"SHA-256 of {EMOJIBASE.file_name} is .*, expected {EMOJIBASE.sha256}"):
        fetch(EMOJIBASE, downloads)
    assert [path.name for path in downloads.iterdir()] == [EMOJIBASE.file_name]


def test_client_that_fails_or_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_client(tmp_path / "bin", "npm", "echo first >&2; echo no network >&2; exit 1", monkeypatch)
    with pytest.raises(BitmarError, match=r"emojibase-data: `npm .*` failed: no network"):
        fetch(EMOJIBASE, tmp_path / "downloads")
    with pytest.raises(BitmarError, match="`apt-get` is not on this machine"):
        fetch(WORDNET, tmp_path / "downloads")
    assert not list((tmp_path / "downloads").iterdir())


def test_pinned_download_is_used_as_it_is(real: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("downloaded again")

    monkeypatch.setattr(download, "_run", never)
    for source in all_packages(list(SETS)):
        assert fetch(source, real / "downloads").exists()


def test_notice_names_every_source() -> None:
    text = notice.notice(all_packages(list(SETS)))
    for source in all_packages(list(SETS)):
        assert f"{source.name} {source.version}" in text and source.licence in text and source.author in text
    assert text.count(notice.SHARE_ALIKE) == 1
    assert [name for name in SETS if "SA" in SETS[name].source.licence] == ["openmoji"]
    assert SETS["openmoji"].role != "train" and SETS["noto"].role == "new_style"
