"""Pictures of every screen, dark and light, wide and narrow; the clock of the run stands still.

After a wanted change of looks: `pytest tests/ui/test_app_snapshots.py --snapshot-update`, then look at them.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from llmdash.ui.app import LlmdashApp
from llmdash.ui.settings.preferences import Preferences, PreferencesFile
from tests.ui.fake_session import FakeSession, Scene
from tests.ui.screens.test_start import FakeLauncher
from tests.ui.troubles import brake, disk_full, endpoints_out, failures, fleet, keys_rest, many_workers
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
    return LlmdashApp(session=session, shipped_themes=SHIPPED, preferences_path=path)


def after(session: FakeSession, *keys: str) -> Callable[[Pilot[Any]], Awaitable[None]]:
    """Presses the keys, each on a screen that was given a picture, before the last one is compared."""

    async def press(pilot: Pilot[Any]) -> None:
        await picture(pilot, session)
        for key in keys:
            await pilot.press(key)
            await picture(pilot, session)

    return press


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
@pytest.mark.parametrize("theme", ["deep-harbor", "emberwood", "morning-mist", "apricot-paper"])
def test_dashboard(snap_compare: Compare, tmp_path: Path, theme: str, size: tuple[int, int]) -> None:
    session = FakeSession()
    app = app_in(theme, tmp_path, session)
    assert snap_compare(app, run_before=after(session, "down"), terminal_size=size)


@pytest.mark.parametrize(
    ("keys", "theme", "size"),
    [
        pytest.param(["enter"], "deep-harbor", WIDE, id="inspector-wide-dark"),
        pytest.param(["enter"], "apricot-paper", NARROW, id="inspector-narrow-light"),
        pytest.param(["question_mark"], "morning-mist", WIDE, id="help-wide-light"),
        pytest.param(["question_mark"], "emberwood", NARROW, id="help-narrow-dark"),
        pytest.param(["g"], "deep-harbor", WIDE, id="graphs-wide-dark"),
        pytest.param(["g"], "morning-mist", NARROW, id="graphs-narrow-light"),
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


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_start(snap_compare: Compare, size: tuple[int, int]) -> None:
    app = LlmdashApp(launcher=FakeLauncher(), shipped_themes=SHIPPED)

    async def foreseen(pilot: Pilot[Any]) -> None:
        await until(pilot, lambda: all(worker.is_finished for worker in pilot.app.workers))
        await pilot.pause()

    assert snap_compare(app, run_before=foreseen, terminal_size=size)
