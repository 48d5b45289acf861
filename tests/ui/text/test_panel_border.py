"""The words on the border of a panel: what it is, how it is looked at, where one is."""

from __future__ import annotations

import re

import pytest
from rich.cells import cell_len
from textual.app import ComposeResult
from textual.widget import Widget
from textual.widgets import Static

from llmdash.ui.text.panel_border import PanelBorder
from tests.ui.widget_app import HOSTILE, WidgetApp

CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")


class Panel(Static, can_focus=True):
    """A panel with words on its border."""

    DEFAULT_CSS = """
    Panel { border: round $primary; }
    Panel:focus { border: heavy $primary; }
    Panel.-ruled { border: none; border-top: solid $primary; }
    """

    def __init__(self) -> None:
        super().__init__("inside", markup=False)
        self.border = PanelBorder(self)

    def on_resize(self) -> None:
        self.border.draw()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self.border.draw()


class PanelApp(WidgetApp):
    """A panel, and something else that can have the focus."""

    CSS = "Panel { width: 100%; height: 5; } Other { height: 1; }"

    def compose(self) -> ComposeResult:
        yield self.widget
        yield Other()


class Other(Widget, can_focus=True):
    """Something else."""


def _edges(panel: Panel) -> tuple[str, str]:
    lines = panel.app.screen._compositor.render_strips()
    region = panel.region
    return lines[region.y].text.rstrip(), lines[region.bottom - 1].text.rstrip()


async def test_the_border_says_what_how_and_where_in_its_own_line() -> None:
    panel = Panel()
    async with PanelApp(panel).run_test(size=(60, 8)) as pilot:
        panel.border.show("Jobs", "newest first · all 10,000", "1–17 of 10,000")
        await pilot.pause()
        assert _edges(panel) == (
            "┏━ Jobs ━━━━━━━━━━━━━━━━━━━━━━━ newest first · all 10,000 ━┓",
            "┗━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━ 1–17 of 10,000 ━┛",
        )


def test_before_it_has_a_size_a_panel_says_what_it_is() -> None:
    """What is painted first, before a resize is handled, is no dots."""
    panel = Panel()
    panel.border.show("Jobs", "newest first", "1–17 of 40")
    assert str(panel.border_title) == "Jobs"


async def test_the_line_between_the_words_follows_the_focus_and_the_size() -> None:
    panel = Panel()
    async with PanelApp(panel).run_test(size=(40, 8)) as pilot:
        panel.border.show("Keys", "2 of 4 healthy")
        pilot.app.query_one(Other).focus()
        await pilot.pause()
        assert _edges(panel)[0] == "╭─ Keys " + "─" * (40 - 8 - 18) + " 2 of 4 healthy ─╮"
        await pilot.resize_terminal(50, 8)
        await pilot.pause()
        assert _edges(panel)[0] == "╭─ Keys " + "─" * (50 - 8 - 18) + " 2 of 4 healthy ─╮"


async def test_a_rule_instead_of_a_box_has_the_same_words() -> None:
    panel = Panel()
    async with PanelApp(panel).run_test(size=(40, 8)) as pilot:
        panel.add_class("-ruled")
        panel.border.show("Keys", "2 of 4 healthy")
        await pilot.pause()
        assert _edges(panel)[0] == "─ Keys " + "─" * 16 + " 2 of 4 healthy ─"


async def test_what_does_not_fit_is_left_out_from_how_it_is_looked_at() -> None:
    panel = Panel()
    async with PanelApp(panel).run_test(size=(22, 8)) as pilot:
        panel.border.show("Jobs of the run", "newest first · following")
        await pilot.pause()
        assert _edges(panel)[0] == "┏━ Jobs of the run ━━┓"


async def test_a_long_name_is_cut_before_short_figures_beside_it_are() -> None:
    panel = Panel()
    async with PanelApp(panel).run_test(size=(44, 8)) as pilot:
        panel.border.show("server: 500 The server had an error", "0 jobs · 2 tries")
        await pilot.pause()
        assert _edges(panel)[0] == "┏━ server: 500 The… ━━━━ 0 jobs · 2 tries ━┓"


@pytest.mark.parametrize("text", HOSTILE)
async def test_any_text_is_one_safe_line(text: str) -> None:
    panel = Panel()
    async with PanelApp(panel).run_test(size=(40, 8)) as pilot:
        panel.border.show(text, text, text)
        await pilot.pause()
        assert all(cell_len(edge) <= 40 and not CONTROL.search(edge) for edge in _edges(panel))
