"""Waiting for what has to come about, however slow the machine is, in place of pauses of a fixed length."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from textual.command import CommandList, CommandPalette
from textual.pilot import Pilot

from tests.ui.fake_session import FakeSession

__all__ = ["choose", "picture", "until"]

_LOOK_S = 0.02
_LOOKS = 3000
"""Looks before giving up: only a test that fails takes so long."""


async def until(pilot: Pilot[Any], holds: Callable[[], object]) -> None:
    """Wait until `holds()` is true; AssertionError if it never is."""
    for _ in range(_LOOKS):
        if holds():
            return
        await pilot.pause(_LOOK_S)
    raise AssertionError(f"waited in vain on {pilot.app.screen}")


async def picture(pilot: Pilot[Any], session: FakeSession) -> None:
    """Wait until the screen on top is there and a picture that is asked for after that has been shown."""
    await until(pilot, lambda: pilot.app.screen.is_mounted)
    asked = len(session.views)
    await until(pilot, lambda: len(session.views) > asked)


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
