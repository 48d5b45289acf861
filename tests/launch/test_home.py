"""What stands on the home screen: what the settings say, else what was chosen last time."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from llmdash.config import EndpointSettings, Settings, load_settings
from llmdash.engine.model.commands import Cancel
from llmdash.engine.model.forecast import ForecastPart, Range
from llmdash.engine.model.session import Session
from llmdash.engine.model.states import KeptState
from llmdash.engine.model.view import View
from llmdash.launch.home import HomeLauncher
from llmdash.launch.home_rows import files_below
from llmdash.launch.key_check import KeyCheck
from llmdash.launch.key_memory import KeyMemory
from llmdash.llms.messages import Hints
from llmdash.llms.wire.failures import Failure, FailureKind
from llmdash.reports.result_columns import COLUMNS
from llmdash.secrets import Secret, labels
from llmdash.ui.launcher import Launch, LaunchError
from llmdash.ui.settings.preferences import Preferences, PreferencesFile
from tests.waiting import wait_for

KEY = Secret("sk-canary-0123456789abcdef")
FILE = """
base_url = "https://llm.test/v1"
model = "m-1"
rate = "5/s"
[prices."m-1"]
input = 2.0
output = 8.0
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of one's own to start in, and a data folder."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return folder


def load(flags: Mapping[str, Any]) -> Settings:
    return load_settings(dict(flags), environ={"API_KEY": KEY.reveal()}, cwd=Path.cwd())


def configured(here: Path) -> HomeLauncher:
    """A launcher with one endpoint that costs money, at prices of the user's own."""
    (here / "llmdash.toml").write_text(FILE)
    return HomeLauncher(load({}), load)


@pytest.mark.case("engine", "start-screen-enter")
def test_only_the_simulator_costs_nothing(here: Path) -> None:
    options = configured(here).options()
    offered = [(choice.name, choice.spends, len(choice.keys)) for choice in options.endpoints]
    assert offered == [("llm.test", True, 1), ("simulator", False, 0)]
    assert options.found_in == "llmdash.toml"


@pytest.mark.case("engine", "start-screen-enter")
def test_a_forecast_counts_prompts_time_tokens_and_what_they_cost(here: Path) -> None:
    launcher = configured(here)
    path = here / "p.jsonl"
    path.write_text("".join(f'{{"prompt": "{"x" * 400}"}}\n' for _ in range(1000)))
    launch = Launch(path, "llm.test", "", 5.0, 64)
    found = launcher.forecast(launch)
    assert found == ForecastPart(
        jobs=1000,
        sampled=1000,
        input_tokens=Range(100_000, 100_000, 100_000),
        cost=Range(0.2, math.inf),
        seconds=Range(200.0, 200.0, 200.0),
        binds="the rate of 5/s",
        basis="answers without a token limit",
    )
    most = launcher.forecast(replace(launch, options=("max_tokens=60",)))
    assert most.output_tokens == Range(0, 60_000)
    assert launcher.forecast(replace(launch, rate=None)).seconds is None
    free = launcher.forecast(replace(launch, endpoint="simulator"))
    assert (free.spends, free.cost) == (False, None)
    path.write_text("one\n")
    with pytest.raises(LaunchError):
        launcher.forecast(launch)
    with pytest.raises(LaunchError, match="absent"):
        launcher.forecast(replace(launch, prompt_path=here / "absent.txt"))
    with pytest.raises(LaunchError, match="top_p"):
        launcher.forecast(replace(launch, options=("top_p",)))


def test_a_refusal_names_the_field_that_it_is_about(here: Path) -> None:
    path = here / "rows.jsonl"
    path.write_text('{"prompt": "Name a colour", "n": 1}\n')
    with pytest.raises(LaunchError) as refused:
        configured(here).preview(Launch(path, "llm.test", "", 5.0, 64, carry="age"))
    assert str(refused.value).startswith("carry age: no such field")


def test_the_files_of_the_folder_are_offered_the_newest_first_and_then_the_samples(here: Path) -> None:
    for number, name in enumerate(("old.csv", "new.jsonl.gz", ".hidden.csv", "llmdash.toml", "code.py")):
        (here / name).write_text("")
        (here / name).touch()

        os.utime(here / name, (number, number))
    (here / "answers.csv").write_text(",".join(COLUMNS) + "\r\n")
    (here / "folder.csv").mkdir()
    names = [choice.name for choice in HomeLauncher(Settings(), load).options().prompt_files]
    assert names[:2] == ["new.jsonl.gz", "old.csv"]
    assert all(name.startswith("sample_prompts/") for name in names[2:]) and len(names) > 4


