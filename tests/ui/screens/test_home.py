"""The home screen: what is chosen is what is started, and nothing before Enter."""

from __future__ import annotations

import inspect
import itertools
import math
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.command import CommandPalette
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Input, OptionList, Static

from llmdash.engine.model.commands import Cancel
from llmdash.engine.model.forecast import ForecastPart, Range
from llmdash.engine.model.session import Session
from llmdash.engine.model.states import KeptState
from llmdash.ui.app import LlmdashApp
from llmdash.ui.home.choice_strip import ChoiceStrip
from llmdash.ui.home.forecast_words import enter_words, forecast_lines
from llmdash.ui.home.form import CHECKS
from llmdash.ui.home.kept_table import KeptTable
from llmdash.ui.launcher import (
    REUSE,
    EndpointChoice,
    KeptPart,
    KeptRow,
    KeyChoice,
    Launch,
    LaunchError,
    LaunchOptions,
    Preview,
    PromptChoice,
)
from llmdash.ui.panels.key_bar import KeyBar
from llmdash.ui.panels.verdict_line import VerdictLine
from llmdash.ui.screens.dashboard import DashboardScreen
from llmdash.ui.screens.home import HomeScreen
from llmdash.ui.screens.jump import JumpLetter, JumpScreen
from llmdash.ui.screens.leave import LeaveScreen
from llmdash.ui.settings.preferences import Preferences, PreferencesFile
from llmdash.ui.text.keymap import listed
from tests.ui.fake_session import FakeSession
from tests.ui.troubles import brake, finished
from tests.ui.waiting import until
from tests.ui.widget_app import WidgetApp, lines
from tests.waiting import PATIENCE_S

SHIPPED = Path(__file__).parents[3] / "themes"
OPTIONS = LaunchOptions(
    prompt_files=(
        PromptChoice("arithmetic", Path("arithmetic.toml")),
        PromptChoice("[/] greeting", Path("greeting.csv")),
    ),
    endpoints=(
        EndpointChoice("simulator", "embedded, 3 keys", "sim-1", spends=False),
        EndpointChoice("hosted", "https://example.test/v1, 2 keys", "big-1"),
    ),
    last=Launch(Path(), "", "", 5.0, 64),
)
FIRST = Launch(Path("arithmetic.toml"), "simulator", "", 5.0, 64)
KEPT = KeptPart(
    (
        KeptRow("one", "[/] sums", KeptState.RUNNING, 3412, 32, 0.974, 0.43, "6m left", "gpt-4o"),
        KeptRow("two", "capitals", KeptState.DONE, 28, 0, 1.0, None, "09:12", "gpt-4o-mini"),
        KeptRow("three", "sums", KeptState.STOPPED, 2648, 0, 0.963, 0.31, "Thu 18:40", "gpt-4o"),
    ),
    "214 MB",
)


def _set() -> threading.Event:
    event = threading.Event()
    event.set()
    return event


@dataclass
class FakeLauncher:
    """Starts nothing and writes down what it was asked for."""

    choices: LaunchOptions = OPTIONS
    problem: str = ""
    unreadable: str = ""
    unlisted: list[str] = field(default_factory=list)
    """Why the next looks at the kept runs fail, each in turn; empty where one does not."""
    launches: list[Launch] = field(default_factory=list)
    opened: list[tuple[str, ...]] = field(default_factory=list)
    runs: KeptPart = KEPT
    rows: tuple[str, ...] = ("[red]first", "second\x1b[31m")

    listed: threading.Event = field(default_factory=_set)
    """Set once the files of the folder have been found."""
    paths: tuple[str, ...] = ("b/my invoices.csv", "b/[/].csv", "questions.jsonl")
    checked: bool = False
    holds_run: bool = False
    session: Callable[[], Session] = FakeSession
    left: list[str] = field(default_factory=list)

    def leave(self) -> Callable[[], None]:
        self.opened.append(("leave",))
        self.holds_run = False
        return lambda: self.left.append("closed")

    def options(self) -> LaunchOptions:
        return self.choices

    def kept(self) -> KeptPart:
        if self.unlisted and (problem := self.unlisted.pop(0)):
            raise LaunchError(problem)
        return self.runs

    def files(self) -> tuple[PromptChoice, ...]:
        assert self.listed.wait(PATIENCE_S)
        return tuple(PromptChoice(name, Path("/deep") / name) for name in self.paths)

    def preview(self, launch: Launch) -> Preview:
        if self.unreadable:
            raise LaunchError(self.unreadable)
        rows = tuple(launch.template + row for row in self.rows)
        return Preview(10_000, "column text", rows, 3, (f"line 17: no text {self.rows[-1]}",))

    def check_keys(self) -> tuple[EndpointChoice, ...]:
        self.checked = True
        works = KeyChoice("a1f2", True, "500 requests"), KeyChoice("9bc0", False, "401")
        return (OPTIONS.endpoints[0], replace(OPTIONS.endpoints[1], keys=works))

    def _open(self, *what: str) -> Session:
        self.opened.append(what)
        if self.problem:
            raise LaunchError(self.problem)
        return self.session()

    def open(self, run: str) -> Session:
        return self._open("open", run)

    def go_on(self, run: str) -> Session:
        return self._open("go_on", run)

    def replay(self, run: str) -> Session:
        return self._open("replay", run)

    def compare(self, run: str, other: str) -> Any:
        raise LaunchError(f"compare {run} {other}")

    def export(self, run: str) -> str:
        return f"{run}.jsonl"

    def forecast(self, launch: Launch) -> ForecastPart:
        if self.unreadable:
            raise LaunchError(self.unreadable)
        seconds = 10_000 / launch.rate if launch.rate else None
        return ForecastPart(
            jobs=10_000,
            sampled=1000,
            input_tokens=Range(410_000, 410_000, 410_000),
            output_tokens=Range(0, 640_000),
            cost=Range(0.0615, 0.4455),
            seconds=None if seconds is None else Range(seconds, seconds, seconds),
            binds="the rate of 5/s" if seconds is not None else "",
            spends=launch.endpoint != "simulator",
        )

    def start(self, launch: Launch) -> Session:
        self.launches.append(launch)
        if self.problem:
            raise LaunchError(self.problem)
        return FakeSession()


