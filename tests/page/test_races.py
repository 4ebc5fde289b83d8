"""Property: whatever comes late, twice, or in another order than it was asked for, the page shows what is so now, and does once
what was asked for once. What the server tells, and how long an answer or a picture takes, is in the test's hands."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from selenium.webdriver.common.by import By

from tests.page.browser import Browser
from tests.page.served import PICTURES, Served

pytestmark = pytest.mark.parametrize("width", [360])

HEDGEHOG, SUNFLOWER = PICTURES / "hedgehog-noto.png", PICTURES / "sunflower-noto.png"
HOOKS = """
let source;
const Source = EventSource;
window.EventSource = class extends Source { constructor(...given) { super(...given); source = this; } };
window.tell = (kind, told) => source.dispatchEvent(new MessageEvent(kind, { data: JSON.stringify(told) }));
window.deaf = () => source.close();
const ask = fetch;
window.waiting = [];
window.fetch = (path, ...given) => {
  if (window.failing?.test(path)) return Promise.reject(new TypeError("no connection"));
  if (window.late?.test(path)) return ask(path, ...given).then((told) => new Promise((done) => waiting.push(() => done(told))));
  if (!window.holding?.test(path)) return ask(path, ...given);
  return new Promise((done) => waiting.push(() => done(ask(path, ...given))));
};
const Picture = Image;
window.Image = class extends Picture {
  set src(address) { setTimeout(() => { super.src = address; }, window.slow || 0); }
};
"""


@pytest.fixture
def hooked(browser: Browser, page: Served) -> Iterator[Browser]:
    """The page with nothing taught, and with HOOKS."""
    page.post("/mem/restore", state=0)
    script = browser.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": HOOKS})
    browser.open(f"http://127.0.0.1:{page.port}/")
    browser.says("card-chip", "in use")
    browser.until(lambda: browser.run("return typeof source !== 'undefined' && source.readyState === 1"))
    yield browser
    browser.driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", script)


def status(page: Served, **changed: Any) -> dict[str, Any]:
    """What the server tells of itself, changed."""
    return page.get("/status") | changed


def seen(page: Served, picture: str, name: str | None) -> dict[str, Any]:
    """What the camera would have seen."""
    return page.post("/ask", picture=picture) | {"text": name, "verdict": "known" if name else "unknown"}


def show_camera(browser: Browser, page: Served) -> None:
    """A camera is there; the server, which has none, is not heard any more."""
    browser.run("deaf(); tell('status', arguments[0])", status(page, camera="live"))
    browser.says("camera-chip", "live")


def test_lists_are_asked_for_once_after_a_change(hooked: Browser, page: Served) -> None:
    page.teach("hedgehog", HEDGEHOG)
    hooked.until(lambda: hooked.things() == ["hedgehog"])
    time.sleep(0.5)
    hooked.forget_requests()
    hooked.press("Forget hedgehog")
    hooked.says("toast-text", "Forgot")
    time.sleep(1.5)  # the server's event has come
    asked = [path for path in hooked.requests() if path.startswith("/api/")]
    assert sorted(path for path in asked if "/states/" not in path) == [
        "/api/forget",
        "/api/health",
        "/api/mem/history",
        "/api/things",
    ]
    hooked.press("Undo", "#toast")
    hooked.until(lambda: hooked.things() == ["hedgehog"])


def test_what_was_seen_last_is_not_shown_when_card_or_camera_are_gone(hooked: Browser, page: Served) -> None:
    picture = page.show(HEDGEHOG)
    for gone in ({"camera": "live", "card": "gone"}, {"camera": "lost"}):
        show_camera(hooked, page)
        hooked.run("tell('seen', arguments[0])", seen(page, picture, "hedgehog"))
        hooked.says("answer-name", "hedgehog")
        hooked.run("tell('status', arguments[0])", status(page, **gone))
        hooked.run("tell('seen', arguments[0])", seen(page, picture, "hedgehog"))
        time.sleep(0.5)
        assert "hedgehog" not in hooked.text("answer-name") and not hooked.shows("judge")
        assert not hooked.find("teach").is_enabled()


def test_a_name_stands_beside_its_own_picture(hooked: Browser, page: Served) -> None:
    """Pictures that take longer than the next answer: some are left out, none is shown with another's name."""
    told = [seen(page, page.show(picture), name) for picture, name in ((HEDGEHOG, "one"), (SUNFLOWER, "two"))]
    named = {f"/api/pictures/{answer['picture']}": answer["text"] for answer in told}
    show_camera(hooked, page)
    hooked.run("window.slow = 250")
    script = "return [document.getElementById('shown').getAttribute('src'), document.getElementById('answer-name').textContent]"
    pairs = set()
    for number in range(20):
        hooked.run("tell('seen', arguments[0])", told[number // 5 % 2])
        time.sleep(0.1)
        pairs.add(tuple(hooked.run(script)))
    pairs = {pair for pair in pairs if pair[0]}
    assert {name for _, name in pairs} == {"one", "two"} and all(named[picture] == name for picture, name in pairs)
    assert hooked.complaints() == []


def test_the_picture_that_was_chosen_last_is_shown(hooked: Browser, page: Served) -> None:
    page.teach("hedgehog", HEDGEHOG)
    page.teach("sunflower", SUNFLOWER)
    hooked.run("window.holding = /ask/")
    for picture in (HEDGEHOG, SUNFLOWER):
        hooked.choose("picture", picture)
        hooked.until(lambda picture=picture: hooked.run("return waiting.length") == 1 + (picture == SUNFLOWER))
    hooked.run("window.holding = null; waiting.reverse().forEach((go, place) => setTimeout(go, 400 * place))")
    hooked.says("answer-name", "sunflower")
    time.sleep(1)
    assert hooked.text("answer-name") == "sunflower"


def test_a_picture_that_cannot_be_asked_gives_way_to_the_camera(hooked: Browser, page: Served) -> None:
    picture = page.show(SUNFLOWER)
    show_camera(hooked, page)
    hooked.run("window.failing = /ask/")
    hooked.choose("picture", HEDGEHOG)
    hooked.says("toast-text", "does not answer")
    hooked.run("tell('seen', arguments[0])", seen(page, picture, "what the camera sees"))
    hooked.says("answer-name", "what the camera sees")


def test_ones_own_picture_is_back_with_the_card(hooked: Browser, page: Served) -> None:
    """Whether or not a camera came meanwhile."""
    page.teach("hedgehog", HEDGEHOG)
    hooked.choose("picture", HEDGEHOG)
    hooked.says("answer-name", "hedgehog")
    hooked.run("deaf(); tell('status', arguments[0])", status(page, card="gone"))
    hooked.says("answer-name", "without the card")
    hooked.run("tell('status', arguments[0])", status(page, camera="live"))
    hooked.says("answer-name", "hedgehog")
    hooked.run("tell('seen', arguments[0])", seen(page, page.show(SUNFLOWER), "what the camera sees"))
    time.sleep(0.5)
    assert hooked.text("answer-name") == "hedgehog"
    hooked.press("Back to the camera")
    hooked.run("tell('seen', arguments[0])", seen(page, page.show(SUNFLOWER), "what the camera sees"))
    hooked.says("answer-name", "what the camera sees")


def test_the_slider_does_not_move_under_the_finger(hooked: Browser, page: Served) -> None:
    page.teach("hedgehog", HEDGEHOG)
    page.teach("sunflower", SUNFLOWER)
    hooked.until(lambda: len(hooked.things()) == 2)
    newest = int(hooked.find("moment").get_attribute("max"))
    press = "document.getElementById('moment').dispatchEvent(new PointerEvent(arguments[0], {bubbles: true}))"
    hooked.run(press, "pointerdown")
    hooked.slide("moment", newest - 1)
    hooked.until(lambda: hooked.past() == ["hedgehog"])
    page.post("/forget", name="hedgehog")
    hooked.until(lambda: hooked.things() == ["sunflower"])
    time.sleep(0.3)
    assert [hooked.find("moment").get_attribute(which) for which in ("value", "max")] == [str(newest - 1), str(newest)]
    hooked.run(press, "pointerup")
    hooked.until(lambda: hooked.find("moment").get_attribute("max") == str(newest + 1))
    assert hooked.find("moment").get_attribute("value") == str(newest - 1) and hooked.past() == ["hedgehog"]
    hooked.press("Go back to this")
    hooked.until(lambda: hooked.things() == ["hedgehog"])


@pytest.mark.parametrize("button", ["Go back to this", "Undo the last change"])
def test_who_went_back_sees_what_is_now(hooked: Browser, page: Served, button: str) -> None:
    """The server's event comes before the answer: the lists are drawn already, while the past was looked at."""
    page.teach("hedgehog", HEDGEHOG)
    page.teach("sunflower", SUNFLOWER)
    hooked.until(lambda: hooked.things() == ["hedgehog", "sunflower"])
    newest = int(hooked.find("moment").get_attribute("max"))
    hooked.slide("moment", newest - 1)
    hooked.until(lambda: hooked.past() == ["hedgehog"])
    hooked.run("window.late = /restore|undo/")
    hooked.press(button)
    hooked.until(lambda: hooked.things() == ["hedgehog"])
    hooked.until(lambda: int(hooked.find("moment").get_attribute("max")) == newest + 1)
    hooked.until(lambda: hooked.run("return waiting.length"))
    hooked.run("window.late = null; waiting.splice(0).forEach((go) => go())")
    hooked.says("moment-text", "Now")
    hooked.until(lambda: hooked.text("past-title") == "It knows" and hooked.past() == ["hedgehog"])


def test_pressing_twice_is_pressing_once(hooked: Browser, page: Served) -> None:
    hooked.choose("picture", HEDGEHOG)
    hooked.until(lambda: hooked.find("teach").is_enabled())
    hooked.run("const b = document.getElementById('teach'); b.click(); b.click()")
    hooked.until(lambda: hooked.shows("teach-dialog"))
    hooked.type("name", "hedgehog")
    before = page.get("/status")["state"]
    hooked.run("const b = document.querySelector('#teach-form [type=submit]'); b.click(); b.click()")
    hooked.until(lambda: hooked.things() == ["hedgehog"])
    time.sleep(0.5)
    assert page.get("/status")["state"] == before + 1 and hooked.complaints() == []
    hooked.run("const b = document.getElementById('wrong'); b.click(); b.click()")
    hooked.until(lambda: hooked.shows("name-dialog"))
    assert hooked.complaints() == []


def test_a_view_that_comes_late_is_not_another_things(hooked: Browser, page: Served) -> None:
    hooked.choose("picture", HEDGEHOG)
    hooked.press("Teach this")
    hooked.until(lambda: hooked.shows("teach-dialog"))
    hooked.run("window.holding = /pictures/")
    hooked.choose("more-picture", SUNFLOWER)
    hooked.until(lambda: hooked.run("return waiting.length") == 1)
    hooked.press("Cancel", "#teach-dialog")
    hooked.press("Teach this")
    hooked.until(lambda: hooked.shows("teach-dialog"))
    hooked.run("window.holding = null; waiting.forEach((go) => go())")
    time.sleep(1)
    assert len(hooked.driver.find_elements(By.CSS_SELECTOR, "#views img")) == 1


def test_what_somebody_else_did_is_not_taken_back(hooked: Browser, page: Served) -> None:
    page.teach("hedgehog", HEDGEHOG)
    hooked.press("Forget hedgehog")
    hooked.says("toast-text", "Forgot")
    hooked.run("deaf()")
    page.teach("sunflower", SUNFLOWER)
    hooked.press("Undo", "#toast")
    hooked.says("toast-text", "Something else was changed since")
    hooked.press("Undo the last change")
    hooked.says("toast-text", "Something else was changed since")
    assert page.names() == ["sunflower"]


def test_who_looks_at_the_past_meanwhile_goes_on_looking_at_it(hooked: Browser, page: Served) -> None:
    """The answer to an undo comes when the slider was moved already."""
    page.teach("hedgehog", HEDGEHOG)
    page.teach("sunflower", SUNFLOWER)
    hooked.until(lambda: hooked.things() == ["hedgehog", "sunflower"])
    hooked.run("window.late = /undo/")
    hooked.press("Undo the last change")
    hooked.until(lambda: hooked.things() == ["hedgehog"] and hooked.run("return waiting.length"))
    hooked.slide("moment", int(hooked.find("moment").get_attribute("max")) - 1)
    hooked.until(lambda: hooked.past() == ["hedgehog", "sunflower"])
    hooked.run("window.late = null; waiting.splice(0).forEach((go) => go())")
    hooked.says("toast-text", "taken back")
    assert hooked.text("past-title") == "It knew then" and hooked.past() == ["hedgehog", "sunflower"]


def test_the_undo_that_is_shown_is_of_the_last_change(hooked: Browser, page: Served) -> None:
    """Of none while the next change is on its way."""
    page.teach("hedgehog", HEDGEHOG)
    page.teach("sunflower", SUNFLOWER)
    hooked.press("Forget hedgehog")
    hooked.says("toast-text", "hedgehog")
    hooked.run("window.holding = /things/")
    hooked.press("Forget sunflower")
    hooked.until(lambda: page.names() == [] and hooked.run("return waiting.length"))
    assert not hooked.shows("toast")
    hooked.run("window.holding = null; waiting.splice(0).forEach((go) => go())")
    hooked.says("toast-text", "sunflower")
    hooked.press("Undo", "#toast")
    hooked.until(lambda: hooked.things() == ["sunflower"])


def test_an_older_list_does_not_take_the_newer_ones_place(hooked: Browser, page: Served) -> None:
    hooked.run("window.holding = /things/")
    page.teach("hedgehog", HEDGEHOG)
    hooked.until(lambda: hooked.run("return waiting.length") == 1)
    older = "const ask = fetch; window.holding = null; window.older = waiting.pop()"
    hooked.run(older)
    page.teach("sunflower", SUNFLOWER)
    hooked.until(lambda: hooked.things() == ["hedgehog", "sunflower"])
    page.post("/forget", name="sunflower")
    hooked.until(lambda: hooked.things() == ["hedgehog"])
    hooked.run("window.older()")
    time.sleep(0.5)
    assert hooked.things() == ["hedgehog"]
