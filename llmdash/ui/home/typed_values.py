"""What was typed into the fields of the form, as values of a launch."""

from __future__ import annotations

import re
from typing import Final

from llmdash.sanitize import clean_line
from llmdash.ui.launcher import LaunchError

__all__ = ["budget_of", "options_of", "trial_of"]

_OPTION: Final = re.compile(r",\s*(?=[A-Za-z_$][\w$.-]*\s*=)")
"""The comma between two options: one that a name and `=` follow."""
_MOST_TRIAL: Final = 1_000_000
_MOST_DOLLARS: Final = 1e9


def options_of(text: str) -> tuple[str, ...]:
    """Return the request options of a text, each as `name=value`.

    >>> options_of("top_p=0.9, stop=[1, 2]")
    ('top_p=0.9', 'stop=[1, 2]')
    """
    return tuple(part.strip() for part in _OPTION.split(text) if part.strip())


def trial_of(text: str) -> int:
    """Return how many prompts a trial asks, 0 for none. Raises LaunchError."""
    if text in ("", "0", "off"):
        return 0
    if not (text.isascii() and text.isdigit() and int(text) <= _MOST_TRIAL):
        raise LaunchError(f"Trial: {clean_line(text)!r} is not a number of prompts; write one such as 20")
    return int(text)


def budget_of(text: str) -> float | None:
    """Return a budget in dollars, None for none. Raises LaunchError."""
    text = text.removeprefix("$").strip()
    if text in ("", "off"):
        return None
    try:
        dollars = float(text)
    except ValueError:
        dollars = 0.0
    if not 0 < dollars < _MOST_DOLLARS:
        raise LaunchError(f"Budget: {clean_line(text)!r} is not a sum in dollars; write one such as 5.00")
    return dollars
