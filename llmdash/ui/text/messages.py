"""The base of the messages that widgets post."""

from __future__ import annotations

from dataclasses import dataclass

from textual.message import Message
from textual.widget import Widget

__all__ = ["Copied", "FromWidget"]


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
