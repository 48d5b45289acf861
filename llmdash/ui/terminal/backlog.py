"""Whether the terminal keeps up with what is written to it."""

from __future__ import annotations

from typing import Any

from textual.app import App

__all__ = ["terminal_is_behind"]


def terminal_is_behind(app: App[Any]) -> bool:
    """Whether an earlier picture still waits to be written: then a new one would only make keys feel slow.

    Reads a private attribute of Textual, for want of a public one; a driver that cannot tell is never behind.
    """
    return bool(getattr(app._driver, "behind", False))
