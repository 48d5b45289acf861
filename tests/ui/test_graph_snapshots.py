"""Pictures of the graphs and of the figures: three sizes, dark and light, at work, at its end, zoomed.

After a wanted change of looks: `pytest tests/ui/test_graph_snapshots.py --snapshot-update`; look at them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from llmdash.engine.model.states import RunState
from tests.ui.fake_session import FakeSession, Scene
from tests.ui.test_app_snapshots import after, app_in, same_everywhere

__all__ = ["same_everywhere"]

SIZES = {"narrow": (80, 24), "wide": (120, 36), "roomy": (200, 60)}
THEMES = {"dark": "deep-harbor", "light": "morning-mist"}

Compare = Callable[..., bool]


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    "keys", [["g", "left", *["shift+left"] * 2], ["G", "right"]], ids=["graphs", "figures"]
)
def test_screen(snap_compare: Compare, tmp_path: Path, keys: list[str], size: str, theme: str) -> None:
    session = FakeSession()
    app = app_in(THEMES[theme], tmp_path, session)
    assert snap_compare(app, run_before=after(session, *keys), terminal_size=SIZES[size])


@pytest.mark.parametrize(
    ("scene", "now", "keys"),
    [
        pytest.param(Scene(state=RunState.DONE), 190.4, ["g"], id="done"),
        pytest.param(Scene(is_streamed=False), 190.4, ["g", "2"], id="one-alone-without-streams"),
        pytest.param(Scene(), 190.4, ["g", *["right_square_bracket"] * 3, "less_than_sign"], id="zoomed"),
        pytest.param(Scene(), 1.5, ["g"], id="one-sample"),
        pytest.param(Scene(), 0.0, ["g"], id="nothing"),
        pytest.param(Scene(), 100_000.0, ["g"], id="a-day"),
    ],
)
def test_graphs(snap_compare: Compare, tmp_path: Path, scene: Scene, now: float, keys: list[str]) -> None:
    session = FakeSession(clock=lambda: now, scene=scene)
    app = app_in("deep-harbor", tmp_path, session)
    assert snap_compare(app, run_before=after(session, *keys), terminal_size=SIZES["wide"])
