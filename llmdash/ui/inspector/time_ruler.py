"""The time ruler of an answer: when its chunks came, and where it stalled, on one line of cells."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Final

from llmdash.ui.stream.gaps import LEAST_STALL_S, STALL_MEDIANS
from llmdash.ui.stream.wrapping import Kind, Line, Span

__all__ = ["ruler_labels", "seconds_words", "stalls_of", "time_ruler"]

_WAITED: Final = "·"
_CHUNK: Final = "┃"
_GAP: Final = "─"
_STALL: Final = "═"
_KINDS: Final = {_WAITED: Kind.WORDS, _CHUNK: Kind.CARET, _GAP: Kind.GAP, _STALL: Kind.STALL}
_FEW: Final = 3


def stalls_of(gaps: Sequence[float]) -> list[int]:
    """Return the numbers of the chunks with a stall before them: a gap above three times the median."""
    between = sorted(gaps[1:])
    if len(between) < _FEW:
        return []
    least = max(LEAST_STALL_S, STALL_MEDIANS * between[len(between) // 2])
    return [number for number, gap in enumerate(gaps) if number and gap > least]


def time_ruler(times: Sequence[float], stalls: Iterable[int], end_s: float, width: int, shown: int) -> Line:
    """Return the ruler from the request to `end_s` seconds, `width` cells: `·` no token yet, `┃` a chunk,
    `─` a gap, `═` a stall. Chunks after the first `shown` ones are drawn as gaps yet to come: blank.
    """
    if not times or width <= 0 or end_s <= 0:
        return ()
    first = _cell(times[0], end_s, width)
    last = _cell(times[-1], end_s, width)
    cells = [_WAITED] * first + [_GAP] * (last + 1 - first) + [" "] * (width - last - 1)
    for number in stalls:
        start, stop = (_cell(at, end_s, width) for at in times[number - 1 : number + 1])
        cells[start + 1 : stop] = [_STALL] * max(0, stop - start - 1)
    for at in times:
        cells[_cell(at, end_s, width)] = _CHUNK
    if shown < len(times):
        until = _cell(times[shown - 1], end_s, width) + 1 if shown else first
        cells[until:] = [" "] * (width - until)
    return tuple(Span("".join(run), _KINDS.get(glyph, Kind.GAP)) for glyph, run in itertools.groupby(cells))


def ruler_labels(
    times: Sequence[float], gaps: Sequence[float], stalls: Iterable[int], end_s: float, width: int
) -> Line:
    """Return the line below the ruler: when it was sent, the first token, the longest stalls, and the end."""
    if not times or width <= 0 or end_s <= 0:
        return ()
    end, first = f"end {seconds_words(end_s)}", _cell(times[0], end_s, width)
    wanted = [
        (0, 0, "sent", Kind.WORDS),
        (width - len(end), width - len(end), end, Kind.WORDS),
        (first, first, f"first token {seconds_words(times[0])}", Kind.WORDS),
    ]
    for number in sorted(stalls, key=lambda each: -gaps[each]):
        start, stop = (_cell(at, end_s, width) for at in times[number - 1 : number + 1])
        wanted.append((start + 1, stop, f"stalled {seconds_words(gaps[number])}", Kind.STALL))
    cells: list[tuple[str, Kind]] = [(" ", Kind.WORDS)] * width
    for start, latest, words, kind in wanted:
        place = _free_place(cells, start, latest, len(words))
        if place is not None:
            cells[place : place + len(words)] = [(letter, kind) for letter in words]
    return tuple(
        Span("".join(text for text, _kind in run), kind)
        for kind, run in itertools.groupby(cells, key=lambda cell: cell[1])
    )


def _free_place(cells: Sequence[tuple[str, Kind]], start: int, latest: int, length: int) -> int | None:
    """Return the first place from `start` to `latest` with room for that many letters and a blank around."""
    for place in range(max(0, start), latest + 1):
        around = cells[max(0, place - 1) : place + length + 1]
        if place + length <= len(cells) and all(text == " " for text, _kind in around):
            return place
    return None


def seconds_words(seconds: float) -> str:
    """Return seconds with three digits: `0.36s`, `12.4s`."""
    return f"{seconds:.2f}s" if seconds < 9.995 else f"{seconds:.1f}s"


def _cell(at: float, end_s: float, width: int) -> int:
    return max(0, min(width - 1, int(at / end_s * (width - 1) + 0.5)))
