"""Numbers, times and texts as text; a value that is not known is blank or a dash.

| function | width | examples |
|---|---|---|
| `elapsed` | 12 | `00:03:12.418` |
| `clock` | 8 | `00:06:10` |
| `duration` | 5 | `412ms` `1.23s` `12.3s` `3m04s` `2h05m` `3d04h` |
| `fine` | 5 | `1.1ms` ` 12ms` `1.23s`, as `duration` from 10 ms on |
| `span` | 6 at most | `45s` `10m26s` `2h05m` `3d04h` |
| `count` | as needed | `3,412` |
| `si` | 4 | `  18` `2.1k` ` 34k` `1.2M` |
| `rate` | 7 | ` 18.0/s` `  450/s` |
| `percent` | 4 | `  0%` ` 34%` `100%` |

Widths are in terminal cells and are the same for every value that can occur, so that nothing jumps.
"""

from __future__ import annotations

import math
from typing import Final, Literal

from rich.cells import cell_len, split_graphemes

from llmdash.engine.model.amounts import dollars, share, significant, span
from llmdash.sanitize import clean_line

__all__ = [
    "Align",
    "by_words",
    "clock",
    "count",
    "countdown",
    "dollars",
    "duration",
    "elapsed",
    "fine",
    "fit",
    "fit_middle",
    "number",
    "ordinal",
    "percent",
    "rate",
    "share",
    "short",
    "si",
    "significant",
    "span",
]

Align = Literal["left", "right"]

_ELLIPSIS: Final = "…"
_UNKNOWN: Final = "–"
_LONGEST_S: Final = 99 * 3600 + 3599
_LONGEST_LEFT_S: Final = 99 * 86400


def fit(text: str, width: int, align: Align = "left") -> str:
    """Return the text as one safe line of `width` cells: padded, or cut with an ellipsis."""
    if len(text) > 8 * width + 64:  # no need to clean a megabyte for one cell
        text = text[: 8 * width + 64]
    text = clean_line(text)
    cells = len(text) if text.isascii() else cell_len(text)
    if cells > width:
        text, cells = _cut(text, width)
    pad = " " * (width - cells)
    return pad + text if align == "right" else text + pad


def _cut(text: str, width: int) -> tuple[str, int]:
    """What fits in `width` cells together with an ellipsis, and how many cells that is."""
    if width <= 0:
        return "", 0
    end = cells = 0
    for _start, stop, size in split_graphemes(text)[0]:
        if cells + size > width - 1:
            break
        end, cells = stop, cells + size
    return text[:end] + _ELLIPSIS, cells + 1


