"""Property: what is taught is answered, from the card, after a new start and in the other runtime; a script's transcript is
what the manual promises, and --json says the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.pi_app.console_runs import answers, console, contents, write_pictures

TIMING = r"  \[(?:[\d.]+ tokens/s, [\d.]+ ms/token, )?[\d.]+ ms in all, card [\d.]+ ms(?:, cache hits \d+ %)?\]"


@pytest.fixture
def card(tmp_path: Path) -> Path:
    folder = tmp_path / "card"
    folder.mkdir()
    return folder


def test_transcript(card: Path, tmp_path: Path) -> None:
    (name, taught, asked), (second, other, _), *_ = write_pictures(tmp_path)
    script = f"""# two things
teach {taught} {name}
teach {other} "{second}"
ask {asked}
caption {asked}
say {name}
rename "{second}" "a new name"
mem show
forget a new name
mem history
mem diff 3 4
mem undo
mem restore 3
mem verify
mem prune 0.1
help ask
quit
this line is never read
"""
    patterns = [
        rf"{name}: new in slot 0",
        TIMING,
        rf"{second}: new in slot 1",
        TIMING,
        rf"(perhaps )?{name}",
        r"  slot 0, score [\d.-]+, (decoded|from its label)",
        TIMING,
        r".*",
        TIMING,
        name,
        r"  slot 0, found by name, (decoded|from its label)",
        TIMING,
        rf"{second} is now a new name",
        TIMING,
        r"slot +name +uses +views +importance +decodes +in RAM +taught \(UTC\)",
        rf"0 +{name} +\d+ +1 +0\.50 +(yes|no) +yes +\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d",
        r"1 +a new name .*",
        r"2 of \d+ slots, \d+ numbers each; card .*",
        r"a new name: 1 forgotten",
        TIMING,
        r"state +written \(UTC\) +what",
        rf"1 +\d{{4}}-.* +taught +{name}",
        rf"2 +\d{{4}}-.* +taught +{second}",
        r"3 .* +renamed to +a new name",
        r"4 +\d{4}-.* +forgot +a new name",
        r"states 0 to 4 can be restored",
        r"slot +state 3 +state 4",
        r"1 +a new name",
        r"1 slots differ",
        r"state 3 restored: 2 things",
        TIMING,
        r"state 3 restored: 2 things",
        TIMING,
        r"both copies agree; 2 slots in use",
        TIMING,
        r"0 forgotten",
        TIMING,
        r"  ask PICTURE  show a picture: what is it called\?",
    ]
    lines = console(card, script).stdout.splitlines()
    for line, pattern in zip(lines, patterns, strict=True):
        assert re.fullmatch(pattern, line), f"{line!r} is not {pattern!r}"


def test_a_new_process_remembers_and_both_runtimes_agree(card: Path, tmp_path: Path) -> None:
    things = write_pictures(tmp_path)
    taught = answers(card, "".join(f"teach {picture} '{name}'\n" for name, picture, _ in things), "--slots", "16")
    assert [answer["action"] for answer in taught] == ["new"] * len(things)
    assert all(answer["saved"] for answer in taught)
    questions = "".join(f"ask {asked}\n" for _, _, asked in things)
    first = answers(card, questions)
    second = answers(card, questions, "--runtime", "ai-edge-litert")
    keys = ("text", "slot", "name", "score")
    assert [[a[k] for k in keys] for a in first] == [[a[k] for k in keys] for a in second]
    assert sum(a["name"] == thing[0] for a, thing in zip(first, things, strict=True)) >= 6
    assert all(a["text"] in (None, a["name"]) for a in first) and any(a["answer_from"] == "decoded" for a in first)


def test_replace_takes_over_the_look_alike(card: Path, tmp_path: Path) -> None:
    (_, taught, _), *_ = write_pictures(tmp_path, 1)
    lines = f"teach {taught} cup\nteach {taught} mug --both\nteach {taught} bowl --replace\n"
    first, second, third = answers(card, lines)
    assert (first["action"], second["action"]) == ("new", "new"), "another name never erases"
    assert (third["action"], third["previous"]) == ("replaced", "cup") and third["easily_confused_with"] == "mug"


def test_the_same_picture_under_another_name_ends_a_script(card: Path, tmp_path: Path) -> None:
    (_, taught, _), *_ = write_pictures(tmp_path, 1)
    console(card, f"teach {taught} cup\n")
    refused = console(card, f"teach {taught} mug\nforget cup\n", check=False)
    assert refused.returncode == 2 and refused.stderr.count("\n") == 1
    assert (
        "script.txt:1: teach: the same picture is called cup: --replace writes over it, --both keeps" in refused.stderr
    )
    (shown,) = answers(card, "mem show\n")
    assert [slot["name"] for slot in shown["slots"]] == ["cup"]


def test_asking_writes_nothing(card: Path, tmp_path: Path) -> None:
    (name, taught, asked), *_ = write_pictures(tmp_path, 1)
    console(card, f"teach {taught} {name}\n")
    before = contents(card / "bitmar_memory")
    answer, shown = answers(card, f"ask {asked}\nmem show\n")
    assert answer["name"] == name
    assert shown["sectors_written"] == 0 == shown["barriers"]
    after = contents(card / "bitmar_memory")
    assert before["memory_slots.bin"] == after["memory_slots.bin"]


def test_an_empty_memory_says_so(card: Path, tmp_path: Path) -> None:
    (_, _, asked), *_ = write_pictures(tmp_path, 1)
    asking, saying = answers(card, f"ask {asked}\nsay anything\n")
    for answer in (asking, saying):
        assert (answer["text"], answer["verdict"], answer["slot"]) == (None, "unknown", None)
    assert console(card, f"ask {asked}\n").stdout.startswith("unknown\n  nothing was taught yet\n")


def test_bench_reports_every_number(card: Path) -> None:
    (found,) = answers(card, "bench 40\n")
    assert found["tokens"] == 40 and found["tokens_per_s"] > 0
    for key in ("ms_per_token", "encode_ms", "memory_ms", "recall_ms", "card_ms_per_recall"):
        assert found[key] >= 0, key