@asynccontextmanager
async def started(launcher: FakeLauncher, **options: Any) -> AsyncIterator[Pilot[Any]]:
    app = LlmdashApp(launcher=launcher, shipped_themes=SHIPPED, **options)
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.pause()
        yield pilot


def problem(pilot: Pilot[Any]) -> str:
    """Why Enter started nothing."""
    shown = pilot.app.screen.query_one("#forecast", Static)
    return str(shown.render()) if shown.has_class("-refused") else ""


def toast(pilot: Pilot[Any]) -> str:
    """The text of the last notification."""
    return next((each.message for each in reversed(list(pilot.app._notifications))), "")


async def settle(pilot: Pilot[Any]) -> None:
    await pilot.pause()  # now all work has been begun
    await until(pilot, lambda: all(worker.is_finished for worker in pilot.app.workers))
    await pilot.pause()


async def test_enter_starts_what_is_chosen_and_opens_the_dashboard() -> None:
    launcher = FakeLauncher()
    async with started(launcher) as pilot:
        assert launcher.launches == [], "nothing is started before Enter"
        await pilot.press("right", "enter")
        await settle(pilot)
        assert launcher.launches == [replace(FIRST, prompt_path=Path("greeting.csv"))]
        await until(pilot, lambda: isinstance(pilot.app.screen, DashboardScreen))


async def test_a_file_below_this_folder_is_found_by_letters_of_its_name() -> None:
    async with started(FakeLauncher()) as pilot:
        await pilot.press("slash")
        await until(pilot, lambda: isinstance(pilot.app.screen, CommandPalette))
        await pilot.press(*"invo")
        options = pilot.app.screen.query_one("CommandList", OptionList)
        await until(pilot, lambda: options.option_count == 1)
        await pilot.press("down", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, HomeScreen))
        field = pilot.app.screen.query_one("#prompt-path", Input)
        await until(pilot, lambda: field.value == "/deep/b/my invoices.csv")
        assert field.has_focus


@pytest.mark.parametrize("files", ["b/vhn.csv", ""], ids=["found", "there are none"])
async def test_what_is_typed_at_once_with_the_key_of_the_search_is_searched_for(files: str) -> None:
    """Files take their time to be found, and letters of their names are keys of home."""
    launcher = FakeLauncher(listed=threading.Event(), paths=(files,) if files else ())
    async with started(launcher) as pilot:
        home = pilot.app.screen
        for key in ("slash", *"vhn"):
            pilot.app.post_message(events.Key(key, "/" if key == "slash" else key))
        await until(pilot, lambda: isinstance(pilot.app.screen, CommandPalette))
        await until(pilot, lambda: [each.value for each in pilot.app.screen.query(Input)] == ["vhn"])
        assert has_focus(home, "prompt-files") and not launcher.checked
        options = pilot.app.screen.query_one("CommandList", OptionList)
        launcher.listed.set()
        if files:
            await until(pilot, lambda: any(files in str(each.prompt) for each in options.options))
        else:
            await until(pilot, lambda: "No file of prompts" in toast(pilot))
            await until(pilot, lambda: pilot.app.screen is home)


async def test_enter_on_a_table_without_runs_says_that_there_is_none() -> None:
    async with started(FakeLauncher(runs=KeptPart())) as pilot:
        await pilot.press("h", "enter")
        await until(pilot, lambda: "No run is kept yet" in toast(pilot))
        assert "No run is kept yet" in lines(pilot.app.screen.query_one(KeptTable))[1]


HOSTED = EndpointChoice("hosted", "https://example.test/v1, 2 keys", "big-1")


