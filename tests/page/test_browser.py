"""Property: whoever has a phone or a desk can teach it, correct it, take back what was done and look at what it knew; what it
does not know, and what is wrong with camera and card, is said; no serious fault of accessibility at any step."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from selenium.webdriver.common.by import By

from tests.page.browser import HEIGHTS, Browser
from tests.page.served import PICTURES, Served

HEBREW = "המחברת שלי"
ARABIC = "قطة جدتي الرمادية"
ORIENTATION, TURNED_RIGHT = 0x0112, 6  # EXIF


both_widths = pytest.mark.parametrize("width", HEIGHTS, ids=lambda width: f"{width}px")


class FakeCamera:
    """A folder of one frame, which can be changed, taken away and put back."""

    def __init__(self, folder: Path):
        self.folder = folder
        folder.mkdir()

    def show(self, picture: Path) -> None:
        """Holds something before the camera."""
        shutil.copy(picture, self.folder.parent / "next.png")
        (self.folder.parent / "next.png").replace(self.folder / "frame.png")

    def unplug(self) -> None:
        self.folder.rename(self.folder.with_suffix(".away"))

    def plug_in(self) -> None:
        self.folder.with_suffix(".away").rename(self.folder)


def picture_of(name: str, artist: str = "noto") -> Path:
    """A drawing of a thing."""
    return PICTURES / f"{name}-{artist}.png"


def unknown_to(page: Served) -> Path:
    """A drawing of something that this model, as it was taught until now, says it does not know."""
    for name in ("sailboat", "scissors", "ferris-wheel", "hamburger"):
        if page.ask(picture_of(name))["verdict"] == "unknown":
            return picture_of(name)
    raise AssertionError("no unknown thing among the drawings")


def sound(browser: Browser, accessible: bool = True) -> None:
    """Nothing is wrong with the page as it is now; `accessible`: axe-core looks too, once for each state of the page."""
    assert browser.wider_than_the_window() <= 0
    if accessible:
        assert browser.faults() == []


def teach(browser: Browser, name: str, views: int = 1) -> None:
    """What the camera sees, under a name."""
    browser.press("Teach this")
    for _ in range(views - 1):
        browser.press("Add what the camera sees")
    browser.until(lambda: len(browser.driver.find_elements(By.CSS_SELECTOR, "#views img")) == views)
    browser.type("name", name)
    browser.press("Remember it")
    browser.until(lambda: not browser.shows("teach-dialog"))


@both_widths
def test_a_day_with_it(browser: Browser, serve: Callable[..., Served], tmp_path: Path) -> None:
    """Teaches two things, asks for a third, corrects one, undoes, goes back in time, loses camera and card and gets them back."""
    camera = FakeCamera(tmp_path / "frames")
    camera.show(picture_of("hedgehog"))
    page = serve("--camera", camera.folder)
    phone = browser.width == 360  # where axe-core looks at every state; on a desk at a dialog and at the whole page
    browser.open(page.address)
    browser.says("answer-name", "I don’t know")
    sound(browser, phone)
    browser.screenshot("empty")

    # teaches two
    browser.press("Teach this")
    browser.press("Add what the camera sees")
    browser.until(lambda: len(browser.driver.find_elements(By.CSS_SELECTOR, "#views img")) == 2)
    browser.type("name", "Grandma's hedgehog")
    sound(browser)
    browser.screenshot("teach")
    browser.press("Remember it")
    browser.says("answer-name", "Grandma's hedgehog")
    browser.until(lambda: browser.find("answer").get_attribute("data-verdict") == "known")
    camera.show(picture_of("sunflower"))
    browser.until(lambda: browser.text("answer-name") != "Grandma's hedgehog")
    teach(browser, HEBREW)
    browser.says("answer-name", HEBREW)
    browser.until(lambda: browser.things() == ["Grandma's hedgehog", HEBREW])
    camera.show(picture_of("hedgehog"))
    browser.says("answer-name", "Grandma's hedgehog")
    sound(browser, phone)
    browser.screenshot("known")

    # a third is unknown
    third = unknown_to(page)
    camera.show(third)
    browser.says("answer-name", "I don’t know")
    browser.says("answer-detail", "Nearest: ")
    sound(browser, phone)
    browser.screenshot("unknown")

    # says what it is, then that this was wrong
    browser.press("Say what it is")
    browser.type("new-name", "a thing with a very long name, such as people like to give")
    browser.press("Save", "#name-dialog")
    browser.says("answer-name", "a thing with a very long name")
    browser.press("That’s wrong")
    browser.until(lambda: browser.shows("name-picture"))
    sound(browser, phone)
    browser.type("new-name", "third")
    browser.screenshot("wrong")
    browser.press("Save", "#name-dialog")
    browser.says("answer-name", "third")
    browser.until(lambda: browser.things() == ["Grandma's hedgehog", HEBREW, "third"])
    browser.press("Right")
    browser.says("toast-text", "third")

    # forgets, and takes it back
    browser.press("Forget third")
    browser.until(lambda: browser.things() == ["Grandma's hedgehog", HEBREW])
    sound(browser)
    browser.screenshot("forgotten", "things")
    browser.press("Undo", "#toast")
    browser.until(lambda: browser.things() == ["Grandma's hedgehog", HEBREW, "third"])

    # renames, and takes that back with the other button
    browser.press("Rename third")
    browser.type("new-name", "<b>3rd</b>")
    browser.press("Save", "#name-dialog")
    browser.until(lambda: "<b>3rd</b>" in browser.things())
    browser.press("Undo the last change")
    browser.until(lambda: "third" in browser.things())

    # looks at the past and goes back to it
    browser.slide("moment", 2)
    browser.until(lambda: browser.past() == ["Grandma's hedgehog"])
    assert browser.text("past-title") == "It knew then"
    sound(browser, phone)
    browser.screenshot("timeline", "timeline")
    browser.press("Go back to this")
    browser.until(lambda: browser.things() == ["Grandma's hedgehog"])
    browser.says("moment-text", "went back")  # the slider has the new moment too
    browser.slide("moment", int(browser.find("moment").get_attribute("max")) - 1)
    browser.until(lambda: len(browser.past()) == 3)
    browser.press("Go back to this")
    browser.until(lambda: len(browser.things()) == 3)

    # the camera goes and comes
    camera.unplug()
    browser.says("camera-chip", "camera lost")
    sound(browser, phone)
    camera.plug_in()
    browser.says("camera-chip", "live")

    # the card goes and comes
    away = tmp_path / "away"
    page.card.rename(away)
    browser.says("banner", "The memory card is gone")
    assert browser.text("card-chip") == "gone"
    browser.until(lambda: not browser.shows("judge"))
    sound(browser, phone)
    browser.screenshot("card-gone")
    browser.press("Check and repair")
    browser.says("toast-text", "card is gone")
    away.rename(page.card)
    browser.until(lambda: not browser.shows("banner"))
    browser.until(lambda: browser.text("card-chip") == "in use" and len(browser.things()) == 3)
    camera.show(picture_of("hedgehog"))
    browser.says("answer-name", "Grandma's hedgehog")
    browser.screenshot("card", "card")
    said = [line for line in browser.complaints() if " 503 " not in line]  # a gone card's answers
    assert said == []


@pytest.mark.parametrize("width", [360])
def test_a_picture_from_the_phone_and_a_card_as_a_file(
    browser: Browser, serve: Callable[..., Served], tmp_path: Path
) -> None:
    """Without a camera: a file is shown, taught, asked; the memory goes out and in again."""
    page = serve()
    browser.open(page.address)
    browser.says("camera-chip", "no camera")
    browser.choose("picture", picture_of("sunflower"))
    browser.says("answer-name", "I don’t know")
    browser.until(lambda: browser.shows("shown"))
    teach(browser, "sunflower")
    browser.says("answer-name", "sunflower")
    browser.choose("picture", picture_of("sunflower"))  # the same picture under another name is a question
    browser.says("answer-name", "sunflower")
    browser.press("Teach this")
    browser.type("name", "another")
    browser.press("Remember it")
    browser.says("teach-error", "This same picture is called “sunflower”")
    sound(browser)
    browser.press("They are two things")
    browser.until(lambda: browser.things() == ["sunflower", "another"])
    browser.press("Download the memory")
    packed = browser.downloads / "card.bitmar"
    browser.until(packed.exists)
    browser.press("Forget another")
    browser.until(lambda: browser.things() == ["sunflower"])
    browser.choose("upload", packed)
    browser.press("Exchange")
    browser.until(lambda: browser.things() == ["sunflower", "another"])
    browser.says("toast-text", "bitmar_memory.old")
    browser.choose("upload", picture_of("sunflower"))
    browser.press("Exchange")
    browser.says("toast-text", "uploaded card: broken")
    browser.until(lambda: browser.things() == ["sunflower", "another"])
    browser.press("Check and repair")
    browser.says("toast-text", "Checked")


@pytest.mark.parametrize("width", [360])
def test_a_phone_in_the_hand_of_somebody_old(browser: Browser, serve: Callable[..., Served], tmp_path: Path) -> None:
    """A photograph that lies on its side, one that cannot be opened, names that are too long, empty, or written from right to
    left, a card that is pulled while one teaches: each time it is said what to do, and nothing that was typed is lost."""
    page = serve()
    browser.open(page.address)
    browser.says("camera-chip", "no camera")
    lying = Image.new("RGB", (640, 480), "white")
    lying.paste(Image.open(picture_of("hedgehog")).convert("RGB").resize((400, 400)).rotate(90), (120, 40))
    exif = Image.Exif()
    exif[ORIENTATION] = TURNED_RIGHT
    lying.save(tmp_path / "lying.jpg", exif=exif)
    browser.choose("picture", tmp_path / "lying.jpg")
    browser.says("answer-name", "I don’t know")
    size = "const shown = document.getElementById('shown'); return [shown.naturalWidth, shown.naturalHeight]"
    assert browser.run(size) == [360, 480]
    (tmp_path / "photo.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(200))
    browser.choose("picture", tmp_path / "photo.heic")
    browser.says("toast-text", "cannot be opened here")
    browser.says("answer-name", "I don’t know")  # what was shown before is back
    browser.press("Teach this")
    for name, told in ((ARABIC * 3, "too long"), ("   ", "Please write a name")):
        browser.type("name", name)
        browser.press("Remember it")
        browser.says("teach-error", told)
    browser.type("name", ARABIC)
    away = tmp_path / "away"
    page.card.rename(away)
    browser.says("card-chip", "gone")
    browser.press("Remember it")
    browser.says("teach-error", "The memory card is gone")
    sound(browser)
    away.rename(page.card)
    browser.says("card-chip", "in use")
    browser.press("Remember it")
    browser.until(lambda: browser.things() == [ARABIC])
    browser.says("answer-name", ARABIC)
    browser.says("toast-text", ARABIC)
    direction = "return getComputedStyle(document.querySelector(arguments[0])).direction"
    for where in ("#thing-list .name bdi", "#toast-text bdi", "#answer-name"):
        assert browser.run(direction, where) == "rtl"
    sound(browser)


@pytest.mark.parametrize("width", [360])
def test_a_camera_that_comes_while_one_teaches(browser: Browser, serve: Callable[..., Served], tmp_path: Path) -> None:
    """The dialog offers the camera as soon as there is one, and no longer when it is gone."""
    camera = FakeCamera(tmp_path / "frames")
    camera.show(picture_of("hedgehog"))
    camera.unplug()
    page = serve("--camera", camera.folder)
    browser.open(page.address)
    browser.says("camera-chip", "camera lost")
    browser.choose("picture", picture_of("sunflower"))
    browser.press("Teach this")
    browser.until(lambda: browser.shows("teach-dialog"))
    assert not browser.shows("more-camera")
    camera.plug_in()
    browser.press("Add what the camera sees")
    browser.until(lambda: len(browser.driver.find_elements(By.CSS_SELECTOR, "#views img")) == 2)
    camera.unplug()
    browser.until(lambda: not browser.shows("more-camera"))


@pytest.mark.parametrize("width", [1280])
def test_the_pin_is_asked_for(browser: Browser, serve: Callable[..., Served]) -> None:
    """From elsewhere: the browser says that a proxy stands before it."""
    page = serve("--host", "0.0.0.0")
    browser.send_headers({"X-Forwarded-For": "192.0.2.7"})
    browser.open(f"http://127.0.0.1:{page.port}/")
    browser.until(lambda: browser.shows("pin-dialog"))
    sound(browser)
    browser.screenshot("pin")
    browser.type("pin", "wrong1")
    browser.press("Come in")
    browser.says("pin-error", "wrong PIN")
    browser.type("pin", page.pin)
    browser.press("Come in")
    browser.until(lambda: not browser.shows("pin-dialog"))
    browser.says("card-chip", "in use")
    browser.open(f"http://127.0.0.1:{page.port}/")  # the session stays
    browser.says("card-chip", "in use")
    time.sleep(0.5)
    assert not browser.shows("pin-dialog")
