"""A headless Chromium, spoken to by its own protocol: https://chromedevtools.github.io/devtools-protocol/."""

from __future__ import annotations

import base64
import itertools
import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.request import urlopen

import pyte
from websockets.sync.client import ClientConnection, connect

from tests.waiting import PATIENCE_S, wait_for

__all__ = ["PROGRAM", "REBOUND", "Page", "browser"]

PROGRAM: Final = shutil.which("chromium")
REBOUND: Final = "rebound.test"
"""A name of somebody else that leads to this machine."""
_OPTIONS: Final = (
    "--headless",
    "--no-sandbox",  # root has none; it is shown nothing but our own page
    "--no-first-run",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-port=0",
    f"--host-resolver-rules=MAP {REBOUND} 127.0.0.1",
)
_LARGEST: Final = 64 * 1024 * 1024
_LOOK_S: Final = 0.1


class Page:
    """A tab. `screen` is what the terminal in it was sent, drawn by one of our own; `sent` what it sent."""

    def __init__(self, connection: ClientConnection) -> None:
        self._socket = connection
        self._numbers = itertools.count(1)
        self._loaded = 0
        self.sent: list[str] = []
        self._screen = pyte.Screen(120, 36)
        self._stream = pyte.ByteStream(self._screen)
        for domain in ("Page", "Runtime", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the protocol, and return its result."""
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._socket.recv(PATIENCE_S))
            if message.get("id") == number:
                assert "error" not in message, message
                found: dict[str, Any] = message["result"]
                return found
            self._take(message)

    def _take(self, message: dict[str, Any]) -> None:
        match message:
            case {"method": "Page.loadEventFired"}:
                self._loaded += 1
            case {"method": "Page.frameNavigated"}:
                self._screen.reset()
            case {"method": "Network.webSocketFrameSent", "params": {"response": {"payloadData": text}}}:
                self.sent.append(text)
                self._follow(text)
            case {
                "method": "Network.webSocketFrameReceived",
                "params": {"response": {"opcode": 2, "payloadData": drawn}},
            }:
                self._stream.feed(base64.b64decode(drawn))

    def _follow(self, sent: str) -> None:
        """Be as large as the terminal of the page: in a smaller one lines below the last would scroll."""
        kind, *what = json.loads(sent)
        if kind == "resize":
            self._screen.resize(what[0]["height"], what[0]["width"])

    def read(self) -> None:
        """Take in what the page was sent meanwhile."""
        until = time.monotonic() + _LOOK_S
        while (left := until - time.monotonic()) > 0:
            try:
                self._take(json.loads(self._socket.recv(left)))
            except TimeoutError:
                return

    def open(self, address: str) -> None:
        """Go to an address, and wait until that is loaded."""
        self.load_by("Page.navigate", url=address)

    def load_by(self, method: str, **parameters: Any) -> None:
        """Call a method of the protocol that loads a page, and wait until that is done."""
        before = self._loaded
        self.call(method, **parameters)
        self.read_until(lambda: self._loaded > before, "the page")

    def evaluate(self, script: str) -> Any:
        """What a script of the page comes to; a promise is waited for."""
        answer = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def type(self, key: str) -> None:
        """Press a key that is a character, or Enter (`\\r`)."""
        pressed: dict[str, Any] = {"text": key, "key": key}
        if key == "\r":
            pressed |= {"key": "Enter", "windowsVirtualKeyCode": 13}
        self.call("Input.dispatchKeyEvent", type="keyDown", **pressed)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=pressed["key"])

    def resize(self, width: int, height: int) -> None:
        """Give the page another size, in pixels."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.call("Emulation.setDeviceMetricsOverride", **size)

    def picture(self) -> bytes:
        """A PNG of the page."""
        return base64.b64decode(self.call("Page.captureScreenshot")["data"])

    @property
    def screen(self) -> str:
        """The text that the terminal in the page shows."""
        return "\n".join(self._screen.display)

    @property
    def notice(self) -> str:
        """The text that the page says itself, if it is shown."""
        return str(
            self.evaluate("document.querySelector('#notice')?.checkVisibility() ? words.innerText : ''")
        )

    def read_until(self, holds: Callable[[], object], what: str) -> None:
        """Take in what the page is sent until it holds; fails if it never does."""

        def held() -> object:
            self.read()
            return holds()

        wait_for(held, f"{what}; the screen:\n{self.screen}")

    def wait_for(self, text: str) -> None:
        """Read until the terminal shows a text; fails if it never does."""
        self.read_until(lambda: text in self.screen, repr(text))


@contextmanager
def browser(folder: Path) -> Iterator[Page]:
    """A browser that keeps its files in `folder`, at an empty page."""
    assert PROGRAM is not None
    command = [PROGRAM, *_OPTIONS, f"--user-data-dir={folder}", "about:blank"]
    said = (folder / "said.txt").open("wb")
    with said, subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said) as process:
        try:
            address = _first_page(folder / "DevToolsActivePort")
            with connect(address, max_size=_LARGEST, compression=None, open_timeout=PATIENCE_S) as connection:
                yield Page(connection)
        finally:
            process.kill()


def _first_page(port_file: Path) -> str:
    """The socket of a browser's first page, once it listens."""
    wait_for(lambda: port_file.exists() and port_file.read_text().count("\n"), "the browser")
    port = int(port_file.read_text().splitlines()[0])
    found: list[str] = []

    def look() -> bool:
        with urlopen(f"http://127.0.0.1:{port}/json/list") as answer:
            found[:] = [each["webSocketDebuggerUrl"] for each in json.load(answer) if each["type"] == "page"]
        return bool(found)

    wait_for(look, "its page")
    return found[0]
