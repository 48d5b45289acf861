"""Numbers in a range as the values of options; what is none is refused in words, not in signs."""

from __future__ import annotations

import math
from typing import Any

import click

__all__ = ["NumberRange", "WholeRange"]


class NumberRange(click.FloatRange):
    """A range of numbers, where `nan` is none: it is below no minimum, and above no maximum."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            number = float(super().convert(value, param, ctx))
        except click.BadParameter:
            number = math.nan
        if math.isnan(number):
            self.fail(f"{str(value)!r} is not a number{_within(self)}.", param, ctx)
        return number

    def _describe_range(self) -> str:  # for the help, where click has signs
        return _within(self).strip()


class WholeRange(click.IntRange):
    """A range of whole numbers."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            return int(super().convert(value, param, ctx))
        except click.BadParameter:
            self.fail(f"{str(value)!r} is not a whole number{_within(self)}.", param, ctx)

    def _describe_range(self) -> str:
        return _within(self).strip()


def _within(numbers: click.FloatRange | click.IntRange) -> str:
    """Return the ends of a range in words.

    >>> _within(click.IntRange(1, 256)), _within(click.FloatRange(0.0)), _within(click.IntRange())
    (' from 1 to 256', ' from 0 up', '')
    """
    least, most = numbers.min, numbers.max
    if least is None:
        return "" if most is None else f" up to {most:,.10g}"
    return f" from {least:,.10g} up" if most is None else f" from {least:,.10g} to {most:,.10g}"
