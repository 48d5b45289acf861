"""Keys that must not be found anywhere, and the search for them: output, files, what /proc tells."""

from __future__ import annotations

import base64
import secrets
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from tests.cli.command import environment, start
from tests.cli.terminal import Terminal
from tests.waiting import PATIENCE_S

__all__ = ["Lair", "canary", "found_in", "watched"]

_LOOK_S = 0.02


def canary() -> str:
    """A key with characters that change when they are encoded."""
    return f"sk-CANARY-{secrets.token_hex(8)}/+{secrets.token_hex(8)}"


def found_in(data: bytes, keys: tuple[str, ...]) -> list[str]:
    """The spellings of keys in `data`: plain, percent-encoded, base64 wherever it begins, JSON-escaped."""
    return [form for key in keys for form in _forms(key) if form.encode() in data]


def _forms(key: str) -> set[str]:
    forms = {key, quote(key), quote(key, safe=""), quote(key, safe="").lower(), key.replace("/", "\\/")}
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + key.encode()).decode().rstrip("=")
        whole = encoded[(offset * 8 + 5) // 6 : (offset + len(key)) * 8 // 6]
        forms |= {whole, whole.replace("+", "-").replace("/", "_")}
    return forms


@dataclass
class Lair:
    """A folder to work in, a home and a temporary folder, all of this test alone, with keys in `.env`."""

    root: Path
    base_url: str
    keys: tuple[str, ...] = field(default_factory=lambda: (canary(), canary()))
    leaks: list[str] = field(default_factory=list)
    searched: int = 0

    def __post_init__(self) -> None:
        for folder in (self.home, self.work, self.temporary):
            folder.mkdir()
        (self.work / ".env").write_text(f"API_KEY={','.join(self.keys)}\nBASE_URL={self.base_url}\n")
        (self.work / ".env").chmod(0o600)
        (self.work / "sums.txt").write_text("".join(f"{number} + 1\n" for number in range(40)))

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def work(self) -> Path:
        return self.root / "work"

    @property
    def temporary(self) -> Path:
        return self.root / "tmp"

    def env(self, **more: str) -> dict[str, str]:
        quick = {"first_byte": "0.5", "stall": "0.5", "total": "3", "connect": "1"}
        limits = {f"LLMDASH_{name.upper()}_TIMEOUT": value for name, value in quick.items()}
        return environment(self.home, TMPDIR=str(self.temporary), **limits, **more)

    def look(self, where: str, data: bytes) -> None:
        """Search what was put out."""
        self.searched += len(data)
        self.leaks += [
            f"{where}: {form[:14]}... in {_around(data, form)}" for form in found_in(data, self.keys)
        ]

    def run(self, *arguments: object, **more: str) -> int:
        """Run `llmdash` to its end, or until its patience is tried, and search all that it said."""
        with (
            watched(self, own_environment=not more),
            start(*arguments, cwd=self.work, env=self.env(**more)) as process,
        ):
            out, err = _ended(process)
        self.look(f"{arguments} stdout", out.encode())
        self.look(f"{arguments} stderr", err.encode())
        return process.returncode

    @contextmanager
    def terminal(self, *arguments: object, command: tuple[str, ...] | None = None) -> Iterator[Terminal]:
        """A dashboard; all that its terminal was sent is searched at the end."""
        program = command or (sys.executable, "-m", "llmdash")
        with (
            watched(self),
            Terminal(*arguments, cwd=self.work, env=self.env(), command=program, modern=True) as terminal,
        ):
            yield terminal
            self.look(f"{arguments} terminal", bytes(terminal.raw))

    def search_files(self) -> int:
        """Search every file but `.env`; gives their number."""
        files = [path for path in self.root.rglob("*") if path.is_file() and path.name != ".env"]
        for path in files:
            self.look(str(path.relative_to(self.root)), path.read_bytes())
        return len(files)


def _ended(process: subprocess.Popen[str]) -> tuple[str, str]:
    """Its output; a program that waits for a key to come back is interrupted, as often as it takes."""
    while True:
        try:
            return process.communicate(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)


def _around(data: bytes, form: str) -> str:
    place = data.find(form.encode())
    return repr(data[max(0, place - 60) : place + 8])


@contextmanager
def watched(lair: Lair, *, own_environment: bool = True) -> Iterator[None]:
    """Meanwhile, command line and environment of every descendant of this process are searched, again and
    again. Without `own_environment` a `llmdash` may hold keys in its environment; its children never.
    """
    over = threading.Event()
    seen: dict[tuple[str, str], bytes] = {}

    def look() -> None:
        while not over.wait(_LOOK_S):
            for process, depth in _descendants(threading.main_thread().native_id or 0):
                for name in ("cmdline", "environ") if own_environment or depth > 1 else ("cmdline",):
                    try:
                        seen[process, name] = Path(f"/proc/{process}/{name}").read_bytes()
                    except OSError:
                        continue  # it has ended meanwhile

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        for (process, name), data in seen.items():
            lair.look(f"/proc/{process}/{name}", data)


def _descendants(process: int | str, depth: int = 1) -> Iterator[tuple[str, int]]:
    try:
        tasks = list(Path(f"/proc/{process}/task").iterdir())
        children = [child for task in tasks for child in (task / "children").read_text().split()]
    except OSError:
        return
    for child in children:
        yield child, depth
        yield from _descendants(child, depth + 1)