def test_a_preview_shows_prompts_as_they_are_asked_and_lines_that_cannot_be(here: Path) -> None:
    path = here / "q.csv"
    path.write_text("topic,question\nart,Who?\nmusic,\nlaw,Why?\n")
    launch = Launch(path, "simulator", "", 5.0, 1, template="A {{topic}} question: {{question}}")
    preview = configured(here).preview(launch)
    assert preview.rows[0] == "A art question: Who?"
    assert preview.prompts == 3
    with pytest.raises(LaunchError, match="nothing"):
        configured(here).preview(replace(launch, template="{{nothing}}"))


@pytest.mark.parametrize(
    ("settings", "remembered", "offered"),
    [
        (Settings(rate=15.0), Preferences(), (15.0, 64)),
        (Settings(rate=15.0), Preferences(rate=2.5, concurrency=8), (2.5, 8)),
        (Settings(rate=15.0), Preferences(rate=0.0), (None, 64)),
        (Settings(rate=30.0, rate_given=True), Preferences(rate=2.5, concurrency=8), (30.0, 8)),
        (Settings(concurrency=3, concurrency_given=True), Preferences(rate=2.5, concurrency=8), (2.5, 3)),
    ],
)
def test_a_choice_is_remembered_unless_the_settings_name_another(
    tmp_path: Path, settings: Settings, remembered: Preferences, offered: tuple[float | None, int]
) -> None:
    file = PreferencesFile(tmp_path / "preferences.toml")
    file.save(remembered)
    last = HomeLauncher(settings, load, file).options().last
    assert (last.rate, last.concurrency) == offered


@pytest.mark.parametrize(
    ("last", "model", "begins"),
    [
        (None, "m-9", ("one", "")),
        ("two", "m-9", ("two", "m-9")),
        ("simulator", "", ("simulator", "")),
        ("all of them", "", ("all of them", "")),
        ("of another folder", "m-9", ("one", "")),
    ],
)
def test_home_begins_with_the_endpoint_of_last_time_else_with_the_first_configured_one(
    tmp_path: Path, last: str | None, model: str, begins: tuple[str, str]
) -> None:
    file = PreferencesFile(tmp_path / "preferences.toml")
    if last is not None:
        file.save(Preferences(launch={"endpoint": last, "model": model}))
    each = [
        EndpointSettings(name, "openai-chat", "http://127.0.0.1:8000/v1", "m", auth="none")
        for name in ("one", "two")
    ]
    chosen = HomeLauncher(Settings().with_endpoints(each), load, file).options().last
    assert (chosen.endpoint, chosen.model) == begins
    without_keys = HomeLauncher(Settings(), load, file).options().last
    assert without_keys.endpoint == "simulator"


def test_an_endpoint_that_needs_no_key_is_offered() -> None:
    endpoint = EndpointSettings("local", "openai-chat", "http://127.0.0.1:8000/v1", "m", auth="none")
    offered = HomeLauncher(Settings().with_endpoints([endpoint]), load).options().endpoints
    assert offered[0].detail == "http://127.0.0.1:8000/v1, no key needed"
    assert len(HomeLauncher(Settings(), load).options().endpoints) == 1


def test_what_came_of_a_check_is_remembered_without_the_key(tmp_path: Path) -> None:
    path = tmp_path / "data" / "checks.json"
    other = Secret("sk-other-0123456789abcdef")
    endpoint = EndpointSettings("one", "openai-chat", "https://llm.test/v1", "m", (KEY, other))
    first, second = labels(endpoint.keys)
    refused = Failure(FailureKind.AUTH, "no", status=401)
    memory = KeyMemory(path, lambda: 1_700_000_000.0)
    assert memory.of(KEY) == (None, "")
    memory.learn(
        [
            KeyCheck(endpoint, first, 0.1, hints=Hints(limit_requests=500, limit_tokens=200_000)),
            KeyCheck(endpoint, second, 0.1, refused),
        ]
    )
    again = KeyMemory(path)
    assert again.of(KEY) == (True, "500/min, 200,000 tok/min")
    works, said = again.of(other)
    assert works is False and said.startswith("401, ")
    assert "canary" not in path.read_text() and path.stat().st_mode & 0o777 == 0o600
    path.write_text('{"' + KEY.fingerprint + '": {"works": "yes"}}')
    assert again.of(KEY) == (None, "")
    path.write_bytes(b"\xff")
    assert again.of(KEY) == (None, "")


