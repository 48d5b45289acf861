"""Pictures of every screen, dark and light, wide and narrow; the clock of the run stands still.

After a wanted change of looks: `pytest tests/ui/test_app_snapshots.py --snapshot-update`, then look at them.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from llmdash.engine.model.forecast import Hold
from llmdash.engine.model.frame import ReplayPart
from llmdash.ui.app import LlmdashApp
from llmdash.ui.screens.dashboard import DashboardScreen
from llmdash.ui.screens.inspector import InspectorScreen
from llmdash.ui.settings.preferences import Preferences, PreferencesFile
from llmdash.ui.tables.pair_table import PairTable
from tests.ui.compared import FakeComparison
from tests.ui.fake_session import FakeSession, RestingSession, Scene
from tests.ui.screens.test_holds import BUDGET, TRIAL
from tests.ui.screens.test_holds import scene as held
from tests.ui.screens.test_home import FakeLauncher
from tests.ui.screens.test_inspector_keys import DONE, TwoAttempts
from tests.ui.troubles import (
    brake,
    disk_full,
    endpoints_out,
    failures,
    finished,
    fleet,
    keys_rest,
    many_workers,
)
from tests.ui.waiting import picture, until

SHIPPED = Path(__file__).parents[2] / "themes"
WIDE = (120, 36)
NARROW = (80, 24)

Compare = Callable[..., bool]


@pytest.fixture(autouse=True)
def same_everywhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Pictures depend on neither the terminal nor the time zone of who runs the tests."""
    for name in ("NO_COLOR", "TEXTUAL_THEME", "TEXTUAL_FILTERS", "TEXTUAL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def app_in(theme: str, folder: Path, session: FakeSession) -> LlmdashApp:
    path = folder / "preferences.toml"
    PreferencesFile(path).save(Preferences(theme=theme))
    return LlmdashApp(session=session, shipped_themes=SHIPPED, preferences_path=path, write_results=str)


def after(session: FakeSession, *keys: str) -> Callable[[Pilot[Any]], Awaitable[None]]:
    """Presses the keys, each on a screen that was given a picture, before the last one is compared."""

    async def press(pilot: Pilot[Any]) -> None:
        await picture(pilot, session)
        for key in keys:
            await pilot.press(key)
            await picture(pilot, session)

    return press


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
@pytest.mark.parametrize("theme", sorted(path.stem for path in SHIPPED.glob("*.toml")))
def test_dashboard(snap_compare: Compare, tmp_path: Path, theme: str, size: tuple[int, int]) -> None:
    session = FakeSession()
    app = app_in(theme, tmp_path, session)
    assert snap_compare(app, run_before=after(session, "down"), terminal_size=size)


@pytest.mark.parametrize("theme", ["deep-harbor", "morning-mist"])
def test_large_dashboard(snap_compare: Compare, tmp_path: Path, theme: str) -> None:
    session = FakeSession(scene=failures())
    app = app_in(theme, tmp_path, session)
    assert snap_compare(app, run_before=after(session, "down"), terminal_size=(200, 60))


@pytest.mark.parametrize(
    ("keys", "theme", "size"),
    [
        pytest.param(["question_mark"], "morning-mist", WIDE, id="help-wide-light"),
        pytest.param(["question_mark"], "emberwood", NARROW, id="help-narrow-dark"),
        pytest.param([], "deep-harbor", (60, 16), id="smallest"),
        pytest.param([], "deep-harbor", (59, 15), id="too-small"),
    ],
)
def test_screen(
    snap_compare: Compare, tmp_path: Path, keys: list[str], theme: str, size: tuple[int, int]
) -> None:
    session = FakeSession()
    app = app_in(theme, tmp_path, session)
    assert snap_compare(app, run_before=after(session, *keys), terminal_size=size)


@pytest.mark.parametrize("size", [WIDE, NARROW, (200, 60)], ids=["wide", "narrow", "roomy"])
@pytest.mark.parametrize("theme", ["deep-harbor", "morning-mist"], ids=["dark", "light"])
def test_inspector(snap_compare: Compare, tmp_path: Path, theme: str, size: tuple[int, int]) -> None:
    """A job that is done, after a try that failed; its answer stalled."""
    session = TwoAttempts(clock=lambda: 200.0)
    app = app_in(theme, tmp_path, session)

    async def inspect(pilot: Pilot[Any]) -> None:
        await picture(pilot, session)
        assert isinstance(pilot.app.screen, DashboardScreen)
        pilot.app.screen.inspect(DONE)
        await until(pilot, lambda: isinstance(pilot.app.screen, InspectorScreen))
        await picture(pilot, session)
        await pilot.pause()

    assert snap_compare(app, run_before=inspect, terminal_size=size)


@pytest.mark.parametrize(
    ("scene", "keys", "theme", "size"),
    [
        pytest.param(brake, [], "deep-harbor", NARROW, id="brake-narrow-dark"),
        pytest.param(brake, [], "morning-mist", WIDE, id="brake-wide-light"),
        pytest.param(keys_rest, [], "emberwood", WIDE, id="keys-rest-wide-dark"),
        pytest.param(disk_full, [], "apricot-paper", NARROW, id="disk-full-narrow-light"),
        pytest.param(endpoints_out, [], "deep-harbor", WIDE, id="endpoints-out-wide-dark"),
        pytest.param(endpoints_out, ["exclamation_mark"], "morning-mist", NARROW, id="alerts-narrow-light"),
        pytest.param(failures, ["e"], "deep-harbor", NARROW, id="errors-narrow-dark"),
        pytest.param(failures, ["e"], "apricot-paper", WIDE, id="errors-wide-light"),
        pytest.param(failures, ["e", "down"], "morning-mist", NARROW, id="errors-narrow-light"),
        pytest.param(failures, ["e", "k"], "deep-harbor", WIDE, id="errors-wide-dark"),
        pytest.param(failures, ["e"], "deep-harbor", (200, 60), id="errors-roomy-dark"),
        pytest.param(failures, ["e"], "morning-mist", (200, 60), id="errors-roomy-light"),
        pytest.param(partial(finished, failed=False), ["e"], "deep-harbor", WIDE, id="no-errors-wide-dark"),
        pytest.param(fleet, ["m"], "deep-harbor", WIDE, id="workers-wide-dark"),
        pytest.param(fleet, ["m"], "morning-mist", NARROW, id="workers-narrow-light"),
        pytest.param(fleet, ["down"], "emberwood", WIDE, id="jobs-of-workers-wide-dark"),
        pytest.param(fleet, ["down"], "deep-harbor", (200, 60), id="workers-roomy-dark"),
        pytest.param(many_workers, ["m", "down"], "apricot-paper", WIDE, id="many-workers-wide-light"),
        pytest.param(many_workers, ["m", "end"], "deep-harbor", (60, 16), id="many-workers-smallest"),
    ],
)
def test_trouble(
    snap_compare: Compare,
    tmp_path: Path,
    scene: Callable[[], Scene],
    keys: list[str],
    theme: str,
    size: tuple[int, int],
) -> None:
    session = FakeSession(scene=scene())
    app = app_in(theme, tmp_path, session)
    assert snap_compare(app, run_before=after(session, *keys), terminal_size=size)


@pytest.mark.parametrize(
    ("hold", "theme", "size"),
    [
        pytest.param(TRIAL, "deep-harbor", WIDE, id="trial-wide-dark"),
        pytest.param(TRIAL, "morning-mist", NARROW, id="trial-narrow-light"),
        pytest.param(BUDGET, "emberwood", WIDE, id="budget-wide-dark"),
    ],
)
def test_held(snap_compare: Compare, tmp_path: Path, hold: Hold, theme: str, size: tuple[int, int]) -> None:
    session = FakeSession(scene=held(hold))
    app = app_in(theme, tmp_path, session)
    assert snap_compare(app, run_before=after(session, "down"), terminal_size=size)


@pytest.mark.parametrize(
    ("replay", "theme", "size"),
    [
        pytest.param(True, "deep-harbor", WIDE, id="replay-wide-dark"),
        pytest.param(True, "morning-mist", NARROW, id="replay-narrow-light"),
        pytest.param(False, "apricot-paper", WIDE, id="kept-wide-light"),
        pytest.param(False, "deep-harbor", NARROW, id="kept-narrow-dark"),
    ],
)
def test_resting(
    snap_compare: Compare, tmp_path: Path, replay: bool, theme: str, size: tuple[int, int]
) -> None:
    session = (
        RestingSession(replay=ReplayPart(100.0, 561.0, 60.0, playing=False))
        if replay
        else RestingSession(clock=lambda: 700.0, scene=finished())
    )
    app = app_in(theme, tmp_path, session)
    assert snap_compare(app, run_before=after(session, "down"), terminal_size=size)


@pytest.mark.parametrize("size", [WIDE, NARROW, (60, 16)], ids=["wide", "narrow", "smallest"])
def test_home(snap_compare: Compare, size: tuple[int, int]) -> None:
    app = LlmdashApp(launcher=FakeLauncher(), shipped_themes=SHIPPED)

    async def foreseen(pilot: Pilot[Any]) -> None:
        await pilot.pause()  # now all work has been begun
        await until(pilot, lambda: all(worker.is_finished for worker in pilot.app.workers))
        await pilot.pause()

    assert snap_compare(app, run_before=foreseen, terminal_size=size)


@pytest.mark.parametrize(
    ("keys", "theme", "size"),
    [
        pytest.param([], "deep-harbor", WIDE, id="wide-dark"),
        pytest.param(["down"], "morning-mist", WIDE, id="wide-light"),
        pytest.param([], "apricot-paper", NARROW, id="narrow-light"),
        pytest.param(["enter"], "emberwood", NARROW, id="answers-narrow-dark"),
        pytest.param(["down"], "deep-harbor", (200, 60), id="roomy-dark"),
        pytest.param(["1"], "morning-mist", (60, 16), id="smallest-light"),
    ],
)
def test_comparison(
    snap_compare: Compare, tmp_path: Path, keys: list[str], theme: str, size: tuple[int, int]
) -> None:
    path = tmp_path / "preferences.toml"
    PreferencesFile(path).save(Preferences(theme=theme))
    source = FakeComparison()
    app = LlmdashApp(comparison=source, shipped_themes=SHIPPED, preferences_path=path)

    async def press(pilot: Pilot[Any]) -> None:
        table = pilot.app.screen.query_one(PairTable)
        for key in ["", *keys]:
            if key:
                await pilot.press(key)
            await until(pilot, lambda: source.views and source.views[-1] == table.view)
        await pilot.pause()

    assert snap_compare(app, run_before=press, terminal_size=size)


@pytest.mark.parametrize("size", [WIDE, NARROW, (200, 60)], ids=["wide", "narrow", "widest"])
@pytest.mark.parametrize(
    ("theme", "failed"), [("deep-harbor", True), ("morning-mist", False)], ids=["failed-dark", "well-light"]
)
def test_finished(
    snap_compare: Compare, tmp_path: Path, theme: str, failed: bool, size: tuple[int, int]
) -> None:
    session = FakeSession(clock=lambda: 700.0, scene=finished(failed=failed))
    app = app_in(theme, tmp_path, session)
    assert snap_compare(app, run_before=after(session, "down"), terminal_size=size)