@pytest.mark.case("engine", "start-screen-enter")
@pytest.mark.parametrize("last", ["", "hosted"], ids=["the first time", "after a run that spent"])
@pytest.mark.parametrize(
    "endpoints",
    [(HOSTED,), (HOSTED, HOSTED), (HOSTED, OPTIONS.endpoints[0]), OPTIONS.endpoints],
    ids=["one that costs", "two that cost", "one that costs first", "the simulator first"],
)
async def test_one_enter_never_spends_but_leads_to_the_endpoint_that_would(
    endpoints: tuple[EndpointChoice, ...], last: str
) -> None:
    launcher = FakeLauncher(replace(OPTIONS, endpoints=endpoints, last=replace(FIRST, endpoint=last)))
    first = last or endpoints[0].name
    async with started(launcher) as pilot:
        if first == "hosted":
            await until(pilot, lambda: "asks first: 10,000 prompts to hosted" in forecast(pilot))
        await pilot.press("enter")
        await settle(pilot)
        if first == "hosted":
            assert launcher.launches == []
            assert has_focus(pilot.app.screen, "endpoints")
            await until(pilot, lambda: "sends 10,000 prompts to hosted" in forecast(pilot))
            await pilot.press("enter")
            await settle(pilot)
        assert [launch.endpoint for launch in launcher.launches] == [first]


@pytest.mark.case("engine", "start-screen-enter")
async def test_a_click_chooses_and_does_not_start() -> None:
    launcher = FakeLauncher()
    async with started(launcher) as pilot:
        await pilot.click("#endpoints", offset=(16, 0))
        await settle(pilot)
        assert launcher.launches == []
        await pilot.press("enter")
        await settle(pilot)
        assert [launch.endpoint for launch in launcher.launches] == ["hosted"]


def forecast(pilot: Pilot[Any]) -> str:
    panel = pilot.app.screen.query_one("#forecast", Static)
    return f"{panel.border_subtitle or ''}\n{panel.render()}"


@pytest.mark.case("engine", "start-screen-enter")
async def test_what_enter_would_send_stands_beside_it() -> None:
    launcher = FakeLauncher()
    async with started(launcher) as pilot:
        await until(pilot, lambda: "sends 10,000 prompts to the simulator\n" in forecast(pilot))
        assert "33m20s; bound by the rate of 5/s" in forecast(pilot)
        assert forecast(pilot).endswith("cost     none: the simulator is on this machine")
        pilot.app.screen.query_one("#endpoints", ChoiceStrip).focus()
        await pilot.press("right")
        await until(pilot, lambda: forecast(pilot).endswith("cost     at most about $0.45"))
        pilot.app.screen.query_one("#trial", Input).value = "20"
        pilot.app.screen.query_one("#budget", Input).value = "0.2"
        await until(pilot, lambda: "sends 20 of 10,000 prompts to hosted, then holds" in forecast(pilot))
        assert "budget $0.20 may hold the run" in forecast(pilot)
        pilot.app.screen.query_one("#rate-slider").focus()
        await pilot.press("end", "end")
        await until(pilot, lambda: "as fast as answers come" in forecast(pilot))
        pilot.app.screen.query_one("#budget", Input).value = "much"
        await until(pilot, lambda: "Budget: 'much' is not a sum" in forecast(pilot))
        launcher.unreadable = "p.txt: no prompts in it"
        pilot.app.screen.query_one("#budget", Input).value = "5"
        await until(pilot, lambda: forecast(pilot) == f"\n{launcher.unreadable}")
        assert launcher.launches == []


@pytest.mark.case("engine", "start-screen-enter")
def test_a_forecast_says_what_it_does_not_know() -> None:
    some = ForecastPart(
        jobs=1, input_tokens=Range(12, 12, 12), sampled=1, basis="answers without a token limit"
    )
    tokens, time, cost = forecast_lines(some, 5.0)
    assert (
        tokens
        == "tokens   about 12 in, out not known (four characters a token; answers without a token limit)"
    )
    assert time == "time     as fast as answers come"
    assert cost == "cost     no price is known; [prices] in llmdash.toml sets one"
    assert enter_words(some, 20, "openai") == "⏎ sends 1 prompt to openai"
    endless = forecast_lines(replace(some, cost=Range(0.00054, math.inf)), 5.0)[2]
    assert "$0.00054 for the prompts; answers cost more, without a limit   budget $5.00 may hold" in endless
    known = replace(some, output_tokens=Range(20, 30, 20), cost=Range(0.1, 0.3, 0.2))
    assert forecast_lines(known, 5.0)[2] == "cost     about $0.20, up to $0.30   budget $5.00 holds"
    assert "about 20 out" in forecast_lines(known, None)[0]
    found = replace(some, seconds=Range(80.0, math.inf), binds="the rate found by itself")
    assert forecast_lines(found, None)[1] == "time     at least 1m20s; bound by the rate found by itself"