def test_a_run_of_the_home_screen_says_that_kept_runs_take_more_room_than_they_may(
    here: Path, tmp_path: Path
) -> None:
    (here / "llmdash.toml").write_text('kept_bytes = "1KB"')
    kept = tmp_path / "data" / "llmdash" / "runs" / "20260102-030405-sums"
    kept.mkdir(parents=True)
    (kept / "journal.sqlite").write_bytes(bytes(4096))
    (here / "p.txt").write_text("1 + 1\n")
    with HomeLauncher(load({}), load) as launcher:
        session = launcher.start(Launch(Path("p.txt"), "simulator", "", None, 8))
        said = [notice.text for notice in session.frame(View()).notices]
    assert any("kept_bytes allows" in text for text in said)


def begin_run(here: Path, launcher: HomeLauncher, prompts: int) -> Session:
    """A run of so many prompts on the simulator, 20 a second."""
    (here / "p.txt").write_text("".join(f"{number} + 1\n" for number in range(prompts)))
    return launcher.start(Launch(Path("p.txt"), "simulator", "", 20.0, 8))


def end_run(launcher: HomeLauncher, session: Session) -> None:
    session.command(Cancel())
    wait_for(lambda: launcher.kept().rows[0].state is not KeptState.RUNNING, "the end of the run")


@pytest.mark.parametrize(("prompts", "state"), [(2, KeptState.DONE), (600, KeptState.RUNNING)])
def test_a_run_that_is_left_ends_if_it_is_over_and_goes_on_among_the_kept_runs_if_not(
    here: Path, prompts: int, state: KeptState
) -> None:
    with HomeLauncher(load({}), load) as launcher:
        session = begin_run(here, launcher, prompts)
        wait_for(lambda: session.frame(View()).run.done >= 2, "two answers")
        wait_for(lambda: session.frame(View()).run.state.ended == (prompts == 2), "the end of a short run")
        launcher.leave()()
        assert not launcher.holds_run and not launcher.lost_its_run()
        [row] = launcher.kept().rows
        assert row.state is state
        again = launcher.open(row.run)
        assert launcher.holds_run == (state is KeptState.RUNNING)
        end_run(launcher, again)


def test_a_run_that_is_opened_before_the_one_that_was_left_is_closed_stays_open(here: Path) -> None:
    with HomeLauncher(load({}), load) as launcher:
        begin_run(here, launcher, 600)
        close_first = launcher.leave()
        assert not launcher.holds_run
        session = launcher.open(launcher.kept().rows[0].run)
        close_first()
        assert launcher.attached is not None and launcher.attached.alive
        end_run(launcher, session)


def test_a_run_that_was_left_goes_on_though_the_app_ends_before_it_is_closed(here: Path) -> None:
    with HomeLauncher(load({}), load) as launcher:
        begin_run(here, launcher, 600)
        launcher.leave()
    with HomeLauncher(load({}), load) as launcher:
        session = launcher.open(launcher.kept().rows[0].run)
        assert launcher.holds_run
        end_run(launcher, session)


def test_files_of_prompts_are_found_in_folders_below_but_no_results_and_nothing_hidden(here: Path) -> None:
    for name in (
        "a/b/deep.csv",
        "a/results.jsonl",
        ".git/x.jsonl",
        "node_modules/y.json",
        "a/notes.md",
        "top.txt",
    ):
        path = here / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("prompt\n")
    (here / "a/results.jsonl").write_text('{"index":0,"id":"x","state":"done","text":"so"}\n')
    names = {file.name for file in files_below(here)}
    assert {"a/b/deep.csv", "top.txt"} <= names
    assert not names & {"a/results.jsonl", ".git/x.jsonl", "node_modules/y.json", "a/notes.md"}
