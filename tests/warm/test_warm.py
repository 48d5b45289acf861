"""A process that is forked from one that has loaded the program cannot be told from one that was started."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import environment
from tests.simulated import stats_of
from tests.waiting import LONGEST_S, wait_for
from tests.warm.popen import WarmPopen

Start = Callable[..., subprocess.Popen[Any]]
LLMDASH = (sys.executable, "-m", "llmdash")
SERVES = ("simulate", "--latency", "0")


@contextmanager
def begun(start: Start, folder: Path, *arguments: str, **more: str) -> Iterator[subprocess.Popen[str]]:
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    command, env = [*LLMDASH, *arguments], environment(folder, **more)
    with start(command, cwd=folder, env=env, text=True, **streams) as process:
        try:
            yield process
        finally:
            process.kill()


def parent(process: subprocess.Popen[Any]) -> int:
    return int(Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()[1])


def files(folder: Path) -> Iterator[str]:
    """What kinds of files a process has open."""
    for file in folder.iterdir():
        with suppress(FileNotFoundError):  # it has closed one meanwhile
            name = re.sub(r"\d+", "", str(file.readlink()))
            if ".coverage_marks" not in name:  # they are mapped, with their file open or not
                yield name


@pytest.mark.parametrize(
    "arguments",
    [
        ("--version",),
        ("no-such-command",),
        ("run", "no-such-file"),
        ("run", "p.txt", "--simulate", "--dry-run"),
    ],
)
def test_it_says_the_same_and_ends_with_the_same_code(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    (tmp_path / "p.txt").write_text("one\ntwo\n")
    ended = []
    for start in (subprocess.Popen, WarmPopen):
        with begun(start, tmp_path, *arguments) as process:
            ended.append((*process.communicate(timeout=LONGEST_S), process.returncode))
    assert ended[0] == ended[1]


def test_it_has_the_files_the_folder_and_the_signals_that_it_would_have(tmp_path: Path) -> None:
    seen = []
    for start in (subprocess.Popen, WarmPopen):
        with begun(start, tmp_path, *SERVES, MARK="x") as process:
            assert process.stdout is not None
            stats_of(process.stdout.readline().strip())
            place = Path(f"/proc/{process.pid}")
            lines = (place / "status").read_text().splitlines()
            look = (
                (place / "cmdline").read_bytes().rstrip(b"\0"),
                {each for each in (place / "environ").read_bytes().split(b"\0") if each},
                (place / "cwd").readlink(),
                set(files(place / "fd")),
                [line for line in lines if line.startswith(("SigIgn", "SigBlk", "Threads", "Umask"))],
            )
            assert (parent(process) == os.getpid()) is (start is subprocess.Popen)
            process.terminate()
            process.communicate(timeout=LONGEST_S)
            seen.append((look, process.returncode))
    assert seen[0] == seen[1]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_what_ended_it_is_known(tmp_path: Path, number: signal.Signals) -> None:
    codes = []
    for start in (subprocess.Popen, WarmPopen):
        with begun(start, tmp_path, *SERVES) as process:
            assert process.poll() is None
            assert process.stdout is not None
            stats_of(process.stdout.readline().strip())
            process.send_signal(number)
            wait_for(lambda: process.poll() is not None)
            process.communicate(timeout=LONGEST_S)
            codes.append(process.returncode)
    assert codes[0] == codes[1]


@pytest.mark.parametrize("more", [{"LC_ALL": "POSIX"}, {"PYTHONUTF8": "1"}, {"TEXTUAL_FPS": "7"}])
def test_one_that_would_be_another_is_started(tmp_path: Path, more: dict[str, str]) -> None:
    with begun(WarmPopen, tmp_path, *SERVES, **more) as process:
        assert parent(process) == os.getpid()
        process.kill()
        process.communicate(timeout=LONGEST_S)
