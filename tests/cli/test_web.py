"""`llmdash web`: a run is watched, or steered, from pages, which leave nothing behind."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from llmdash.cli import main
from tests.cli.clusters import free_port
from tests.cli.command import environment, llmdash
from tests.cli.pages import served
from tests.cli.processes import Process
from tests.cli.terminal import Terminal, engines
from tests.engine.scripted import Server, plan, prompts, run
from tests.waiting import LONGEST_S, wait_for

CANARY = "sk-canary-0123456789abcdef"


@pytest.fixture
def going_on(home: Path) -> dict[str, str]:
    """A run that goes on; gives the environment of its user."""
    env = environment(home)
    assert llmdash("demo", "--limit", 3000, "--detach", cwd=home, env=env).code == 0
    return env


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """The folder of a run that is over."""
    folder = tmp_path / "a-kept-run"
    folder.mkdir()
    run(plan(folder, Server(), prompts(5)))
    return folder


def state(home: Path, env: dict[str, str]) -> str:
    """The state of the newest run."""
    found: str = json.loads(llmdash("ctl", "last", "status", "--json", cwd=home, env=env).out)["state"]
    return found


def test_a_run_is_watched_by_several_pages_none_of_which_can_change_it(
    home: Path, going_on: dict[str, str]
) -> None:
    with served(cwd=home, env=going_on) as web, web.viewer() as one, web.viewer() as other:
        for viewer in (one, other):
            viewer.wait_for("arithmetic")
            viewer.wait_for("running")
        one.keys("p")
        one.wait_for("read-only")
        one.keys("\x1a")  # no shell is behind it that could go on with it
        one.keys("\r")
        one.wait_for("Attempts")
        other.keys("q")
        assert other.socket.end()[0] == 1000
        assert state(home, going_on) == "running"
        wait_for(lambda: len(web.processes()) == 1, "the end of the other")
        web.process.send_signal(signal.SIGINT)
        assert web.process.wait(60) == 0
        web.wait_for_no_viewer()
    assert engines(str(home))


def test_a_run_is_steered_by_a_page_that_may(home: Path, going_on: dict[str, str]) -> None:
    with served("--control", cwd=home, env=going_on) as web, web.viewer() as viewer:
        viewer.wait_for("running")
        viewer.keys("p")
        viewer.wait_for("paused")
        assert state(home, going_on) == "paused"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_no_viewer_outlives_the_server(home: Path, kept: Path, number: signal.Signals) -> None:
    with served(kept, cwd=home, env=environment(home)) as web, web.viewer() as viewer:
        viewer.wait_for("all ended, nothing failed")
        assert len(web.processes()) == 1
        web.process.send_signal(number)
        out, err = web.process.communicate(timeout=LONGEST_S)
        assert web.process.returncode == (-signal.SIGKILL if number == signal.SIGKILL else 0)
        assert (out, err.count("\n")) == ("", 1)
        web.wait_for_no_viewer()


def test_a_viewer_ends_with_its_page(home: Path, kept: Path) -> None:
    with served(kept, cwd=home, env=environment(home)) as web:
        with web.viewer() as viewer:
            viewer.wait_for("all ended, nothing failed")
            assert len(web.processes()) == 1
        web.wait_for_no_viewer()


def test_a_viewer_that_is_killed_is_no_matter_of_another(home: Path, kept: Path) -> None:
    with served(kept, cwd=home, env=environment(home)) as web, web.viewer() as one:
        one.wait_for("all ended, nothing failed")
        [process] = web.processes()
        with web.viewer() as other:
            os.kill(process.pid, signal.SIGKILL)
            assert one.socket.end()[0] == 1000
            other.wait_for("all ended, nothing failed")


def test_a_kept_run_is_shown_as_it_was(home: Path, kept: Path) -> None:
    with served(kept, cwd=home, env=environment(home)) as web, web.viewer() as viewer:
        viewer.wait_for("all ended, nothing failed")
        viewer.wait_for("1–5 of 5")
        before = sorted(home.iterdir())
        viewer.keys("o\r")
        viewer.wait_for("Attempts")
        assert "The results are in" not in viewer.screen
        assert sorted(home.iterdir()) == before  # no file is written for who is not at this machine


def test_no_key_and_no_token_is_where_others_could_read_it(home: Path, kept: Path) -> None:
    env = environment(home, OPENAI_API_KEY=CANARY)
    with served(kept, cwd=home, env=env) as web, web.viewer() as viewer:
        viewer.wait_for("all ended, nothing failed")
        [process] = web.processes()
        assert CANARY.encode() not in process.read("environ")
        for each in (process, Process(web.process.pid, "")):
            assert web.token.encode() not in each.read("environ") + each.read("cmdline")
        assert [file for file in home.rglob("*") if file.is_file() and web.token in _text(file)] == []


def _text(file: Path) -> str:
    return file.read_bytes().decode("latin-1")


def test_a_browser_is_opened_by_a_file_that_nobody_else_can_read(home: Path, kept: Path) -> None:
    """Command lines are public, so the browser is not given the address itself."""
    browser = home / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {home}/called\nenv > {home}/with\n')
    browser.chmod(0o755)
    env = environment(home, BROWSER=str(browser), OPENAI_API_KEY=CANARY, TMPDIR=str(home))
    with served(kept, "--open", cwd=home, env=env) as web:
        wait_for(lambda: (home / "with").exists() and "HOME=" in (home / "with").read_text(), "the browser")
        called = (home / "called").read_text().strip()
        assert web.token not in called
        assert CANARY not in (home / "with").read_text()
        file = Path(called.removeprefix("file://"))
        assert f'url={web.address}"' in file.read_text()
        assert file.parent.stat().st_mode & 0o077 == 0
        web.process.send_signal(signal.SIGINT)
        assert web.process.wait(60) == 0
        assert not file.exists()


def test_each_start_has_a_token_of_its_own_and_the_port_that_is_asked_for(home: Path, kept: Path) -> None:
    tokens, port = set(), free_port()
    for _ in range(2):
        with served(kept, "--port", port, cwd=home, env=environment(home)) as web:
            tokens.add(web.token)
            assert web.port == port
            assert Process(web.process.pid, "").listens_on() == {"0100007F"}  # 127.0.0.1, and nothing else
    assert len(tokens) == 2
    assert all(len(token) >= 43 for token in tokens)  # 256 bits


def test_a_port_that_is_taken_is_named(home: Path, kept: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = llmdash("web", kept, "--port", port, cwd=home, env=environment(home))
    assert (refused.code, refused.out) == (2, "")
    assert refused.err == f"llmdash: port {port} cannot be used: Address already in use; take another, or 0\n"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "no run goes on; name a kept one: llmdash web last"),
        (("nothing",), "nothing: no such run in"),
    ],
)
def test_without_a_run_there_is_one_clear_error(home: Path, arguments: tuple[str, ...], says: str) -> None:
    refused = llmdash("web", *arguments, cwd=home, env=environment(home))
    assert refused.code == 2
    [line] = refused.err.splitlines()
    assert line.startswith(f"llmdash: {says}")


def test_a_run_that_is_deleted_meanwhile_is_named_in_the_page(home: Path, kept: Path) -> None:
    with served(kept, cwd=home, env=environment(home)) as web:
        shutil.rmtree(kept)
        with web.viewer() as viewer:
            viewer.wait_for(lambda screen: "no journal here" in screen.replace("\n", ""))
            assert viewer.socket.end()[0] == 1000


@pytest.mark.parametrize("name", ["textual_serve", "websockets"])
def test_the_extra_that_it_needs_is_named(name: str, kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, name, None)  # not to be found
    refused = CliRunner().invoke(main, ["web", str(kept)])
    assert refused.exit_code == 2
    assert refused.stderr == f"llmdash: a view in a browser needs {name}: pip install 'llmdash[web]'\n"


_SUSPENDS = """
from textual.app import App, SuspendNotSupported
from llmdash.ui.terminal.driver import BrowserDriver

class Suspending(App):
    def on_mount(self):
        try:
            with self.suspend():
                self.exit(message="taken")
        except SuspendNotSupported:
            self.exit(message="not to be taken")

Suspending(driver_class=BrowserDriver).run()
"""


def test_no_other_program_can_take_the_terminal_of_a_page(home: Path) -> None:
    """A pager or an editor could start any program on this machine."""
    command = (sys.executable, "-c", _SUSPENDS)
    with Terminal(cwd=home, env=environment(home), command=command) as terminal:
        assert terminal.wait() == 0
        assert "not to be taken" in terminal.screen
