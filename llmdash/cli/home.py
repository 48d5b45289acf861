"""A bare `llmdash`: the home screen, without what reads a command line."""

from __future__ import annotations

from typing import NoReturn

from llmdash.cli.errors import (
    guarded,
    has_terminal,
    redactor_in_use,
    refuse,
    settings_from,
    settings_in_folder,
)
from llmdash.reports.streams import open_closed_streams

__all__ = ["start"]


def start() -> NoReturn:
    """Ask on the home screen what to run, and exit with the code of that; without a terminal with 2."""
    open_closed_streams()
    if not has_terminal():
        refuse("a terminal is needed to choose from; name what to run: llmdash run FILE --headless")
    guarded(_ask_at_home)


def _ask_at_home() -> int:
    import gc
    from functools import partial

    gc.disable()  # until the first picture: what is loaded is kept
    from llmdash.launch.home_screen import show_home

    return show_home(settings_from({}), partial(settings_in_folder, redactor=redactor_in_use()))
