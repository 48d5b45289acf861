"""The sizes of a terminal from which on more is shown, or less."""

from __future__ import annotations

from textual.geometry import Size

__all__ = ["MINIMUM", "ROOMY", "WIDE", "is_roomy"]

MINIMUM = Size(60, 16)
"""The smallest terminal, in cells, that the dashboard supports."""

WIDE = 100
"""From this many columns on, keys and rate are beside the jobs."""

ROOMY = Size(180, 50)
"""From this size of the panels' space on, the workers have a panel above the others."""


def is_roomy(size: Size) -> bool:
    """Return True for a space that holds a panel of everything."""
    return size.width >= ROOMY.width and size.height >= ROOMY.height
