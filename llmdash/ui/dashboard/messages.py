"""What the dashboard tells the app."""

from __future__ import annotations

from textual.message import Message

from llmdash.lean_dataclass import dataclass

__all__ = ["ColumnsChosen", "Happened", "RunStopped"]


@dataclass
class Happened(Message):
    """Posted when the run is done, held, or stopped: `words` is a line of what happened."""

    words: str


@dataclass
class ColumnsChosen(Message):
    """Posted when columns of the job table were chosen; None for those that fit the width."""

    names: tuple[str, ...] | None


class RunStopped(Message):
    """Posted when the user stopped the run, to begin it anew at home with something changed."""