async def test_every_field_counts() -> None:
    launcher = FakeLauncher()
    values = {
        "model": "tiny-2",
        "template": "Sum up: {{text}}",
        "prompt-column": "text",
        "system": "Be short.",
        "schema": "s.json",
        "carry": "id, date",
        "options": "top_p=0.9, stop=[1, 2], n = x",
        "trial": "20",
        "budget": "$5",
    }
    async with started(launcher) as pilot:
        for name, value in values.items():
            pilot.app.screen.query_one(f"#{name}", Input).value = value
        for name in ("check", "reuse", "dedupe"):
            pilot.app.screen.query_one(f"#{name}").focus()
            await pilot.press("right")
        pilot.app.screen.query_one("#concurrency").focus()
        await pilot.press(*"8", "enter", "tab", "enter")
        await settle(pilot)
    options = ("top_p=0.9", "stop=[1, 2]", "n = x")
    texts = {name.replace("-", "_"): value for name, value in values.items()}
    texts |= {"options": options, "trial": 20, "budget": 5.0}  # type: ignore[dict-item]
    more = {"check": "equal", "reuse": "on", "dedupe": "on", "concurrency": 8}
    assert launcher.launches == [replace(FIRST, **texts, **more)]  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["x" * 3000, "~nobody-of-this-name/x", "file://[a"])
async def test_a_path_that_cannot_be_one_is_told_as_any_that_is_no_file(name: str) -> None:
    launcher = FakeLauncher()
    async with started(launcher) as pilot:
        pilot.app.screen.query_one("#prompt-path", Input).value = name
        await pilot.press("enter")
        await settle(pilot)
        assert "is not a file" in problem(pilot)
        assert launcher.launches == []


async def test_a_typed_path_goes_before_the_list_and_must_be_a_file(tmp_path: Path) -> None:
    launcher = FakeLauncher()
    async with started(launcher) as pilot:
        field = pilot.app.screen.query_one("#prompt-path", Input)
        field.value = str(tmp_path / "absent.txt")
        await pilot.press("enter")
        await settle(pilot)
        assert "absent.txt is not a file" in problem(pilot) and launcher.launches == []
        path = tmp_path / "mine of today.txt"
        path.write_text("hello")
        field.value = f"'{path}'"
        await pilot.press("enter")
        await settle(pilot)
        assert launcher.launches[0].prompt_path == path


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("trial", "many", "Trial: 'many'"),
        ("trial", "-1", "Trial"),
        ("budget", "0", "Budget: '0'"),
        ("budget", "inf", "Budget"),
    ],
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
        assert isinstance(pilot.app.screen, HomeScreen)
        launcher.problem = ""
        await pilot.press("enter")
        await settle(pilot)
        await until(pilot, lambda: isinstance(pilot.app.screen, DashboardScreen))


async def test_without_endpoints_or_prompts_it_says_what_to_set_up() -> None:
    async with started(FakeLauncher(LaunchOptions())) as pilot:
        pilot.app.screen.query_one("#model").focus()
        await pilot.press("enter")
        await settle(pilot)
        assert "API_KEY" in problem(pilot)
    only_endpoint = LaunchOptions(endpoints=OPTIONS.endpoints)
    async with started(FakeLauncher(only_endpoint)) as pilot:
        pilot.app.screen.query_one("#model", Input).focus()
        await pilot.press("enter")
        await settle(pilot)
        assert "give the path of one" in problem(pilot)


async def test_what_was_launched_is_remembered(tmp_path: Path) -> None:
    path = tmp_path / "preferences.toml"
    async with started(FakeLauncher(), preferences_path=path) as pilot:
        pilot.app.screen.query_one("#template", Input).value = "Sum up: {{text}}"
        await pilot.press("enter")
        await settle(pilot)
    remembered, problem = PreferencesFile(path).load()
    launch = {"endpoint": "simulator", "prompt_path": "arithmetic.toml", "template": "Sum up: {{text}}"}
    assert (remembered, problem) == (Preferences(rate=5.0, concurrency=64, launch=launch), "")


async def test_a_refusal_moves_nothing_and_is_gone_with_the_next_change() -> None:
    async with started(FakeLauncher()) as pilot:
        screen = pilot.app.screen
        trial = screen.query_one("#trial", Input)
        trial.value = "many"
        await settle(pilot)
        places = [widget.region for widget in screen.query("*")]
        await pilot.press("enter")
        await settle(pilot)
        assert "Trial: 'many'" in problem(pilot)
        assert [widget.region for widget in screen.query("*")] == places
        trial.value = "20"
        await until(pilot, lambda: "tokens" in str(screen.query_one("#forecast", Static).render()))
        assert problem(pilot) == ""


async def test_what_is_typed_right_after_tab_is_of_the_next_field() -> None:
    async with started(FakeLauncher()) as pilot:
        screen = pilot.app.screen
        screen.query_one("#trial", Input).focus()
        await pilot.pause()
        for key in ("tab", "7"):
            pilot.app.post_message(events.Key(key, "\t" if key == "tab" else key))
        await pilot.pause()
        fields = screen.query_one("#trial", Input), screen.query_one("#budget", Input)
        assert [field.value for field in fields] == ["", "7"]


async def test_kept_runs_say_their_keys_and_what_room_they_take() -> None:
    async with started(FakeLauncher()) as pilot:
        table = pilot.app.screen.query_one(KeptTable)
        await until(pilot, lambda: table.row_count() == 3)
        assert table._border.words == (
            "Runs kept",
            "214 MB",
            "⏎ open · u go on · o results · m compare · y replay",
        )


