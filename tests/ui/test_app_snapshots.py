"""Pictures of the dashboard in each theme, in trouble, at its smallest; the clock of the run stands still.

After a wanted change of looks: `pytest tests/ui/test_app_snapshots.py --snapshot-update`, then look at them.
Those of every screen are in `test_screen_snapshots.py`.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from llmdash.ui.app import LlmdashApp
from llmdash.ui.settings.preferences import Preferences, PreferencesFile
from llmdash.ui.tables.pair_table import PairTable
from tests.ui.compared import FakeComparison
from tests.ui.fake_session import FakeSession, Scene
from tests.ui.screens.test_home import FakeLauncher
from tests.ui.troubles import (
    brake,
    disk_full,
    endpoints_out,
    failures,
    finished,
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
    return LlmdashApp(
        session=session, shipped_themes=SHIPPED, preferences_path=path, write_results=lambda *_: ""
    )


def after(session: FakeSession, *keys: str) -> Callable[[Pilot[Any]], Awaitable[None]]:
    """Presses the keys, each on a screen that was given a picture, before the last one is compared."""

    async def press(pilot: Pilot[Any]) -> None:
        await picture(pilot, session)
        for key in keys:
            await pilot.press(key)
            await picture(pilot, session)

    return press


@pytest.mark.parametrize("theme", sorted(path.stem for path in SHIPPED.glob("*.toml")))
def test_dashboard(snap_compare: Compare, tmp_path: Path, theme: str) -> None:
    session = FakeSession()
    app = app_in(theme, tmp_path, session)
    assert snap_compare(app, run_before=after(session, "down"), terminal_size=WIDE)


@pytest.mark.parametrize("size", [(60, 16), (59, 15)], ids=["smallest", "too-small"])
def test_small_dashboard(snap_compare: Compare, tmp_path: Path, size: tuple[int, int]) -> None:
    session = FakeSession()
    app = app_in("deep-harbor", tmp_path, session)
    assert snap_compare(app, run_before=after(session), terminal_size=size)


@pytest.mark.parametrize(
    ("scene", "keys", "theme", "size"),
    [
        pytest.param(brake, [], "deep-harbor", NARROW, id="brake-narrow-dark"),
        pytest.param(brake, [], "morning-mist", WIDE, id="brake-wide-light"),
        pytest.param(keys_rest, [], "emberwood", WIDE, id="keys-rest-wide-dark"),
        pytest.param(disk_full, [], "apricot-paper", NARROW, id="disk-full-narrow-light"),
        pytest.param(endpoints_out, [], "deep-harbor", WIDE, id="endpoints-out-wide-dark"),
        pytest.param(failures, ["e", "k"], "deep-harbor", WIDE, id="errors-wide-dark"),
        pytest.param(partial(finished, failed=False), ["e"], "deep-harbor", WIDE, id="no-errors-wide-dark"),
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


def test_home_at_its_smallest(snap_compare: Compare) -> None:
    app = LlmdashApp(launcher=FakeLauncher(), shipped_themes=SHIPPED)

    async def foreseen(pilot: Pilot[Any]) -> None:
        await pilot.pause()  # now all work has been begun
        await until(pilot, lambda: all(worker.is_finished for worker in pilot.app.workers))
        await pilot.pause()

    assert snap_compare(app, run_before=foreseen, terminal_size=(60, 16))


@pytest.mark.parametrize(
    ("keys", "theme", "size"),
    [
        pytest.param(["enter"], "emberwood", NARROW, id="answers-narrow-dark"),
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
