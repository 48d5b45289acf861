"""The line in which a filter is typed."""

from __future__ import annotations

from textual.widgets import Input

from llmdash.ui.panels.filter_bar import FilterBar
from tests.ui.widget_app import posted, running


def underlined(bar: FilterBar) -> str:
    parts = bar.query_one(Input).render_line(0)
    return "".join(part.text for part in parts if part.style is not None and part.style.underline)


async def test_the_term_that_is_not_understood_is_underlined_where_it_is_typed() -> None:
    bar = FilterBar()
    async with running(bar, (60, 4)) as pilot:
        bar.open()
        await pilot.pause()
        await pilot.press(*"eror", "colon", *"429 sea")
        assert posted(pilot, FilterBar.Changed)[-1].text == "eror:429 sea"
        bar.show("eror:429: no such field; did you mean error?")
        assert underlined(bar) == "eror:429"
        bar.show("")
        assert underlined(bar) == ""


async def test_a_term_in_quotes_is_completed_as_a_whole() -> None:
    bar = FilterBar()
    async with running(bar, (60, 4)) as pilot:
        bar.open_with('state:done city:"New Y')
        bar.query_one(Input).focus()
        await pilot.pause()
        assert bar.typed == 'city:"New Y'
        bar.show("", ('city:"New York"',))
        await pilot.press("tab")
        assert bar.query_one(Input).value == 'state:done city:"New York"'
        bar.query_one(Input).value += " "
        assert bar.typed == ""
