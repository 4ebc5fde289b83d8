"""Headless Chromium, driven as a person would: by what is written on the page."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from PIL import Image
from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from tests.bitmar.runtimes import ROOT

AXE = "4.14.1"
AXE_SHA256 = "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c"
HEIGHTS = {360: 740, 1280: 900}  # a phone and a desk
SECONDS = 30

T = TypeVar("T")

FIND_BUTTON = """
const called = (button) => (button.getAttribute("aria-label") || button.innerText.trim()) === arguments[1];
const there = (button) => called(button) && button.checkVisibility() && !button.disabled;
const button = [...document.querySelectorAll(arguments[0])].find(there);
button?.scrollIntoView({ block: "center", behavior: "instant" });
return button;
"""


def axe() -> str:
    """The source of axe-core, from npm, kept in build/."""
    kept = ROOT / "build" / f"axe-{AXE}.min.js"
    if not kept.exists():
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(["npm", "pack", f"axe-core@{AXE}", "--silent"], cwd=folder, check=True, capture_output=True)
            with tarfile.open(next(Path(folder).glob("*.tgz"))) as archive:
                source = archive.extractfile("package/axe.min.js").read()
        kept.parent.mkdir(exist_ok=True)
        kept.with_suffix(f".{os.getpid()}").write_bytes(source)
        kept.with_suffix(f".{os.getpid()}").rename(kept)
    source = kept.read_bytes()
    assert hashlib.sha256(source).hexdigest() == AXE_SHA256, f"{kept}: not the axe-core that is pinned"
    return source.decode()


class Browser:
    """A window of a width in CSS pixels, with the language and theme of a fresh profile."""

    def __init__(self, width: int, downloads: Path):
        chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
        assert chromium and driver, "chromium is not installed: apt install chromium chromium-driver"
        self.width, self.downloads, height = width, downloads, HEIGHTS[width]
        options = Options()
        options.binary_location = chromium
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        for argument in (
            "headless=new",
            "no-sandbox",
            "disable-gpu",
            "disable-dev-shm-usage",
            "hide-scrollbars",
            "lang=en",
        ):
            options.add_argument(f"--{argument}")
        options.add_argument("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1")  # no internet
        options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
        self.driver = webdriver.Chrome(options=options, service=Service(driver))
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        self.driver.set_script_timeout(60)

    def close(self) -> None:
        """Ends the browser."""
        self.driver.quit()

    def open(self, address: str) -> None:
        """Loads a page."""
        self.driver.get(address)

    def leave(self) -> None:
        """Forgets what was loaded, what the console said and what requests said of themselves: for the next who uses it."""
        self.send_headers({})
        self.driver.get("about:blank")
        self.driver.get_log("browser")

    def send_headers(self, headers: dict[str, str]) -> None:
        """Each request from now on has them too."""
        self.driver.execute_cdp_cmd("Network.enable", {})
        self.driver.execute_cdp_cmd("Network.setExtraHTTPHeaders", {"headers": headers})

    def requests(self) -> list[str]:
        """The paths that were asked for, one after the other, since the page was loaded or `forget_requests`."""
        script = "return performance.getEntriesByType('resource').map((e) => new URL(e.name).pathname)"
        return self.driver.execute_script(script)

    def forget_requests(self) -> None:
        """They are counted anew."""
        self.driver.execute_script("performance.clearResourceTimings()")

    def run(self, script: str, *values: Any) -> Any:
        """What a script in the page returns."""
        return self.driver.execute_script(script, *values)

    def find(self, id: str) -> WebElement:
        """An element by its id."""
        return self.driver.find_element(By.ID, id)

    def text(self, id: str) -> str:
        """What is written in it; "" where it is not shown."""
        script = "const e = document.getElementById(arguments[0]); return e.checkVisibility() ? e.innerText.trim() : ''"
        return self.driver.execute_script(script, id)

    def shows(self, id: str) -> bool:
        """Whether it can be seen."""
        return self.driver.execute_script("return document.getElementById(arguments[0]).checkVisibility()", id)

    def until(self, what: Callable[[], T], seconds: float = SECONDS) -> T:
        """Waits until it is true; what it is."""
        end = time.monotonic() + seconds
        while True:
            try:
                if found := what():
                    return found
            except WebDriverException:
                pass
            assert time.monotonic() < end, f"not so after {seconds} s; the page says:\n{self.page()}"
            time.sleep(0.05)

    def page(self) -> str:
        """All that is written on the page, and what its console says."""
        return self.driver.find_element(By.TAG_NAME, "body").text + "\n" + json.dumps(self.driver.get_log("browser"))

    def says(self, id: str, text: str) -> None:
        """Waits until an element says something."""
        self.until(lambda: text in self.text(id))

    def press(self, label: str, within: str = "body") -> None:
        """Presses the button that is called so."""

        def pressed() -> bool:
            if button := self.driver.execute_script(FIND_BUTTON, f"{within} button, {within} a.button", label):
                button.click()
            return bool(button)

        self.until(pressed)

    def type(self, id: str, text: str) -> None:
        """Into a field, in the place of what is there."""
        field = self.find(id)
        self.until(field.is_displayed)
        field.clear()
        field.send_keys(text)

    def choose(self, id: str, *files: Path) -> None:
        """Files for a file field."""
        self.find(id).send_keys("\n".join(str(file.resolve()) for file in files))

    def slide(self, id: str, value: int) -> None:
        """A slider to a value, as its keys would."""
        script = "const s = arguments[0]; s.value = arguments[1]; s.dispatchEvent(new Event('input', {bubbles: true}))"
        self.driver.execute_script(script, self.find(id), str(value))

    def texts(self, selector: str) -> list[str]:
        """What is written in each of some elements, all at one moment."""
        script = "return [...document.querySelectorAll(arguments[0])].map((e) => e.innerText.trim())"
        return self.driver.execute_script(script, selector)

    def things(self) -> list[str]:
        """Names of the things that it knows."""
        return self.texts("#thing-list .name")

    def past(self) -> list[str]:
        """What the timeline shows."""
        return self.texts("#past li")

    def screenshot(self, name: str, section: str = "now") -> None:
        """A section of the page as it is, into the folder that $BITMAR_SCREENSHOTS names (docs/page.md shows them)."""
        if folder := os.environ.get("BITMAR_SCREENSHOTS"):
            script = "document.getElementById(arguments[0]).scrollIntoView({behavior: 'instant'})"
            self.driver.execute_script(script, section)
            time.sleep(0.5)
            image = Image.open(io.BytesIO(self.driver.get_screenshot_as_png())).convert("RGB")
            Path(folder).mkdir(parents=True, exist_ok=True)
            image.save(Path(folder) / f"{name}-{self.width}.png", optimize=True)

    def faults(self) -> list[dict[str, Any]]:
        """What axe-core finds that is serious or critical."""
        if not self.driver.execute_script("return Boolean(window.axe)"):
            self.driver.execute_script(axe())
        script = "const done = arguments[0]; axe.run({resultTypes: ['violations']}).then((r) => done(r.violations))"
        found = self.driver.execute_async_script(script)
        return [
            {"id": v["id"], "at": [node["html"][:120] for node in v["nodes"]], "why": v["nodes"][0]["failureSummary"]}
            for v in found
            if v["impact"] in ("serious", "critical")
        ]

    def wider_than_the_window(self) -> int:
        """Pixels that one would have to scroll sideways."""
        return self.driver.execute_script("return document.documentElement.scrollWidth - window.innerWidth")

    def complaints(self) -> list[str]:
        """What the browser's console says is wrong: scripts that fail, policies that are broken."""
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] == "SEVERE"]
