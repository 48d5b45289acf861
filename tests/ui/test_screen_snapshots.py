"""Every screen at three sizes, dark and light; the clock of the run stands still.

After a wanted change of looks: `pytest tests/ui/test_screen_snapshots.py --snapshot-update`; look at them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from textual.pilot import Pilot

from llmdash.engine.model.frame import ReplayPart
from llmdash.ui.app import LlmdashApp
from llmdash.ui.screens.dashboard import DashboardScreen
from llmdash.ui.screens.inspector import InspectorScreen
from llmdash.ui.settings.preferences import Preferences, PreferencesFile
from llmdash.ui.tables.pair_table import PairTable
from tests.ui.batched import batched
from tests.ui.compared import FakeComparison
from tests.ui.fake_session import FakeSession, RestingSession, Scene
from tests.ui.screens.test_holds import BUDGET, TRIAL
from tests.ui.screens.test_holds import scene as held
from tests.ui.screens.test_home import FakeLauncher
from tests.ui.screens.test_inspector_keys import DONE, TwoAttempts
from tests.ui.test_app_snapshots import SHIPPED, Compare, after, same_everywhere
from tests.ui.troubles import endpoints_out, failures, finished, fleet
from tests.ui.waiting import picture, until

__all__ = ["same_everywhere"]

SIZES = {"narrow": (80, 24), "wide": (120, 36), "roomy": (200, 60)}
THEMES = {"dark": "deep-harbor", "light": "morning-mist"}

Press = Callable[[Pilot[Any]], Awaitable[None]]


class Shown(NamedTuple):
    """An app, and what has to be done before it is looked at."""

    app: LlmdashApp
    press: Press


Show = Callable[[Path], Shown]
"""Makes it, with the file of its preferences."""


def run(make: Callable[[], FakeSession], *keys: str) -> Show:
    """A dashboard, and the screen that these keys open on it."""

    def show(preferences: Path) -> Shown:
        session = make()
        app = LlmdashApp(
            session=session,
            shipped_themes=SHIPPED,
            preferences_path=preferences,
            write_results=lambda *_: "",
            goes_on_without=True,
        )
        return Shown(app, after(session, *keys))

    return show


def of(scene: Callable[[], Scene], *keys: str) -> Show:
    """The same of another scene."""
    return run(lambda: FakeSession(scene=scene()), *keys)


def at_the_end(*, failed: bool) -> FakeSession:
    return FakeSession(clock=lambda: 700.0, scene=finished(failed=failed))


def inspector(preferences: Path) -> Shown:
    """A job that is done, after a try that failed; its answer stalled."""
    session = TwoAttempts(clock=lambda: 200.0)

    async def inspect(pilot: Pilot[Any]) -> None:
        await picture(pilot, session)
        assert isinstance(pilot.app.screen, DashboardScreen)
        pilot.app.screen.inspect(DONE)
        await until(pilot, lambda: isinstance(pilot.app.screen, InspectorScreen))
        await until(pilot, lambda: session.views[-1].inspect == DONE)
        for _ in range(2):  # what the first one shows may need other rows, and so one more
            await picture(pilot, session)
        await pilot.pause()

    return Shown(LlmdashApp(session=session, shipped_themes=SHIPPED, preferences_path=preferences), inspect)


def home(preferences: Path) -> Shown:
    async def foreseen(pilot: Pilot[Any]) -> None:
        await pilot.pause()  # now all work has been begun
        await until(pilot, lambda: all(worker.is_finished for worker in pilot.app.workers))
        await pilot.pause()

    app = LlmdashApp(launcher=FakeLauncher(), shipped_themes=SHIPPED, preferences_path=preferences)
    return Shown(app, foreseen)


def comparison(preferences: Path) -> Shown:
    source = FakeComparison()

    async def loaded(pilot: Pilot[Any]) -> None:
        table = pilot.app.screen.query_one(PairTable)
        await until(pilot, lambda: source.views and source.views[-1] == table.view)
        await pilot.pause()

    return Shown(LlmdashApp(comparison=source, shipped_themes=SHIPPED, preferences_path=preferences), loaded)


SCREENS: dict[str, Show] = {
    "dashboard": run(FakeSession, "down"),
    "wall": run(FakeSession, "w"),
    "columns": run(FakeSession, "C"),
    "jump": run(FakeSession, "ctrl+o"),
    "drain": run(FakeSession, "D"),
    "leave": run(FakeSession, "q"),
    "help": run(FakeSession, "question_mark"),
    "failures": of(failures, "down"),
    "errors": of(failures, "e"),
    "workers": of(fleet, "m"),
    "jobs-of-workers": of(fleet, "down"),
    "batches": of(batched, "h"),
    "batched-jobs": of(batched, "slash", *"batch:2"),
    "send-batches": of(batched, "B"),
    "alerts": of(endpoints_out, "exclamation_mark"),
    "trial": of(partial(held, TRIAL), "down"),
    "budget": of(partial(held, BUDGET), "b"),
    "finished": run(partial(at_the_end, failed=False), "down"),
    "finished-failed": run(partial(at_the_end, failed=True), "down"),
    "kept": run(lambda: RestingSession(clock=lambda: 700.0, scene=finished()), "down"),
    "replay": run(lambda: RestingSession(replay=ReplayPart(100.0, 561.0, 60.0, playing=False)), "down"),
    "inspector": inspector,
    "home": home,
    "comparison": comparison,
}
"""The graphs and the figures have pictures of their own, beside those of the other states they have."""


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", SCREENS)
def test_screen(snap_compare: Compare, tmp_path: Path, name: str, size: str, theme: str) -> None:
    preferences = tmp_path / "preferences.toml"
    PreferencesFile(preferences).save(Preferences(theme=THEMES[theme]))
    app, press = SCREENS[name](preferences)
    assert snap_compare(app, run_before=press, terminal_size=SIZES[size])
