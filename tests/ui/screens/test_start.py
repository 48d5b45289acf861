"""The start screen: what is chosen is what is started, and nothing before Enter."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Static

from llmdash.engine.model.session import Session
from llmdash.ui.app import LlmdashApp
from llmdash.ui.launcher import EndpointChoice, Forecast, Launch, LaunchError, LaunchOptions, PromptChoice
from llmdash.ui.screens.dashboard import DashboardScreen
from llmdash.ui.screens.start import StartScreen, forecast_text
from llmdash.ui.settings.preferences import Preferences, PreferencesFile
from tests.ui.fake_session import FakeSession
from tests.ui.waiting import until

SHIPPED = Path(__file__).parents[3] / "themes"
OPTIONS = LaunchOptions(
    prompt_files=(
        PromptChoice("arithmetic", Path("arithmetic.toml"), "10,000 expressions, scored"),
        PromptChoice("[/] greeting", Path("greeting.csv"), "with [a template"),
    ),
    endpoints=(
        EndpointChoice("simulator", "embedded, 3 keys", "sim-1", spends=False),
        EndpointChoice("hosted", "https://example.test/v1, 2 keys", "big-1"),
    ),
    rate=5.0,
    concurrency=64,
)


@dataclass
class FakeLauncher:
    """Starts nothing and writes down what it was asked for."""

    choices: LaunchOptions = OPTIONS
    problem: str = ""
    unreadable: str = ""
    launches: list[Launch] = field(default_factory=list)

    def options(self) -> LaunchOptions:
        return self.choices

    def forecast(self, launch: Launch) -> Forecast:
        if self.unreadable:
            raise LaunchError(self.unreadable)
        seconds = 10_000 / launch.rate if launch.rate else None
        return Forecast(10_000, launch.endpoint != "simulator", seconds, 410_000, 640_000, 0.0615, 0.384)

    def start(self, launch: Launch) -> Session:
        self.launches.append(launch)
        if self.problem:
            raise LaunchError(self.problem)
        return FakeSession()


@asynccontextmanager
async def started(launcher: FakeLauncher, **options: Any) -> AsyncIterator[Pilot[Any]]:
    app = LlmdashApp(launcher=launcher, shipped_themes=SHIPPED, **options)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        yield pilot


def problem(pilot: Pilot[Any]) -> str:
    return str(pilot.app.screen.query_one("#launch-problem", Static).render())


async def settle(pilot: Pilot[Any]) -> None:
    await until(pilot, lambda: all(worker.is_finished for worker in pilot.app.workers))
    await pilot.pause()


async def test_enter_starts_what_is_chosen_and_opens_the_dashboard() -> None:
    launcher = FakeLauncher()
    async with started(launcher) as pilot:
        assert launcher.launches == [], "nothing is started before Enter"
        await pilot.press("down", "enter")
        await settle(pilot)
        assert launcher.launches == [Launch(Path("greeting.csv"), "simulator", "sim-1", 5.0, 64)]
        await until(pilot, lambda: isinstance(pilot.app.screen, DashboardScreen))


HOSTED = EndpointChoice("hosted", "https://example.test/v1, 2 keys", "big-1")


@pytest.mark.case("engine", "start-screen-enter")
@pytest.mark.parametrize(
    "endpoints",
    [(HOSTED,), (HOSTED, HOSTED), (HOSTED, OPTIONS.endpoints[0]), OPTIONS.endpoints],
    ids=["one that costs", "two that cost", "one that costs first", "the simulator first"],
)
async def test_one_enter_never_spends(endpoints: tuple[EndpointChoice, ...]) -> None:
    launcher = FakeLauncher(replace(OPTIONS, endpoints=endpoints))
    async with started(launcher) as pilot:
        await pilot.press("enter")
        await settle(pilot)
        assert {launch.endpoint for launch in launcher.launches} <= {"simulator"}
        if not launcher.launches:
            assert problem(pilot) == "Endpoint: none is chosen; choose one in the list"


@pytest.mark.case("engine", "start-screen-enter")
async def test_a_click_chooses_and_does_not_start() -> None:
    launcher = FakeLauncher()
    async with started(launcher) as pilot:
        await pilot.click("#endpoints", offset=(3, 2))
        await settle(pilot)
        assert launcher.launches == []
        await pilot.press("enter")
        await settle(pilot)
        assert [launch.endpoint for launch in launcher.launches] == ["hosted"]


def forecast(pilot: Pilot[Any]) -> str:
    return str(pilot.app.screen.query_one("#forecast", Static).render())


@pytest.mark.case("engine", "start-screen-enter")
async def test_what_enter_would_send_stands_beside_it() -> None:
    launcher = FakeLauncher()
    async with started(launcher) as pilot:
        await settle(pilot)
        assert forecast(pilot) == (
            "Enter sends 10,000 prompts · about 33m20s · ~410k tokens in · at most 640k out · "
            "to this machine: no cost"
        )
        await pilot.press("tab", "tab", "down")
        pilot.app.screen.query_one("#rate", Input).value = "none"
        await settle(pilot)
        await until(pilot, lambda: "as fast as answers come" in forecast(pilot))
        assert forecast(pilot).endswith("at most 640k out · at most about $0.45")
        pilot.app.screen.query_one("#rate", Input).value = "0"
        await until(pilot, lambda: forecast(pilot).startswith("Rate: '0' is not a rate"))
        launcher.unreadable = "p.txt: no prompts in it"
        pilot.app.screen.query_one("#rate", Input).value = "5"
        await until(pilot, lambda: forecast(pilot) == launcher.unreadable)
        assert launcher.launches == []


@pytest.mark.case("engine", "start-screen-enter")
def test_a_forecast_says_what_it_does_not_know() -> None:
    some = Forecast(1, True, None, 12)
    assert forecast_text(some).endswith("~12 tokens in · no price is known")
    assert "Enter sends 1 prompt ·" in forecast_text(some)
    priced = forecast_text(replace(some, cost_of_prompts=0.00054))
    assert priced.endswith("$0.00054 for the prompts, the answers cost more")


async def test_fields_are_reached_by_tab_and_their_values_count() -> None:
    launcher = FakeLauncher()
    async with started(launcher) as pilot:
        await pilot.press("tab", "tab", "down", "tab", *"tiny-2", "tab")
        for name, value in (("rate", "300/min"), ("concurrency", "8")):
            pilot.app.screen.query_one(f"#{name}", Input).value = value
        await pilot.press("enter")
        await settle(pilot)
        assert launcher.launches == [Launch(Path("arithmetic.toml"), "hosted", "tiny-2", 5.0, 8)]


async def test_a_typed_path_goes_before_the_list_and_must_be_a_file(tmp_path: Path) -> None:
    launcher = FakeLauncher()
    async with started(launcher) as pilot:
        field = pilot.app.screen.query_one("#prompt-path", Input)
        field.value = str(tmp_path / "absent.txt")
        await pilot.press("enter")
        await settle(pilot)
        assert "absent.txt is not a file" in problem(pilot) and launcher.launches == []
        path = tmp_path / "mine.txt"
        path.write_text("hello")
        field.value = str(path)
        await pilot.press("enter")
        await settle(pilot)
        assert launcher.launches[0].prompt_path == path


@pytest.mark.parametrize(
    ("name", "value", "says"), [("rate", "fast", "Rate: 'fast'"), ("concurrency", "0", "Concurrency: '0'")]
)
async def test_a_value_that_cannot_be_is_told_and_nothing_starts(name: str, value: str, says: str) -> None:
    launcher = FakeLauncher()
    async with started(launcher) as pilot:
        pilot.app.screen.query_one(f"#{name}", Input).value = value
        await pilot.press("enter")
        await settle(pilot)
        assert says in problem(pilot)
        assert launcher.launches == []


async def test_a_launch_error_is_one_line_on_the_screen_and_one_can_try_again() -> None:
    launcher = FakeLauncher(problem="Endpoint: [/] refused the key; check API_KEY in .env")
    async with started(launcher) as pilot:
        await pilot.press("enter")
        await settle(pilot)
        assert problem(pilot) == launcher.problem
        assert isinstance(pilot.app.screen, StartScreen)
        launcher.problem = ""
        await pilot.press("enter")
        await settle(pilot)
        await until(pilot, lambda: isinstance(pilot.app.screen, DashboardScreen))


async def test_without_endpoints_or_prompts_it_says_what_to_set_up() -> None:
    async with started(FakeLauncher(LaunchOptions())) as pilot:
        await pilot.press("enter")
        await settle(pilot)
        assert "API_KEY" in problem(pilot)
    only_endpoint = LaunchOptions(endpoints=OPTIONS.endpoints)
    async with started(FakeLauncher(only_endpoint)) as pilot:
        pilot.app.screen.query_one("#rate", Input).focus()
        await pilot.press("enter")
        await settle(pilot)
        assert "give the path of a file" in problem(pilot)


async def test_what_was_launched_is_remembered(tmp_path: Path) -> None:
    path = tmp_path / "preferences.toml"
    async with started(FakeLauncher(), preferences_path=path) as pilot:
        await pilot.press("enter")
        await settle(pilot)
    assert PreferencesFile(path).load() == (Preferences(rate=5.0, concurrency=64), "")


async def test_escape_leaves_with_return_code_0() -> None:
    launcher = FakeLauncher()
    async with started(launcher) as pilot:
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.return_code == 0)
    assert launcher.launches == []