def fit_middle(text: str, width: int) -> str:
    """Return the text as one safe line of `width` cells: padded, or cut in its middle.

    Names that begin alike differ at their ends, of which two thirds of the cells are kept.
    """
    most = 4 * width + 32
    if len(text) > 2 * most:
        text = text[:most] + text[-most:]
    text = clean_line(text)
    if cell_len(text) <= width:
        return fit(text, width)
    head, cells = _cut(text, min(width, (width + 3) // 3))
    start = len(text)
    for begin, _stop, size in reversed(split_graphemes(text)[0]):
        if cells + size > width:
            break
        start, cells = begin, cells + size
    return head + text[start:] + " " * (width - cells)


def by_words(text: str, width: int) -> str:
    """Return the text as one safe line of at most `width` cells, cut between words where it is too long."""
    fitted = fit(text, width).rstrip()
    if not fitted.endswith(_ELLIPSIS) or fitted == text:
        return fitted
    cut = fitted.removesuffix(_ELLIPSIS)
    head, _space, _part = cut.rpartition(" ")
    kept = head if cell_len(head) >= width // 2 else cut
    return kept.rstrip(" :;,·-(") + _ELLIPSIS


def elapsed(seconds: float) -> str:
    """Return `HH:MM:SS.mmm`, 12 cells up to 99 hours; more hours widen it."""
    milliseconds = max(0, round(_finite(seconds) * 1000))
    whole, milliseconds = divmod(milliseconds, 1000)
    return f"{_hms(whole)}.{milliseconds:03}"


def clock(seconds: float | None) -> str:
    """Return `HH:MM:SS`, 8 cells; `--:--:--` if not known, 99:59:59 at most."""
    if seconds is None or not math.isfinite(seconds):
        return "--:--:--"
    return _hms(min(_LONGEST_S, max(0, round(seconds))))


def _hms(seconds: int) -> str:
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours:02}:{minute:02}:{second:02}"


def duration(seconds: float | None) -> str:
    """Return five cells: milliseconds below 1 s, then three digits, then two units; blank if not known."""
    if seconds is None or not math.isfinite(seconds):
        return "     "
    seconds = max(0.0, seconds)
    if seconds < 0.9995:
        text = f"{seconds * 1000:.0f}ms"
    elif seconds < 9.995:
        text = f"{seconds:.2f}s"
    elif seconds < 59.95:
        text = f"{seconds:.1f}s"
    else:
        text = _two_units(round(seconds))
    return f"{text:>5}"


def in_seconds(seconds: float | None) -> str:
    """Return five cells: as `duration`, but in seconds of two decimals from 10 ms on: `0.06s`, `0.41s`."""
    if seconds is None or not 0.00995 <= seconds < 0.9995:
        return duration(seconds)
    return f"{seconds:.2f}s"


def fine(seconds: float | None) -> str:
    """Return five cells: as `duration`, with a tenth of a millisecond below 10 ms."""
    if seconds is None or not 0 <= seconds < 0.00995:
        return duration(seconds)
    return f"{seconds * 1000:.1f}ms"


def _two_units(seconds: int) -> str:
    """A minute and more, in at most five cells."""
    minutes, second = divmod(seconds, 60)
    if minutes < 60:
        return f"{minutes}m{second:02}s" if minutes < 10 else f"{minutes}m{second:02}"
    hours, minute = divmod(minutes, 60)
    if hours < 24:
        return f"{hours}h{minute:02}m" if hours < 10 else f"{hours}h{minute:02}"
    days, hour = divmod(hours, 24)
    if days < 100:
        return f"{days}d{hour:02}h" if days < 10 else f"{days}d{hour:02}"
    return f"{days}d" if days < 10_000 else ">9999"


def count(number: int) -> str:
    """Return a whole number with thousands separated: `3,412`."""
    return f"{number:,}"


def ordinal(number: int) -> str:
    """Return `1st`, `2nd`, `3rd`, `11th`, `1,021st`."""
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th") if number // 10 % 10 != 1 else "th"
    return f"{number:,}{ending}"


def si(number: float | None) -> str:
    """Return four cells, at most three significant digits: `  18`, `2.1k`, ` 34k`, `1.2M`; a dash if not
    known.
    """
    if number is None or not math.isfinite(number):
        return f"{_UNKNOWN:>4}"
    number = max(0.0, float(number))
    if number < 999.5:
        return f"{number:4.0f}"
    for unit in "kMGTP":
        number /= 1000
        if number < 9.95:
            return f"{number:.1f}{unit}"
        if number < 999.5:
            return f"{number:3.0f}{unit}"
    return ">999"


def short(number: int, width: int) -> str:
    """Return a whole number in `width` cells (3 at least): exact where it fits, else with k, M, ..."""
    text = str(number)
    if len(text) <= width:
        return text.rjust(width)
    for unit in "kMGTP":
        number //= 1000
        if len(text := f"{number}{unit}") <= width:
            return text.rjust(width)
    return ">" + "9" * (width - 1)


def countdown(seconds: float) -> str:
    """Return the time left in at most three cells, rounded up: `4s`, `59s`, `3m`, `2h`, `9d`."""
    left = max(0, math.ceil(min(_finite(seconds), _LONGEST_LEFT_S)))
    for size, unit, below in ((1, "s", 60), (60, "m", 3600), (3600, "h", 48 * 3600)):
        if left < below:
            return f"{math.ceil(left / size)}{unit}"
    return f"{math.ceil(left / 86400)}d"


def rate(per_second: float | None) -> str:
    """Return seven cells: `0.25/s`, `18.0/s`, `450/s`; `∞` where no limit is set."""
    if per_second is None or math.isinf(per_second):
        return "    ∞/s"
    return f"{number(per_second)}/s".rjust(7)


def number(value: float) -> str:
    """Return at most three significant digits without an exponent: `0.25`, `1.50`, `18.0`, `450`."""
    value = max(0.0, _finite(value))
    if value < 9.995:
        return f"{value:.2f}"
    if value < 99.95:
        return f"{value:.1f}"
    return f"{value:.0f}" if value < 100_000 else si(value).strip()


def percent(part: float, whole: float) -> str:
    """Return four cells, rounded, but only all is `100%`, and only nothing `  0%`. Blank if `whole` is 0."""
    return f"{share(part / whole, 0):>4}" if whole > 0 else "    "


def _finite(value: float) -> float:
    return value if math.isfinite(value) else 0.0
