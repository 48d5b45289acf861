"""Precedence: the strongest entry for each setting, out of all its sources."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from llmdash.config.sources import Entry, Layer
from llmdash.config.values import ConfigError

__all__ = ["Chosen", "checked"]

T = TypeVar("T")


def checked(entry: Entry, parse: Callable[[object], T]) -> T:
    """Return the parsed value of an entry. Raises ConfigError with its place in front."""
    try:
        return parse(entry.value)
    except ConfigError as error:
        raise ConfigError(f"{entry.place}: {error}") from None


class Chosen:
    """The strongest entry for each setting; `layers` go from strong to weak."""

    def __init__(self, layers: Sequence[Layer]) -> None:
        self._layers = tuple(layers)

    def entry(self, name: str) -> Entry | None:
        """Return what was given for a setting, and where; None if it was not."""
        return next(iter(self.entries(name)), None)

    def entries(self, name: str) -> tuple[Entry, ...]:
        """Return all that was given for a setting, from strong to weak."""
        return tuple(layer[name] for layer in self._layers if name in layer)

    def get(self, name: str, parse: Callable[[object], T], default: T) -> T:
        """Return the parsed value of a setting. Raises ConfigError that names the place."""
        entry = self.entry(name)
        return default if entry is None else checked(entry, parse)
