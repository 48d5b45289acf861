"""Copies: what is copied goes to the clipboards that there are, and the user is told where it is."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from textual.app import App

from llmdash.ui.clipboard import Clipboard, copied_words

__all__ = ["Copies", "clipboard_here"]


def clipboard_here(*, in_browser: bool) -> Clipboard:
    """Return the clipboard of this machine; none where who looks may sit at another one."""
    return Clipboard({}, platform="browser") if in_browser else Clipboard(os.environ)


class Copies:
    """Copies texts for `app`: to the system's clipboard, and by `to_terminal` to that of the terminal."""

    def __init__(self, app: App[Any], clipboard: Clipboard, to_terminal: Callable[[str], None]) -> None:
        self._app = app
        self._clipboard = clipboard
        self._to_terminal = to_terminal

    def copy(self, text: str, what: str) -> None:
        """Copy a text, which the notice calls `what`."""
        self._app.run_worker(self._copied(text, what), exit_on_error=False)

    async def _copied(self, text: str, what: str) -> None:
        takes = self._clipboard.takes_osc52
        if takes is not False:
            self._to_terminal(text)
        program = await self._clipboard.copy(text)
        is_nowhere = program is None and takes is False
        words = copied_words(what, text, program, takes)
        self._app.notify(words, severity="warning" if is_nowhere else "information", markup=False)