@pytest.mark.parametrize("size", [(60, 16), (80, 24), (120, 36)])
async def test_runs_of_one_name_are_told_apart_by_their_models(size: tuple[int, int]) -> None:
    models = ("gpt-4o-mini", "gpt-4.1-mini", "mistral-7b")
    rows = tuple(
        KeptRow(model, "arithmetic", KeptState.DONE, 28, 0, 1.0, 0.01, "Thu 18:40", model) for model in models
    )
    app = LlmdashApp(launcher=FakeLauncher(runs=KeptPart(rows)), shipped_themes=SHIPPED)
    async with app.run_test(size=size) as pilot:
        table = app.screen.query_one(KeptTable)
        await until(pilot, lambda: table.row_count() == 3)
        shown = lines(table)[1:4]
        assert all(model in row for model, row in zip(models, shown, strict=True)), shown
        assert all("arithmetic" in row and "Thu 18:40" in row and "$0.01" in row for row in shown), shown


@dataclass
class SlowLauncher(FakeLauncher):
    """Takes longer to list its runs than it is between two looks at them."""

    takes_s: float = 2.5
    at_once: list[int] = field(default_factory=list)
    looking: int = 0
    looks: list[tuple[float, float]] = field(default_factory=list)

    def kept(self) -> KeptPart:
        begun = time.monotonic()
        self.looking += 1
        self.at_once.append(self.looking)
        time.sleep(self.takes_s)
        self.looking -= 1
        self.looks.append((begun, time.monotonic()))
        return self.runs


async def test_runs_that_take_long_to_list_are_listed_all_the_same() -> None:
    launcher = SlowLauncher()
    async with started(launcher) as pilot:
        table = pilot.app.screen.query_one(KeptTable)
        await until(pilot, lambda: table.row_count() == 3)
    assert {*launcher.at_once} == {1}


async def test_between_two_looks_at_the_runs_is_ten_times_as_long_as_one_took() -> None:
    launcher = SlowLauncher(takes_s=0.3)
    async with started(launcher) as pilot:
        await until(pilot, lambda: len(launcher.looks) == 2)
    (begun, ended), (again, _) = launcher.looks
    assert again - ended >= 10 * (ended - begun)


async def test_who_comes_back_to_the_home_screen_sees_the_runs_as_they_are() -> None:
    launcher, hours = FakeLauncher(), itertools.count(step=3600)
    async with started(launcher) as pilot:
        home = HomeScreen(launcher, clock=lambda: float(next(hours)))  # a look seems to take an hour
        await pilot.app.push_screen(home)
        table = home.query_one(KeptTable)
        await until(pilot, lambda: table.row_count() == 3)
        launcher.runs = KeptPart()
        home.action_help()
        await until(pilot, lambda: pilot.app.screen is not home)
        await pilot.press("escape")
        await until(pilot, lambda: table.row_count() == 0)


@pytest.mark.parametrize("width", [16, 26, 40, 80])
async def test_a_strip_says_where_names_have_no_room_and_shows_the_chosen_one(width: int) -> None:
    names = ("first", "second", "third", "a name")
    strip = ChoiceStrip(names)
    async with WidgetApp(strip).run_test(size=(width, 1)) as pilot:
        for number, name in enumerate(names):
            strip.choose(number)
            await pilot.pause()
            shown = strip.render_line(0).text
            assert f"▸ {name}" in shown
            assert shown.startswith("…") is not shown.startswith(("▸ first", "  first"))
            assert shown.rstrip().endswith("…") is (names[-1] not in shown)


class NotedApp(LlmdashApp):
    """Writes down what it notifies of."""

    CSS_PATH = str(Path(inspect.getfile(LlmdashApp)).with_name("app.tcss"))

    def __init__(self, launcher: FakeLauncher) -> None:
        super().__init__(launcher=launcher, shipped_themes=SHIPPED)
        self.said: list[str] = []

    def notify(self, message: str, **options: Any) -> None:
        self.said.append(message)


def looked(launcher: FakeLauncher, fewer: range) -> bool:
    return len(launcher.unlisted) in fewer


async def test_why_the_runs_cannot_be_listed_is_said_once_and_again_only_when_it_changes() -> None:
    launcher = FakeLauncher(unlisted=["no access", "no access", "is gone", "is gone", "", "is gone"])
    app = NotedApp(launcher)
    async with app.run_test(size=(120, 36)) as pilot:
        home = app.screen
        assert isinstance(home, HomeScreen)
        while launcher.unlisted:
            fewer = range(len(launcher.unlisted))
            home.action_help()  # who comes back to the screen has it look again
            await until(pilot, lambda: app.screen is not home)
            await pilot.press("escape")
            await until(pilot, partial(looked, launcher, fewer))
        await until(pilot, lambda: len(app.said) == 3)
        assert app.said == ["no access", "is gone", "is gone"]


FIELDS = (
    *("prompt-files", "prompt-path", "template", "prompt-column", "system", "check", "schema", "carry"),
    *("endpoints", "model", "options", "rate-slider", "auto", "concurrency"),
    *("trial", "budget", "reuse", "dedupe"),
)


