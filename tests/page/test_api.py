"""Property: what the console can do is done over HTTP with the same words, answers and errors; every answer and error is as the
OpenAPI document says; what was acknowledged is on the card."""

from __future__ import annotations

import http.client
import json
import signal
from collections.abc import Callable
from pathlib import Path

import fastjsonschema
import pytest

from bitmar.device import Device
from bitmar.errors import BitmarError
from pi_app import replies, words
from pi_app.page.api import CALLS
from tests.bitmar.digests import model
from tests.page.served import PICTURES, Served

HEDGEHOG, HEDGEHOG_2 = PICTURES / "hedgehog-noto.png", PICTURES / "hedgehog-twemoji.png"
SUNFLOWER, SAILBOAT = PICTURES / "sunflower-noto.png", PICTURES / "sailboat-noto.png"


def untimed(answer: dict) -> dict:
    """Without what a clock decides, and without the ids that the API adds."""
    timed = ("total_ms", "card_ms", "tokens_per_s", "ms_per_token", "hit_rate", "answer", "picture", "newest")
    return {key: value for key, value in answer.items() if key not in timed}


def test_the_words_answer_as_the_console_does(serve: Callable[..., Served], tmp_path: Path) -> None:
    """One after the other, on a card each, the same pictures."""
    page = serve()
    (tmp_path / "console").mkdir()
    with Device(tmp_path / "console", model(), slots=16) as device:

        def same(answer: dict, reply: replies.Reply) -> None:
            assert untimed(answer) == json.loads(json.dumps(untimed(reply.as_dict())))

        for name, picture in (("Igel", HEDGEHOG), ("sun \u202e<b>", SUNFLOWER)):
            (view,) = page.teach(name, picture)["views"]
            same(view, replies.teach(device, str(picture), name))
        for picture in (HEDGEHOG_2, SAILBOAT):
            asked = page.ask(picture)
            same(asked, replies.ask(device, str(picture)))
        same(page.post("/wrong", answer=asked["answer"], name="boat"), replies.wrong(device, "boat"))
        same(page.post("/say", text="Igl"), replies.say(device, "Igl"))
        asked = page.ask(HEDGEHOG)
        same(asked, replies.ask(device, str(HEDGEHOG)))
        same(page.post("/right", answer=asked["answer"]), replies.right(device))
        same(page.post("/rename", old="Igel", new="hedgehog"), replies.rename(device, "Igel", "hedgehog"))
        same(page.post("/caption", picture=page.show(SAILBOAT)), replies.caption(device, str(SAILBOAT)))
        same(page.post("/forget", name="boat"), replies.forget(device, "boat"))
        same(page.get("/mem/diff?state=1&other=3"), replies.mem_diff(device, "1", "3"))
        same(page.post("/mem/undo"), replies.mem_undo(device))
        same(page.post("/mem/restore", state=1), replies.mem_restore(device, "1"))
        same(page.post("/mem/verify"), replies.mem_verify(device))
        same(page.post("/mem/prune", importance=0), replies.mem_prune(device, "0"))
        told, states = page.get("/mem/history"), replies.mem_history(device).fields["states"]
        assert [s["action"] for s in told["states"]] == [s["action"] for s in states]
        assert page.names() == [slot.name for slot in device.memory.slots()] == ["Igel"]


def test_every_word_that_needs_no_terminal_is_there() -> None:
    own = {call.path.removeprefix("/api/").replace("/", " ") for call in CALLS}
    missing = {word.name for word in words.WORDS} - own
    assert missing == {"mem show", "watch", "bench", "help", "quit"}  # /api/things; of the console alone


def test_errors_are_the_consoles(page: Served, tmp_path: Path) -> None:
    with Device(tmp_path, model(), slots=16) as device:
        for path, body, word in (
            ("/forget", {"name": "nobody"}, lambda: replies.forget(device, "nobody")),
            ("/forget", {"name": "ä" * 40}, lambda: replies.forget(device, "ä" * 40)),
            ("/rename", {"old": "nobody", "new": "x"}, lambda: replies.rename(device, "nobody", "x")),
            ("/say", {"text": "  "}, lambda: replies.say(device, "  ")),
            ("/mem/restore", {"state": 4711}, lambda: replies.mem_restore(device, "4711")),
        ):
            with pytest.raises(BitmarError) as error:
                word()
            answer = page.call("POST", f"/api{path}", body)
            assert answer.status in (400, 404), answer.content
            expected = str(error.value).replace(str(tmp_path), str(page.card))
            assert answer.json == {"error": expected}


