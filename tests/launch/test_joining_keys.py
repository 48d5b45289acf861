"""A key that is put into `.env` while a run goes on joins it, however the run was begun."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from llmdash.compare.session import ComparingSession
from llmdash.compare.ways import Experiment
from llmdash.config import Settings, load_settings
from llmdash.config.prices import Prices
from llmdash.engine.model.commands import Cancel
from llmdash.engine.model.frame import Frame
from llmdash.engine.model.session import Session
from llmdash.engine.model.view import View
from llmdash.engine.session import LocalSession
from llmdash.launch.compare import Bench
from llmdash.launch.home import HomeLauncher
from llmdash.launch.inputs import open_input
from llmdash.launch.preparing import prepare
from llmdash.launch.run_input import Input
from llmdash.launch.run_order import RunOrder
from llmdash.launch.shutdown import OwnSession
from llmdash.ui.launcher import Launch
from tests.simulated import Simulated
from tests.waiting import PATIENCE_S, first

PROMPTS = 400


@pytest.fixture
def settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, simulator: Callable[..., Simulated]
) -> Iterator[Settings]:
    """Those of a folder whose `.env` holds one key of two that the server knows."""
    endpoint = simulator(keys=("sk-first-1111", "sk-second-2222"), latency=0.2)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    Path(".env").write_text(f"API_KEY=sk-first-1111\nBASE_URL={endpoint.base_url}\n")
    Path(".env").chmod(0o600)
    Path("sums.txt").write_text("\n".join(f"What is {n} + 1?" for n in range(PROMPTS)))
    flags = {"rate": "50/s", "concurrency": 8}
    yield load_settings(flags, environ={}, cwd=tmp_path, user_config=tmp_path / "none")


def add_the_second_key() -> None:
    text = Path(".env").read_text()
    Path(".env").write_text(text.replace("sk-first-1111", "sk-first-1111,sk-second-2222"))


def until(session: Session, holds: Callable[[Frame], bool]) -> Frame:
    return first(lambda: session.frame(View()), holds)


def assert_the_second_key_joins(session: OwnSession) -> None:
    until(session, lambda frame: frame.run.done > 0)
    assert len(session.frame(View()).keys) == 1
    add_the_second_key()
    until(session, lambda frame: len(frame.keys) == 2 and all(key.ok for key in frame.keys))
    session.command(Cancel())
    assert session.join(PATIENCE_S)
    assert session.crash is None


@pytest.mark.case("engine", "start-screen-keys")
def test_of_the_command_line(settings: Settings) -> None:
    with prepare(RunOrder(Input(Path("sums.txt"))), settings) as prepared:
        session = LocalSession(prepared.plan)
        session.start()
        assert_the_second_key_joins(session)


@pytest.mark.case("engine", "start-screen-keys")
def test_of_the_home_screen(settings: Settings) -> None:
    with HomeLauncher(settings, lambda _flags: settings) as launcher:
        launcher.start(Launch(Path("sums.txt"), settings.endpoints[0].name, "", settings.rate, 8))
        assert launcher.begun is not None
        assert_the_second_key_joins(launcher.begun.session)


def bench(settings: Settings) -> Bench:
    given = Input(Path("sums.txt"))
    return Bench(open_input(given), given, settings, Path("kept"), Prices())


@pytest.mark.case("engine", "start-screen-keys")
def test_of_a_comparison(settings: Settings) -> None:
    session = ComparingSession(bench(settings), [Experiment("all-keys", "all keys", 8, 50.0)])
    session.start()
    assert_the_second_key_joins(session)
    assert session.rows[0].run.keys >= 1


def test_of_an_experiment_that_begins_after_the_key_was_put_there(settings: Settings) -> None:
    add_the_second_key()
    session = ComparingSession(bench(settings), [Experiment("all-keys", "all keys", 8, 50.0)])
    session.start()
    until(session, lambda frame: len(frame.keys) == 2 and all(key.ok for key in frame.keys))
    session.command(Cancel())
    session.join()


def test_none_joins_an_experiment_with_a_number_of_keys_of_its_own(settings: Settings) -> None:
    session = ComparingSession(bench(settings), [Experiment("one-key", "one key", 8, 50.0, keys=1)])
    session.start()
    until(session, lambda frame: frame.run.done > 0)
    add_the_second_key()
    until(session, lambda frame: frame.run.elapsed_s > 3.0)
    assert len(session.frame(View()).keys) == 1
    session.command(Cancel())
    session.join()


def test_what_masks_keys_knows_those_that_joined(settings: Settings) -> None:
    assert settings.key_file is not None
    assert settings.redactor.redact("sk-second-2222") == "sk-second-2222"
    add_the_second_key()
    settings.key_file.reload()
    assert settings.redactor.redact("Bearer sk-second-2222") != "Bearer sk-second-2222"
