"""Serves a run to browsers of this machine: each page has a dashboard of its own, in a process of its own."""

from __future__ import annotations

import os
import secrets
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from llmdash.child_process import bare_environment, child_command
from llmdash.engine.journal.reader import JournalReader
from llmdash.exit_codes import ExitCode
from llmdash.launch.attaching import running_folder
from llmdash.launch.refused import RefusedError
from llmdash.launch.web_viewer import CONTROLS, VIEWER, WATCHES
from llmdash.lean_dataclass import dataclass
from llmdash.remote.addresses import NotRunningError
from llmdash.runs.catalogue import title_of
from llmdash.sanitize import clean_line

__all__ = ["WebOrder", "newest_running", "serve_run"]

_TERMINAL: Final = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LC_CTYPE": "C.UTF-8"}
"""What the terminal of the page can do."""
_OF_USER: Final = ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR", "TZ", "NO_COLOR")
_OF_DESKTOP: Final = ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "DBUS_SESSION_BUS_ADDRESS")
_NEEDED: Final = ("textual_serve", "websockets")
_WAY_IN: Final = (
    '<!DOCTYPE html><meta http-equiv="refresh" content="0; url={address}"><a href="{address}">llmdash</a>'
)
_TOKEN_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class WebOrder:
    """How a run is served: on which `port` (0: a free one), whether pages may `control` it, whether a browser
    `opens`, and how many `viewers` there may be at once.
    """

    port: int
    control: bool
    opens: bool
    viewers: int


def newest_running() -> Path:
    """Return the folder of the newest run that goes on. Raises RefusedError if there is none."""
    try:
        return running_folder()
    except NotRunningError:
        why = "no run goes on; name a kept one: llmdash web last (llmdash runs lists them)"
        raise RefusedError(why, ExitCode.USAGE) from None


def serve_run(folder: Path, order: WebOrder, say: Callable[[str], None]) -> int:
    """Serve the run in `folder` until this is interrupted; `say` gets the address. Return the exit code.

    Raises RefusedError where the port or an extra is missing, JournalError where there is no such run.
    """
    if missing := [name for name in _NEEDED if find_spec(name) is None]:
        why = f"a view in a browser needs {' and '.join(missing)}: pip install 'llmdash[web]'"
        raise RefusedError(why, ExitCode.USAGE)
    folder = folder.absolute()  # now: the working folder may be deleted meanwhile
    JournalReader(folder).facts()
    title = clean_line(title_of(folder))
    from llmdash.web.app import make_app
    from llmdash.web.pty_program import PtyProgram
    from llmdash.web.server import listen, serve

    command = child_command(VIEWER, folder, CONTROLS if order.control else WATCHES)
    environment = _environment(_TERMINAL, _OF_USER)

    async def start(size: tuple[int, int]) -> PtyProgram:
        return await PtyProgram.start(command, environment, size)

    token = secrets.token_urlsafe(_TOKEN_BYTES)
    app = make_app(start, token, title=f"{title} - llmdash", most=order.viewers)
    try:
        listener = listen(order.port)
    except OSError as error:
        why = f"port {order.port} cannot be used: {error.strerror}; take another, or 0"
        raise RefusedError(why, ExitCode.USAGE) from None
    address = f"http://127.0.0.1:{listener.getsockname()[1]}/#{token}"
    with listener, _opened(address) if order.opens else nullcontext():
        say(address)
        serve(app, listener)
    return ExitCode.DONE


def _environment(fixed: dict[str, str], names: tuple[str, ...]) -> dict[str, str]:
    """The variables of a child, by name: any other may hold a key."""
    return fixed | bare_environment() | {name: os.environ[name] for name in names if name in os.environ}


@contextmanager
def _opened(address: str) -> Iterator[None]:
    """Open a browser at `address`, by a file that only this user can read: anybody sees command lines."""
    with tempfile.TemporaryDirectory(prefix="llmdash-") as folder:
        way_in = Path(folder) / "open.html"
        way_in.write_text(_WAY_IN.format(address=address), "utf-8")
        browser = subprocess.Popen(  # noqa: S603 - this interpreter, fixed arguments
            child_command("webbrowser", way_in.as_uri()),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env=_environment({}, (*_OF_USER, *_OF_DESKTOP)),
        )
        try:
            yield
        finally:
            browser.returncode = browser.poll() or 0  # a browser of one's own stays open; nobody waits for it
