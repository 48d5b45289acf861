"""How the help looks, over an empty screen: its keys, its glyphs and a page of the manual."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

import pytest
from textual.app import App
from textual.pilot import Pilot
from textual.screen import Screen

from llmdash.ui.app import LlmdashApp
from llmdash.ui.screens.actions import bound_on
from llmdash.ui.screens.help import GLYPHS, KEYS, HelpScreen
from llmdash.ui.text.keymap import KeyEntry
from tests.ui.fake_session import FakeSession
from tests.ui.test_app_snapshots import NARROW, SHIPPED, WIDE, Compare
from tests.ui.waiting import until

ROOMY = (200, 60)


WIDGETS = {"Stream": "stream.pane.StreamPane", "Slider": "panels.rate_slider.LogSlider"}
"""The widgets whose keys are listed."""


def entries(app: App[Any], widget: str) -> list[KeyEntry]:
    return [KeyEntry(node=app, **asdict(bound)) for bound in bound_on(widget)]


def over_nothing(topic: str, theme: str) -> Callable[[Pilot[Any]], Awaitable[None]]:
    """Opens the help over an empty screen, and waits for what it shows."""

    async def press(pilot: Pilot[Any]) -> None:
        app = pilot.app
        app.theme = theme
        await app.push_screen(Screen())
        await app.push_screen(
            HelpScreen([(name, entries(app, kind)) for name, kind in WIDGETS.items()], topic)
        )
        await until(pilot, lambda: app.screen.is_mounted)
        if topic not in (KEYS, GLYPHS):
            await until(pilot, lambda: app.screen.query("MarkdownH2"))
        await pilot.pause()

    return press


@pytest.mark.parametrize(
    ("topic", "theme", "size"),
    [
        pytest.param(KEYS, "deep-harbor", NARROW, id="keys-narrow-dark"),
        pytest.param(KEYS, "morning-mist", WIDE, id="keys-wide-light"),
        pytest.param(GLYPHS, "deep-harbor", WIDE, id="glyphs-wide-dark"),
        pytest.param(GLYPHS, "apricot-paper", NARROW, id="glyphs-narrow-light"),
        pytest.param("rate", "morning-mist", NARROW, id="page-narrow-light"),
        pytest.param("rate", "emberwood", WIDE, id="page-wide-dark"),
        pytest.param("rate", "deep-harbor", ROOMY, id="page-roomy-dark"),
    ],
)
def test_help(
    snap_compare: Compare,
    monkeypatch: pytest.MonkeyPatch,
    topic: str,
    theme: str,
    size: tuple[int, int],
) -> None:
    for name in ("NO_COLOR", "TEXTUAL_THEME", "TEXTUAL_FILTERS", "TEXTUAL"):
        monkeypatch.delenv(name, raising=False)
    app = LlmdashApp(session=FakeSession(), shipped_themes=SHIPPED)
    assert snap_compare(app, run_before=over_nothing(topic, theme), terminal_size=size)
