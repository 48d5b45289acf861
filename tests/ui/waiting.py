"""Waiting for what has to come about, however slow the machine is, in place of pauses of a fixed length."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from textual._context import active_app
from textual.app import App
from textual.command import CommandList, CommandPalette
from textual.css.query import NoMatches
from textual.pilot import Pilot

from tests.ui.fake_session import FakeSession

__all__ = ["at_rest", "choose", "picture", "until"]

_LOOK_S = 0.02
_LOOKS = 3000
"""Looks before giving up: only a test that fails takes so long."""
_TURNS = 20
"""Looks after which all is done that a key has led to, though an app that never rests has more to do: in
each, all that can go on does so twice, and each message leads to the next.
"""


async def at_rest(min_sleep: float = _LOOK_S, max_sleep: float = 1.0) -> None:
    """Wait until nothing goes on before a timer, a thread or a descriptor says so, and all is painted.

    It takes the place of Textual's `wait_for_idle`, and its arguments.
    """
    loop: Any = asyncio.get_running_loop()
    app = active_app.get()
    await asyncio.sleep(min_sleep)
    for _ in range(_TURNS):
        await asyncio.sleep(_LOOK_S)
        await asyncio.sleep(0)  # now everything that can go on is in the queue of the loop
        if not loop._ready and not _is_to_paint(app):
            return


def _is_to_paint(app: App[Any]) -> bool:
    """True while timers of Textual's own have a new size, or something to lay out or to paint."""
    if app._exit or not app.is_running or app._batch_count or not app._screen_stack:
        return False
    screen = app.screen
    return bool(
        app._resize_timer
        or screen._layout_required
        or screen._scroll_required
        or screen._repaint_required
        or screen._recompose_required
        or screen._dirty_widgets
        or screen._callbacks
    )


async def until(pilot: Pilot[Any], holds: Callable[[], object]) -> None:
    """Wait until `holds()` is true, and the screen on top is whole; AssertionError if that never is."""
    for _ in range(_LOOKS):
        with suppress(NoMatches):  # nothing is true of a widget that is not there yet
            if holds() and _is_whole(pilot.app):
                return
        await pilot.pause(_LOOK_S)
    raise AssertionError(f"waited in vain on {pilot.app.screen}")


def _is_whole(app: App[Any]) -> bool:
    return not app._screen_stack or app.screen.is_mounted


async def picture(pilot: Pilot[Any], session: FakeSession) -> None:
    """Wait until the screen on top is there and a picture that is asked for after that has been painted."""
    await until(pilot, lambda: pilot.app.screen.is_mounted)
    asked = len(session.views)
    await until(pilot, lambda: len(session.views) > asked)
    await pilot.pause()


async def choose(pilot: Pilot[Any], words: str) -> None:
    """Type `words` into the palette that is open, wait for its answer to them, and take the first one."""
    palette = pilot.app.screen
    assert isinstance(palette, CommandPalette)
    await pilot.press(*words)
    await until(pilot, lambda: all(worker.is_finished for worker in palette.workers))
    await until(pilot, lambda: words in _first_choice(palette))
    await pilot.press("enter")
    await until(pilot, lambda: pilot.app.screen is not palette)


def _first_choice(palette: CommandPalette) -> str:
    options = palette.query_one(CommandList)
    if options.highlighted is None:
        return ""
    return str(options.get_option_at_index(options.highlighted).prompt).lower()