def has_focus(screen: Screen[Any], name: str) -> bool:
    return screen.focused is not None and screen.focused.id == name


async def test_down_and_up_go_from_field_to_field_and_change_none() -> None:
    launcher = FakeLauncher()
    async with started(launcher) as pilot:
        screen = pilot.app.screen
        for key, fields in (("down", FIELDS), ("up", FIELDS[::-1])):
            screen.query_one(f"#{fields[0]}").focus()
            for name in fields:
                await until(pilot, partial(has_focus, screen, name))
                await pilot.press(key)
        screen.query_one("#prompt-files").focus()
        await pilot.press("enter")
        await until(pilot, lambda: launcher.launches)
        assert launcher.launches == [FIRST]


async def test_down_goes_from_run_to_run_among_those_that_are_kept() -> None:
    async with started(FakeLauncher()) as pilot:
        table = pilot.app.screen.query_one(KeptTable)
        await until(pilot, lambda: table.row_count() == 3)
        table.focus()
        await pilot.press("down")
        await until(pilot, lambda: table.row is KEPT.rows[1])
        assert table.has_focus
        await until(pilot, lambda: "⏎ Open" in bar(pilot))
        assert "Start" not in bar(pilot)  # which the same key does in the form


@pytest.mark.parametrize("size", [(60, 16), (80, 24), (120, 36)])
async def test_no_placeholder_is_cut(size: tuple[int, int]) -> None:
    app = LlmdashApp(launcher=FakeLauncher(), shipped_themes=SHIPPED)
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        fields = app.screen.query(Input).results()
        too_long = [each.id for each in fields if len(each.placeholder) > each.content_size.width]
        assert too_long == []


async def test_escape_leaves_with_return_code_0() -> None:
    launcher = FakeLauncher()
    async with started(launcher) as pilot:
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.return_code == 0)
    assert launcher.launches == []


async def test_the_first_prompts_are_shown_as_they_are_asked_and_what_is_wrong_with_the_file() -> None:
    launcher = FakeLauncher()
    async with started(launcher) as pilot:
        pilot.app.screen.query_one("#template", Input).value = "Say:"
        shown = pilot.app.screen.query_one("#preview", Static)
        await until(pilot, lambda: "Say:[red]first" in str(shown.render()))
        assert "line 17: no text" in str(shown.render())
        reading = pilot.app.screen.query_one("#reading", Static)
        assert str(reading.render()) == "10,000 prompts · column text · 3 lines left out"
        launcher.unreadable = "p.txt: no prompts in it"
        pilot.app.screen.query_one("#template", Input).value = ""
        await until(pilot, lambda: str(reading.render()) == launcher.unreadable)


async def test_kept_runs_are_opened_gone_on_with_and_replayed() -> None:
    for key, what in (("enter", "open"), ("u", "go_on"), ("y", "replay")):
        launcher = FakeLauncher()
        async with started(launcher) as pilot:
            table = pilot.app.screen.query_one(KeptTable)
            await until(pilot, lambda table=table: table.row_count() == 3)  # type: ignore[misc]
            await pilot.press("tab")
            table.focus()
            await pilot.press("down", key)
            await settle(pilot)
            assert launcher.opened == [(what, "two")] and launcher.launches == []
            await until(pilot, lambda pilot=pilot: isinstance(pilot.app.screen, DashboardScreen))  # type: ignore[misc]


def bar(pilot: Pilot[Any]) -> str:
    return pilot.app.screen.query_one(KeyBar).render_line(0).text


@pytest.mark.parametrize("key", ["q", "escape"])
async def test_what_was_opened_is_left_for_home(key: str) -> None:
    launcher = FakeLauncher(session=lambda: FakeSession(scene=finished()))
    async with started(launcher) as pilot:
        await opened_first(pilot, "enter")
        assert "q Home" in bar(pilot) and "New run" not in bar(pilot)
        await pilot.press(key)
        await until(pilot, lambda: isinstance(pilot.app.screen, HomeScreen))
        assert pilot.app.return_code is None and launcher.opened == [("open", "one")]


async def test_from_a_run_that_has_ended_one_goes_home_and_from_one_that_goes_on_not() -> None:
    launcher = FakeLauncher(holds_run=True)
    async with started(launcher) as pilot:
        await opened_first(pilot, "enter")
        await pilot.press("n")
        await settle(pilot)
        assert isinstance(pilot.app.screen, DashboardScreen) and launcher.opened == [("open", "one")]
    launcher = FakeLauncher(holds_run=True, session=lambda: FakeSession(scene=finished()))
    async with started(launcher) as pilot:
        await opened_first(pilot, "enter")
        assert "n New run" in bar(pilot) and "q Leave" in bar(pilot)
        await pilot.press("n")
        await until(pilot, lambda: isinstance(pilot.app.screen, HomeScreen))
        assert launcher.opened == [("open", "one"), ("leave",)]
        assert not launcher.holds_run
        await until(pilot, lambda: launcher.left == ["closed"])


