"""Whether the terminal keeps up with what is written to it."""

from __future__ import annotations

from typing import Any

from textual.app import App

__all__ = ["terminal_is_behind"]


def terminal_is_behind(app: App[Any]) -> bool:
    """True if an earlier frame still waits to be written: a new one would only make keys feel slow.

    Reads a private attribute of Textual, since there is no public one; a driver without it is never behind.
    """
    return bool(getattr(app._driver, "behind", False))