def test_the_same_picture_under_another_name_is_a_question(serve: Callable[..., Served]) -> None:
    page = serve()
    page.teach("hedgehog", HEDGEHOG)
    body = {"name": "Igel", "pictures": [page.show(HEDGEHOG)]}
    answer = page.call("POST", "/api/teach", body)
    assert (answer.status, answer.json["other_name"]) == (409, "hedgehog")
    assert page.names() == ["hedgehog"]
    page.post("/teach", **body, both=True)
    assert page.names() == ["hedgehog", "Igel"]


def test_right_and_wrong_speak_of_their_own_answer(serve: Callable[..., Served]) -> None:
    """Two people ask, then both say what they think of their answers."""
    page = serve()
    page.teach("hedgehog", HEDGEHOG)
    page.teach("sunflower", SUNFLOWER)
    first, second = page.ask(HEDGEHOG), page.ask(SUNFLOWER)
    assert page.post("/right", answer=first["answer"])["name"] == "hedgehog"
    assert page.post("/right", answer=second["answer"])["name"] == "sunflower"
    page.post("/forget", name="hedgehog")
    answer = page.call("POST", "/api/right", {"answer": first["answer"]})
    assert answer.status == 400 and "nothing was answered" in answer.json["error"]


def test_several_views_and_their_pictures(serve: Callable[..., Served]) -> None:
    page = serve()
    page.teach("hedgehog", HEDGEHOG, HEDGEHOG_2)
    (thing,) = page.get("/things")["things"]
    assert thing["views"] == 2 and len(thing["thumbnails"]) == 2
    for file in thing["thumbnails"]:
        answer = page.call("GET", f"/api/thumbnails/{file}")
        assert answer.headers["content-type"] == "image/jpeg" and answer.content.startswith(b"\xff\xd8\xff")
    page.post("/rename", old="hedgehog", new="Igel")
    (thing,) = page.get("/things")["things"]
    assert thing["name"] == "Igel" and len(thing["thumbnails"]) == 2
    assert [t["name"] for t in page.get("/mem/states/1")["things"]] == ["hedgehog"]
    for file in (page.card / "bitmar_thumbnails").iterdir():
        file.write_bytes(b"<script>")  # a card may come from anywhere: neither shown nor missed
    assert page.call("GET", f"/api/thumbnails/{thing['thumbnails'][0]}").status == 404
    assert page.ask(HEDGEHOG)["text"] == "Igel"


def test_going_back_shows_the_past_first(serve: Callable[..., Served]) -> None:
    page = serve()
    for name, picture in (("hedgehog", HEDGEHOG), ("sunflower", SUNFLOWER), ("sailboat", SAILBOAT)):
        page.teach(name, picture)
    page.post("/forget", name="sunflower")
    past = [[t["name"] for t in page.get(f"/mem/states/{number}")["things"]] for number in range(5)]
    assert past == [
        [],
        ["hedgehog"],
        ["hedgehog", "sunflower"],
        ["hedgehog", "sunflower", "sailboat"],
        ["hedgehog", "sailboat"],
    ]
    assert page.names() == past[4]
    page.post("/mem/restore", state=2)
    assert page.names() == past[2]
    assert page.call("GET", "/api/mem/states/4711").status == 404


def test_a_write_says_which_and_going_back_may_insist(serve: Callable[..., Served]) -> None:
    """What somebody else wrote in between is not taken back."""
    page = serve()
    assert page.teach("hedgehog", HEDGEHOG)["newest"] == [0, 1]
    assert page.teach("sunflower", SUNFLOWER)["newest"] == [1, 2]
    for path, body in (("restore", {"state": 0, "if_newest": 1}), ("undo", {"if_newest": 1})):
        answer = page.call("POST", f"/api/mem/{path}", body)
        assert answer.status == 409 and "something else was changed since" in answer.json["error"]
    assert page.names() == ["hedgehog", "sunflower"]
    assert page.post("/right", answer=page.ask(HEDGEHOG)["answer"])["newest"] == [2, 3]
    before, after = page.post("/mem/restore", state=1, if_newest=3)["newest"]
    assert before == 3 and page.names() == ["hedgehog"]
    page.post("/mem/restore", state=before, if_newest=after)
    assert page.names() == ["hedgehog", "sunflower"]