async def test_a_run_that_was_stopped_to_ask_is_stopped_and_changed_at_home() -> None:
    session = FakeSession(scene=brake())
    launcher = FakeLauncher(holds_run=True, session=lambda: session)
    async with started(launcher) as pilot:
        await opened_first(pilot, "enter")
        assert "c change it  R retry" in pilot.app.screen.query_one(VerdictLine).render_line(0).text
        await pilot.press("c")
        await until(pilot, lambda: isinstance(pilot.app.screen, HomeScreen))
        assert session.commands == [Cancel()]
        await until(pilot, lambda: launcher.opened == [("open", "one"), ("leave",)])


async def test_a_run_that_is_left_running_is_left_for_home() -> None:
    launcher = FakeLauncher(holds_run=True)
    async with started(launcher, goes_on_without=True) as pilot:
        await opened_first(pilot, "enter")
        await pilot.press("q")
        await until(pilot, lambda: isinstance(pilot.app.screen, LeaveScreen))
        await pilot.press("l")
        await until(pilot, lambda: isinstance(pilot.app.screen, HomeScreen))
        await until(pilot, lambda: launcher.opened == [("open", "one"), ("leave",)])
        assert pilot.app.return_code is None
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app._exit)


async def opened_first(pilot: Pilot[Any], key: str) -> None:
    table = pilot.app.screen.query_one(KeptTable)
    await until(pilot, lambda: table.row_count() == 3)
    table.focus()
    await pilot.press(key)
    await until(pilot, lambda: isinstance(pilot.app.screen, DashboardScreen))
    await settle(pilot)


async def test_a_kept_run_that_cannot_be_opened_says_why() -> None:
    launcher = FakeLauncher(problem="two: damaged; see: llmdash doctor two")
    async with started(launcher) as pilot:
        table = pilot.app.screen.query_one(KeptTable)
        await until(pilot, lambda: table.row_count() == 3)
        table.focus()
        await pilot.press("enter")
        await until(pilot, lambda: toast(pilot) == launcher.problem)


async def test_results_are_written_and_runs_compared_with_the_marked_one() -> None:
    launcher = FakeLauncher()
    async with started(launcher) as pilot:
        table = pilot.app.screen.query_one(KeptTable)
        await until(pilot, lambda: table.row_count() == 3)
        table.focus()
        await pilot.press("o")
        await until(pilot, lambda: toast(pilot) == "The results are in one.jsonl")
        await pilot.press("m")
        await until(pilot, lambda: toast(pilot) == "compare one two")
        await pilot.press("end", "m")
        await until(pilot, lambda: toast(pilot) == "compare three two")
        await pilot.press("space")
        assert [line[0] for line in lines(table)[1:4]] == [" ", " ", "▪"]
        await pilot.press("home")
        assert [line[0] for line in lines(table)[1:4]] == ["›", " ", "▪"]
        await pilot.press("m")
        await until(pilot, lambda: toast(pilot) == "compare one three")
        assert [line[0] for line in lines(table)[1:4]] == ["›", " ", " "], "the mark has served"


async def test_of_two_runs_that_are_exported_at_once_both_results_are_told() -> None:
    gate = threading.Event()

    class Slow(FakeLauncher):
        def export(self, run: str) -> str:
            gate.wait(PATIENCE_S)
            return super().export(run)

    async with started(Slow()) as pilot:
        table = pilot.app.screen.query_one(KeptTable)
        await until(pilot, lambda: table.row_count() == 3)
        table.focus()
        await pilot.press("o", "down", "o")
        gate.set()
        told: set[str] = set()

        def both() -> bool:
            told.update(each.message for each in pilot.app._notifications)
            return told >= {"The results are in one.jsonl", "The results are in two.jsonl"}

        await until(pilot, both)


async def test_keys_are_tried_only_when_asked() -> None:
    launcher = FakeLauncher()
    async with started(launcher) as pilot:
        shown = pilot.app.screen.query_one("EndpointList", Static)
        assert "a1f2" not in str(shown.render())
        await pilot.press("v")
        await until(pilot, lambda: "1 of 2 good" in str(shown.render()))
        assert "9bc0  ✖ 401" in str(shown.render())


async def test_where_the_keys_of_a_provider_go_is_named_while_there_are_none() -> None:
    practice = replace(OPTIONS, endpoints=tuple(each for each in OPTIONS.endpoints if not each.spends))
    for options, named in ((practice, True), (OPTIONS, False)):
        async with started(FakeLauncher(choices=options)) as pilot:
            shown = pilot.app.screen.query_one("EndpointList", Static)
            assert ("API_KEY=... in .env" in str(shown.render())) is named


@pytest.mark.parametrize("size", [(60, 16), (80, 24), (120, 36), (200, 60)])
async def test_the_form_is_in_sight_at_every_size(size: tuple[int, int]) -> None:
    app = LlmdashApp(launcher=FakeLauncher(), shipped_themes=SHIPPED)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        await pilot.pause()
        assert pilot.app.screen.query_one("#prompt-files").region.bottom <= size[1] - 4


