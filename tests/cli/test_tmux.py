"""Under tmux, which remembers the cursor of a screen that was left long ago."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.command import environment, llmdash
from tests.waiting import first

TMUX = shutil.which("tmux")
ROOM = re.compile(r"[\d,.]+ [GM]B free")  # others write to the same disk in between
pytestmark = pytest.mark.skipif(TMUX is None, reason="tmux is not installed")


class Pane:
    """A shell in a pane of a tmux server of its own."""

    def __init__(self, folder: Path) -> None:
        self._socket = folder / "socket"
        self._env = environment(folder, PS1="shell> ", LC_ALL="C.UTF-8", TERM="xterm-256color")
        shell = " ".join(["env", "PS1='shell> '", f"HOME={shlex.quote(str(folder))}", "dash", "-i"])
        self._tmux("-f", "/dev/null", "new-session", "-d", "-x", "100", "-y", "40", "-c", str(folder), shell)

    def _tmux(self, *arguments: str) -> str:
        command = [TMUX or "tmux", "-S", str(self._socket), *arguments]
        return subprocess.run(command, env=self._env, capture_output=True, text=True, check=True).stdout

    def enter(self, line: str) -> None:
        """Type `line` and press enter, once the shell asks: what is typed earlier lands in its output."""
        self._wait_until(lambda: self.lines[-1:] == ["shell>"], "the shell")
        self._tmux("send-keys", "-l", line)
        self._tmux("send-keys", "Enter")

    @property
    def lines(self) -> list[str]:
        """What is shown, without empty lines."""
        return [line for line in self._tmux("capture-pane", "-p").splitlines() if line]

    def in_alternate_screen(self) -> bool:
        """True while the pane shows the second screen, without history."""
        return self._tmux("display-message", "-p", "#{alternate_on}").strip() == "1"

    def wait_for(self, text: str) -> None:
        """Wait until a line holds `text`."""
        self._wait_until(lambda: any(text in line for line in self.lines), repr(text))

    def _wait_until(self, is_so: Callable[[], bool], what: str) -> None:
        first(lambda: self.lines, lambda _lines: is_so(), what, every_s=0.05)

    def close(self) -> None:
        self._tmux("kill-server")


@pytest.fixture
def pane(tmp_path: Path) -> Iterator[Pane]:
    opened = Pane(tmp_path)
    yield opened
    opened.close()


@pytest.mark.case("files", "doctor-tmux")
@pytest.mark.case("screen", "doctor-twice")
def test_the_doctor_prints_below_what_is_there_after_another_program_used_the_screen(
    tmp_path: Path, pane: Pane
) -> None:
    kept = ("demo", "--limit", 3, "--headless", "--rate", "unlimited", "--run-dir", "kept")
    assert llmdash(*kept, cwd=tmp_path, env=environment(tmp_path)).code in (0, 3)
    for _ in range(4):
        pane.enter("echo higher")
    pane.enter(r"printf '\033[?1049h\033[?1049l'; echo used")
    pane.wait_for("used")
    doctor = f"{sys.executable} -m llmdash doctor kept"
    pane.enter(f"clear; {doctor}; echo; {doctor}; echo exit $((40 + 2))")
    pane.wait_for("exit 42")
    report = [ROOM.sub("free", line) for line in pane.lines if line.startswith("ok")]
    assert len(report) == 10, "\n".join(pane.lines)
    assert report[:5] == report[5:]
    assert pane.lines.count("Sound.") == 2
    assert not pane.in_alternate_screen()


@pytest.mark.case("files", "doctor-tmux")
def test_the_doctor_leaves_an_alternate_screen_that_is_on(pane: Pane) -> None:
    pane.enter("clear; echo before")
    pane.wait_for("before")
    pane.enter(r"printf '\033[?1049h\033[?1000hgar%s\n' bage")
    pane.wait_for("garbage")
    assert pane.in_alternate_screen()
    pane.enter(f"{sys.executable} -m llmdash doctor --terminal; echo after $((40 + 2))")
    pane.wait_for("after 42")
    assert not pane.in_alternate_screen()
    assert "garbage" not in pane.lines
    assert pane.lines.index("before") < pane.lines.index("The terminal is restored.")