def test_answers_are_as_the_document_says(serve: Callable[..., Served]) -> None:
    """Every call of the table once; schemathesis (test_fuzz.py) does it with anything."""
    page = serve()
    shown = page.show(HEDGEHOG)
    page.post("/teach", name="hedgehog", pictures=[shown])
    page.teach("sunflower", SUNFLOWER)
    asked = page.post("/ask", picture=shown)
    file = page.get("/things")["things"][0]["thumbnails"][0]
    bodies = {
        "/api/ask": {"picture": shown},
        "/api/say": {"text": "hedgehog"},
        "/api/caption": {"picture": shown},
        "/api/teach": {"name": "hedgehog", "pictures": [shown], "keep": True},
        "/api/wrong": {"answer": asked["answer"], "name": "Igel"},
        "/api/rename": {"old": "Igel", "new": "hedgehog"},
        "/api/forget": {"name": "sunflower"},
        "/api/mem/restore": {"state": 1},
        "/api/mem/prune": {"importance": 0.0},
    }
    document = page.get("/openapi.json")
    seen = 0
    for call in CALLS:
        if call.path in ("/api/login", "/api/right", "/api/camera", "/api/events", "/api/card") or call.takes:
            continue
        path = call.path.format(picture=shown, file=file, number=1) + (
            "?state=0&other=1" if "diff" in call.path else ""
        )
        answer = page.call(call.method, path, bodies.get(call.path, {}) if call.asks else None)
        assert answer.status == 200, (path, answer.content)
        content = document["paths"][call.path][call.method.lower()]["responses"]["200"]["content"]
        ((kind, described),) = content.items()
        assert answer.headers["content-type"].startswith(kind)
        if kind == "application/json":
            fastjsonschema.compile(described["schema"])(answer.json)
        seen += 1
    assert seen == len(CALLS) - 7


def test_a_card_comes_and_goes_as_one_file(serve: Callable[..., Served], tmp_path: Path) -> None:
    page = serve()
    page.teach("hedgehog", HEDGEHOG)
    packed = page.call("GET", "/api/card")
    assert packed.status == 200 and "card.bitmar" in packed.headers["content-disposition"]
    page.post("/forget", name="hedgehog")
    page.teach("sunflower", SUNFLOWER)
    kind = {"Content-Type": "application/zip"}
    damaged = bytearray(packed.content)
    damaged[len(damaged) // 2] ^= 0xFF
    for content in (bytes(damaged), packed.content[:-200], b"PK", b""):
        answer = page.call("PUT", "/api/card", content, kind)
        assert answer.status == 400 and "uploaded card" in answer.json["error"], answer.content
        assert page.names() == ["sunflower"]
    answer = page.call("PUT", "/api/card", packed.content, kind)
    assert answer.json["old"] == "bitmar_memory.old", answer.content
    assert page.names() == ["hedgehog"] and page.ask(HEDGEHOG)["text"] == "hedgehog"
    assert sorted(p.name for p in page.card.iterdir()) == ["bitmar_memory", "bitmar_memory.old", "bitmar_thumbnails"]
    page.teach("boat", SAILBOAT)  # the exchanged one is written to
    assert page.stop() == 0
    with Device(page.card, model()) as device:
        assert [slot.name for slot in device.memory.slots()] == ["hedgehog", "boat"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_closes_the_card(number: int, serve: Callable[..., Served]) -> None:
    """In peace, though somebody listens to events that have no end."""
    page = serve()
    page.teach("hedgehog", HEDGEHOG)
    page.ask(HEDGEHOG)  # an access counter that only closing writes
    listener = http.client.HTTPConnection("127.0.0.1", page.port)
    listener.request("GET", "/api/events")
    assert listener.getresponse().readline().startswith(b"retry")
    assert page.stop(number) == 0
    listener.close()
    with Device(page.card, model()) as device:
        assert device.memory.slots()[0].uses == 1
        assert device.memory.report.primary_repaired + device.memory.report.mirror_repaired == 0