@pytest.mark.parametrize("fields_down", [0, 3, 9, 14])
async def test_the_field_in_hand_stays_in_sight_at_every_other_size(fields_down: int) -> None:
    """It was scrolled to by the layout of the size before, now and then."""
    app = LlmdashApp(launcher=FakeLauncher(), shipped_themes=SHIPPED)
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press(*["down"] * fields_down)
        for size in [(80, 24), (120, 22), (60, 16), (200, 60), (60, 16), (120, 36)]:
            await pilot.resize_terminal(*size)
            await settle(pilot)
            home, field = app.screen.query_one("#home"), app.screen.focused
            assert field is not None
            assert home.region.contains_region(field.region), (size, field)
            if fields_down == 0 and size[0] < 100:
                assert home.scroll_offset.y == 0


@pytest.mark.parametrize("size", [(60, 16), (80, 24), (120, 36)])
async def test_choices_title_and_first_prompts_fit_the_width(size: tuple[int, int]) -> None:
    app = LlmdashApp(launcher=FakeLauncher(rows=("x" * 500,)), shipped_themes=SHIPPED)
    async with app.run_test(size=(200, 60)) as pilot:
        screen = app.screen
        await settle(pilot)
        await pilot.resize_terminal(*size)
        await settle(pilot)
        for name in ("reuse", "dedupe"):
            assert screen.query_one(f"#{name}", ChoiceStrip).render_line(0).text.split()[1:] == [*REUSE]
        if size[0] >= 80:
            assert all(name in screen.query_one("#check", ChoiceStrip).render_line(0).text for name in CHECKS)
        title = screen.query_one("#home-title", Static)
        assert "nothing is sent before Enter" in str(title.render())
        assert screen.query_one("#title-name").size.width >= len("llmdash   home")
        preview = screen.query_one("#preview", Static)
        first = str(preview.render()).splitlines()[0]
        assert len(first) == preview.size.width


async def test_the_help_lists_no_key_that_another_takes_before_it() -> None:
    """Up and down go from field to field in the form: there they are not those of the sliders."""
    async with started(FakeLauncher()) as pilot:
        groups = dict(listed(pilot.app.screen))
        of_slider = {key for entry in groups["Slider"] for key in entry.keys}
        assert {"left", "right", "shift+left"} <= of_slider
        assert not of_slider & {"up", "down"}
        assert {"up", "down"} <= {key for entry in groups["Kept runs"] for key in entry.keys}


@pytest.mark.parametrize("before", ["", "/other.jsonl"])
async def test_a_pasted_path_takes_the_place_of_what_was_in_its_field(before: str) -> None:
    async with started(FakeLauncher()) as pilot:
        field = pilot.app.screen.query_one("#prompt-path", Input)
        field.value = before
        field.focus()
        field.post_message(events.Paste("'/a b/it is.jsonl'\n"))
        await until(pilot, lambda: field.value == "/a b/it is.jsonl")
        field.post_message(events.Paste("file:///c%20d\nfile:///e\n"))
        await until(pilot, lambda: field.value == "/c d")
        assert "2 files were pasted" in toast(pilot)


async def test_a_file_dropped_on_home_is_the_one_to_run() -> None:
    async with started(FakeLauncher()) as pilot:
        screen = pilot.app.screen
        screen.query_one(KeptTable).focus()
        await until(pilot, lambda: isinstance(screen.focused, KeptTable))
        pilot.app.post_message(events.Paste("/a\\ b.jsonl "))
        await until(pilot, lambda: screen.query_one("#prompt-path", Input).value == "/a b.jsonl")


@pytest.mark.parametrize("size", [(120, 36), (80, 24)])
async def test_a_letter_goes_to_each_field_in_sight_and_to_no_other(size: tuple[int, int]) -> None:
    app = LlmdashApp(launcher=FakeLauncher())
    async with app.run_test(size=size) as pilot:
        home = app.screen
        await until(pilot, lambda: home.focused is not None)
        await pilot.press("ctrl+o")
        await until(pilot, lambda: isinstance(app.screen, JumpScreen) and app.screen.is_mounted)
        letters = list(app.screen.query(JumpLetter))
        assert len({each.letter for each in letters}) == len(letters) > 5
        assert all(app.screen.region.contains_region(each.region) for each in letters)
        last = letters[-1]
        await pilot.press(last.letter)
        await until(pilot, lambda: app.screen is home and home.focused is last.target)


async def test_a_word_that_is_pasted_with_the_key_of_the_search_is_searched_for() -> None:
    async with started(FakeLauncher()) as pilot:
        pilot.app.post_message(events.Paste("/invo"))
        await until(pilot, lambda: isinstance(pilot.app.screen, CommandPalette))
        await until(pilot, lambda: [each.value for each in pilot.app.screen.query(Input)] == ["invo"])


async def test_part_of_a_path_is_pasted_where_the_cursor_is() -> None:
    async with started(FakeLauncher()) as pilot:
        field = pilot.app.screen.query_one("#prompt-path", Input)
        field.value = "/data/"
        field.focus()
        await pilot.pause()
        field.cursor_position = len(field.value)
        field.post_message(events.Paste("'a b.jsonl'"))
        await until(pilot, lambda: field.value == "/data/a b.jsonl")
