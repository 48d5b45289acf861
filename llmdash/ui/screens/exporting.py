"""Writing what a screen shows into a file, where that may be done."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from textual.screen import Screen

__all__ = ["export"]

_IN_BROWSER = "A page writes no files: use the dashboard, or llmdash runs export and runs figures"


def export(screen: Screen[Any], what: str, write: Callable[[Path], Path]) -> None:
    """Let `write` make a new file in the current folder, and say which it is, or why there is none; `what`
    begins the sentence, such as `The graphs`.
    """
    if getattr(screen.app, "in_browser", False):
        screen.notify(_IN_BROWSER, markup=False)
        return
    try:
        path = write(Path.cwd())
    except OSError as error:
        screen.notify(f"{what} cannot be written: {error}", severity="error", markup=False)
    else:
        screen.notify(f"{what} are in {path}", markup=False)
