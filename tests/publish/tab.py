"""A tab of a headless Chromium, over the DevTools protocol: what it logs, asks the network for and shows."""

import base64
import json
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
from websockets.sync.client import ClientConnection, connect

PATIENCE = 60.0
PHONE, DESK = (360, 780), (1280, 900)


class Left(Exception):
    """The page was left while it was asked."""


class Tab:
    """One page at a time; every message of the console and every request is kept."""

    def __init__(self, wire: ClientConnection) -> None:
        self._wire = wire
        self._last = 0
        self.errors: list[str] = []
        self.requests: list[str] = []
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command of the protocol and its answer."""
        self._last += 1
        self._wire.send(json.dumps({"id": self._last, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._wire.recv(timeout=PATIENCE))
            if message.get("id") == self._last:
                if "navigated" in message.get("error", {}).get("message", ""):
                    raise Left(method)
                assert "error" not in message, message
                return dict(message["result"])
            self._hear(message.get("method", ""), message.get("params", {}))

    def _hear(self, method: str, told: dict[str, Any]) -> None:
        if method == "Runtime.exceptionThrown":
            self.errors.append(str(told["exceptionDetails"]))
        elif method == "Runtime.consoleAPICalled" and told["type"] in {"error", "warning"}:
            self.errors.append(str([each.get("value") for each in told["args"]]))
        elif method == "Log.entryAdded" and told["entry"]["level"] in {"error", "warning"}:
            self.errors.append(str(told["entry"]["text"]))
        elif method == "Network.requestWillBeSent":
            self.requests.append(told["request"]["url"])

    def sees(self, expression: str) -> Any:
        """What JavaScript says in the page."""
        found = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def wait(self, expression: str, patience: float = PATIENCE) -> None:
        """Until the expression is true."""
        until = time.monotonic() + patience
        while not self._true(expression):
            assert time.monotonic() < until, f"never true: {expression}"
            time.sleep(0.05)

    def _true(self, expression: str) -> bool:
        """Whether it is true now; a page that is just being left says nothing."""
        try:
            return bool(self.sees(expression))
        except Left:
            return False

    def looks(self, *, size: tuple[int, int] = DESK, dark: bool = False, media: str = "") -> None:
        """As a window of that size, light or dark, on screen or on paper."""
        width, height = size
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=size == PHONE,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", media=media, features=[scheme])

    def goes(self, url: str, words: str) -> None:
        """Load an address and wait until the words stand there."""
        self.call("Page.navigate", url=url)
        self.reads(words)

    def reads(self, words: str, patience: float = PATIENCE) -> None:
        """Wait until the words stand in the page."""
        there = f"!!document.body && document.body.innerText.includes({json.dumps(words)})"
        self.wait(there, patience)

    def presses(self, words: str, among: str = "button, a") -> None:
        """Click what is named so (the last, if there are several) once nothing lies over it."""
        self.wait(
            "(() => { document.querySelectorAll('[data-aim]').forEach(it => delete it.dataset.aim);"
            " const free = (it) => { it.scrollIntoView({block: 'center'});"
            " const at = it.getBoundingClientRect(); return it.contains(document.elementFromPoint("
            "at.x + Math.min(at.width / 2, 40), at.y + at.height / 2)); };"
            f" const found = [...document.querySelectorAll({json.dumps(among)})].filter(it =>"
            f" (it.innerText || '').trim() === {json.dumps(words)} &&"
            " it.checkVisibility() && !it.disabled && free(it)).at(-1);"
            " if (found) found.dataset.aim = ''; return !!found; })()"
        )
        self.clicks("[data-aim]")

    def fills(self, field: str, text: str) -> None:
        """Click into the field (a selector) until it has the focus, for a dialogue may still move, and type."""
        self.wait(f"!!document.querySelector({json.dumps(field)})?.checkVisibility()")
        focus = f"document.querySelector({json.dumps(field)}).contains(document.activeElement)"
        until = time.monotonic() + PATIENCE
        while not self.sees(focus):
            assert time.monotonic() < until, f"never in focus: {field}"
            self.clicks(field)
            time.sleep(0.1)
        self.call("Input.insertText", text=text)

    def enters(self) -> None:
        """The key Enter."""
        key = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13}
        self.call("Input.dispatchKeyEvent", type="keyDown", text="\r", **key)
        self.call("Input.dispatchKeyEvent", type="keyUp", **key)

    def opens(self, page: Path) -> None:
        """Load a file and wait until its charts are drawn."""
        self.call("Page.navigate", url=page.as_uri())
        self.drawn(page.name)

    def drawn(self, name: str) -> None:
        """Wait until the page of that name stands there with all its charts."""
        self.wait(
            f"location.pathname.endsWith({json.dumps(name)}) && document.readyState === 'complete'"
            " && document.querySelectorAll('.chart').length"
            " === Number(document.documentElement.dataset.drawn || 0)"
        )

    def _middle(self, selector: str) -> tuple[float, float]:
        x, y = self.sees(
            f"(() => {{ const it = document.querySelector({json.dumps(selector)});"
            " it.scrollIntoView({block: 'center'}); const at = it.getBoundingClientRect();"
            " return [at.x + Math.min(at.width / 2, 40), at.y + at.height / 2]; })()"
        )
        return x, y

    def clicks(self, selector: str) -> None:
        """A real click with the mouse on the element, which may lead away."""
        x, y = self._middle(selector)
        with suppress(Left):
            for kind in ("mousePressed", "mouseReleased"):
                self.call(
                    "Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1
                )

    def hovers(self, selector: str, expression: str) -> None:
        """The mouse to and fro over the element until the expression is true."""
        until = time.monotonic() + PATIENCE
        while not self.sees(expression):
            assert time.monotonic() < until, f"never true: {expression}"
            x, y = self._middle(selector)
            for step in (1, 0):
                self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x + step, y=y)
            time.sleep(0.1)

    def keeps(self, target: Path) -> None:
        """A picture of the whole page."""
        target.parent.mkdir(parents=True, exist_ok=True)
        taken = self.call("Page.captureScreenshot", captureBeyondViewport=True)
        target.write_bytes(base64.b64decode(taken["data"]))


@contextmanager
def tab(chromium: str) -> Iterator[Tab]:
    """A browser of its own with one tab, without a network."""
    with tempfile.TemporaryDirectory(prefix="browser-", ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            [
                chromium,
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--no-first-run",
                "--remote-debugging-port=0",
                f"--user-data-dir={profile}",
                "about:blank",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            with connect(_address(Path(profile)), max_size=None) as wire:
                yield Tab(wire)
        finally:
            process.terminate()
            process.wait(timeout=PATIENCE)


def _address(profile: Path) -> str:
    """The tab's address, as soon as the browser has written its port."""
    written, until = profile / "DevToolsActivePort", time.monotonic() + PATIENCE
    while not (written.is_file() and written.read_text().count("\n")):
        assert time.monotonic() < until, "Chromium did not start"
        time.sleep(0.05)
    port = written.read_text().splitlines()[0]
    pages = httpx.get(f"http://127.0.0.1:{port}/json/list", timeout=PATIENCE, trust_env=False)
    return next(
        str(each["webSocketDebuggerUrl"]) for each in pages.json() if each["type"] == "page"
    )
