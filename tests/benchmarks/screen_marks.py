"""Keys whose effect on the screen can be seen, and what tells it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from math import inf
from random import Random
from statistics import quantiles

from tests.benchmarks.recorded import Lines, Pressed, RecordedTerminal

__all__ = ["LETTERS", "PAGES", "ROWS", "Keys", "p50_and_p99_ms", "press"]

Keys = tuple[Sequence[str], Callable[[Lines, Lines], bool]]
"""Keys to press by turns, and what tells by the screens before and after one that its effect is there."""

_SHOWN = re.compile(r"([\d,]+)–[\d,]+ of [\d,]+ ━")
"""What the border of the table says of the rows that are shown."""
_FILTER = re.compile(r"^. ?/ (\S*)")
"""The line in which a filter is typed."""


def press(terminal: RecordedTerminal, times: int, keys: Keys, within_s: float = 0.2) -> list[float]:
    """Press keys, each up to `within_s` after the one before. Return the seconds to the effect of each.

    One that shows no effect before the next key counts as that long.
    """
    typed, shows = keys
    gaps, pressed = Random(1), list[Pressed]()
    for number in range(times):
        pressed.append(terminal.press(typed[number % len(typed)], shows))
        time.sleep(gaps.uniform(within_s / 4, within_s))
    ends = [*(each.at for each in pressed[1:]), time.monotonic()]
    shown = terminal.shown_after(pressed)
    return [
        end - each.at if took == inf else took for each, end, took in zip(pressed, ends, shown, strict=True)
    ]


def p50_and_p99_ms(taken: Sequence[float]) -> tuple[float, float]:
    """Return two percentiles of seconds, in milliseconds."""
    cuts = quantiles(taken, n=100, method="inclusive")
    return 1e3 * cuts[49], 1e3 * cuts[98]


def _cursor_moved(before: Lines, now: Lines) -> bool:
    return _cursor(before) != _cursor(now)


def _page_moved(before: Lines, now: Lines) -> bool:
    return _first_row(before) != _first_row(now) and not any("· ·" in line[:8] for line in now)


def _filter_changed(before: Lines, now: Lines) -> bool:
    return _filter(before) != _filter(now)


def _filter(lines: Lines) -> str:
    return next((found[1] for line in lines if (found := _FILTER.search(line))), "")


def _cursor(lines: Lines) -> int:
    return next((y for y, line in enumerate(lines) if line[1:2] == "›"), -1)


def _first_row(lines: Lines) -> str:
    return next((found[1] for line in lines if (found := _SHOWN.search(line))), "")


ROWS: Keys = (("\x1b[B", "\x1b[A"), _cursor_moved)
PAGES: Keys = (("\x1b[6~",), _page_moved)
LETTERS: Keys = ((*"result", *"\x7f" * 6), _filter_changed)
"""A word that each answer has, typed and taken back: letter by letter another order is wanted."""
