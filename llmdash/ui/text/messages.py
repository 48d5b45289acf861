"""The base of the messages that widgets post."""

from __future__ import annotations

from textual.message import Message
from textual.widget import Widget

from llmdash.lean_dataclass import dataclass

__all__ = ["Copied", "FromWidget", "MomentChosen"]


@dataclass
class Copied(Message):
    """Posted when a `text` is to be copied; `what` it is, in words for the notice."""

    text: str
    what: str


@dataclass
class FromWidget(Message):
    """A message of `widget`, which is its `control` for the selectors of handlers."""

    widget: Widget

    @property
    def control(self) -> Widget:
        return self.widget


@dataclass
class MomentChosen(FromWidget):
    """Posted when a moment of the run is to be looked at in the graphs, in seconds at work; None for none of
    them. `plot` is the place of the one that is meant, None for all.
    """

    at_s: float | None
    plot: int | None = None
