"""The lines of the key panel: keys in columns, headings for endpoints, and the text of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple

from rich.cells import cell_len

from llmdash.engine.model.frame import EndpointRow, KeyRow
from llmdash.engine.model.states import KeyState
from llmdash.ui.charts.chart import resample, sparkline
from llmdash.ui.panels.key_detail import key_detail
from llmdash.ui.tables.columns import Column
from llmdash.ui.tables.row_painter import HEADER, MUTED, ROW, Cell
from llmdash.ui.text.badges import ENDPOINT_STATES, KEY_STATES, Badge
from llmdash.ui.text.format import by_words, countdown, in_seconds, percent, short, si
from llmdash.ui.text.run_words import figure_dollars

__all__ = [
    "CELLS",
    "FAINT",
    "LIT",
    "WholeLine",
    "endpoint_cells",
    "grouped",
    "key_cells",
    "key_columns",
    "past_columns",
]

SPARK_CELLS: Final = 7
LONGEST_LABEL: Final = 12
LONGEST_NAME: Final = 20
LEAST_DETAIL: Final = 8
RESTING: Final = {
    KeyState.THROTTLED: "rests",
    KeyState.COOLDOWN: "cools",
    KeyState.QUARANTINED: "quota",
}
"""The word before a countdown."""

PACED: Final = Badge("◔", "paced", "waiting")
LEAST_COST: Final = 0.00095
"""Dollars below which there are none to tell in the column."""
LEAST_PACED_S: Final = 1.0
"""Pauses between two requests of a healthy key below this many seconds are not shown."""

FAINT: Final = "key-panel--faint"
LIT: Final = "key-panel--lit"

COUNTS: Final = {
    "now": 3, "sent": 5, "ok": 5, "429": 3, "err": 3, "cut": 3, "rpm": 3, "left": 4, "tok/m": 5, "tok": 4,
}  # fmt: skip
"""The columns of counts, and their width: sent = now + ok + 429 + err + cut; `left` is what remains to the
key, as the server says.
"""
_PRIORITIES: Final = {
    "now": 0, "sent": 9, "ok": 0, "429": 1, "err": 2, "cut": 3, "rpm": 3, "left": 4, "tok/m": 6, "tok": 9,
}  # fmt: skip
"""Which counts are dropped first: the sum before any of what it is the sum of."""
_OF_NOW: Final = ("now", "rpm", "left", "tok/m", "spark")
_PAST: Final[Mapping[str, Mapping[str, Any]]] = {
    "state": {"width": 9}, "lease": {"priority": 2}, "cost": {"priority": 3}
}  # fmt: skip
"""What is special about the columns of a run that has ended: no state counts down."""
_SUMMANDS: Final = ("now", "sent", "ok", "429", "err", "cut")
LONGEST_COUNT: Final = 7
CELLS: Final = ("label", "state", *COUNTS, "p50", "weight", "lease", "cost", "spark", "detail")
"""The columns of a key's line."""


class WholeLine(NamedTuple):
    """The line of an endpoint, which has no columns."""

    cells: tuple[Cell, ...]


def grouped(keys: Sequence[KeyRow], endpoints: Sequence[EndpointRow]) -> tuple[KeyRow | EndpointRow, ...]:
    """Return every endpoint followed by its keys; keys of none of them come last."""
    lines: list[KeyRow | EndpointRow] = []
    for endpoint in endpoints:
        lines += [endpoint, *(key for key in keys if key.endpoint == endpoint.name)]
    names = {endpoint.name for endpoint in endpoints}
    return (*lines, *(key for key in keys if key.endpoint not in names))


def key_columns(rows: Sequence[KeyRow], jobs: int = 0) -> tuple[Column, ...]:
    """Return the columns for these keys of a run of `jobs`; weights show where any differs from 1, what is
    left where servers report it, requests cut off and dollars where there are any.
    """
    label_width = max((cell_len(row.label) for row in rows), default=0)
    columns = (
        Column("label", " key", 1 + min(LONGEST_LABEL, max(4, label_width))),
        Column("state", "state", 11),
        *(_count_column(key, priority, rows, jobs) for key, priority in _PRIORITIES.items()),
        Column("p50", "p50", 5, "right", priority=7),
        Column("weight", "wt", 4, "right", priority=3),
        Column("lease", "lease", 5, "right", priority=8),
        Column("cost", "cost", 6, "right", priority=9),
        Column("spark", "last 4m", SPARK_CELLS, priority=5),
        Column("detail", "", LEAST_DETAIL, flex=1, priority=10),
    )
    unused = set()
    if all(row.weight == 1 for row in rows):
        unused.add("weight")
    if all(row.remaining is None for row in rows):
        unused.add("left")
    if all(row.cost is None for row in rows):
        unused.add("cost")
    if not any(row.cut for row in rows):
        unused.add("cut")
    return tuple(column for column in columns if column.key not in unused)


def past_columns(rows: Sequence[KeyRow], jobs: int = 0) -> tuple[Column, ...]:
    """Return the columns for the keys of a run that has ended: the share of the leases that each had, and
    its cost, in place of what it does now.
    """
    kept = (column for column in key_columns(rows, jobs) if column.key not in _OF_NOW)
    return tuple(replace(column, **_PAST.get(column.key, {})) for column in kept)


def _count_column(key: str, priority: int, rows: Sequence[KeyRow], jobs: int) -> Column:
    """A column of counts, wide enough to show those exactly that add up to what was sent. Where each key has
    its part of the jobs, it never gets wider.
    """
    width = COUNTS[key]
    if key in _SUMMANDS:
        counts = [_counts(row)[key] or 0 for row in rows]
        if key in ("sent", "ok"):
            counts.append(jobs // max(1, len(rows)))
        longest = max((len(f"{number:,}") for number in counts), default=0)
        width = max(width, min(LONGEST_COUNT, longest))
    return Column(key, key, width, "right", priority=priority)


def _counts(row: KeyRow) -> dict[str, int | None]:
    """The numbers in the columns of counts."""
    return {
        "now": row.in_flight,
        "sent": row.sent,
        "ok": row.ok,
        "429": row.throttled,
        "err": row.errors,
        "cut": row.cut,
        "rpm": row.rpm,
        "left": row.remaining,
        "tok/m": row.tpm,
        "tok": row.input_tokens + row.output_tokens,
    }


def key_cells(
    row: KeyRow, widths: Mapping[str, int], sent: int, *, lit: bool, at_cursor: bool = False
) -> tuple[Cell, ...]:
    """Return the cells of a key's line, in the order of CELLS, with counts as wide as their columns; all keys
    together have `sent` requests.

    It is `lit` where it has just sent.
    """
    counts = _counts(row)
    share = percent(row.sent, sent).strip()
    return (
        _label_cell(row.label, lit=lit, at_cursor=at_cursor),
        _state_cell(row),
        *(_count_cell(key, counts[key], widths.get(key, COUNTS[key])) for key in COUNTS),
        Cell("–", FAINT) if row.p50_s is None else Cell(in_seconds(row.p50_s)),
        Cell(f"×{row.weight:g}".replace("0.", "."), MUTED if row.weight == 1 else ROW),
        Cell(share, ROW if row.sent else FAINT),
        _cost_cell(row.cost),
        Cell(sparkline(resample(row.spark, SPARK_CELLS), SPARK_CELLS), "line-table--active"),
        Cell(key_detail(row), MUTED),
    )


def _label_cell(label: str, *, lit: bool, at_cursor: bool) -> Cell:
    if lit:
        return Cell(f"▌{label}", LIT)
    sign = "›" if at_cursor else " "
    return Cell(f"{sign}{label}", pieces=((sign, "line-table--accent"), (label, ROW)))


def _cost_cell(cost: float | None) -> Cell:
    if cost is None:
        return Cell("–", FAINT)
    if 0.0 < cost < LEAST_COST:
        return Cell("<$.001")
    return Cell(figure_dollars(cost).replace("$0.", "$."), ROW if cost else FAINT)


def _state_cell(row: KeyRow) -> Cell:
    badge = PACED if _is_paced(row) else KEY_STATES[row.state]
    word = PACED.word if badge is PACED else RESTING.get(row.state)
    state = badge.text
    if row.ready_in_s is not None and word is not None:
        state = f"{badge.glyph} {word} {countdown(row.ready_in_s)}"
    return Cell(state, f"line-table--{badge.style}")


def _is_paced(row: KeyRow) -> bool:
    """True if a healthy key waits because the server's rate limit headers say that nothing is left."""
    return row.state is KeyState.HEALTHY and row.ready_in_s is not None and row.ready_in_s >= LEAST_PACED_S


def _count_cell(key: str, number: int | None, width: int) -> Cell:
    if number is None:
        return Cell("–", FAINT)
    style = ROW
    if number == 0:
        style = FAINT
    elif key == "429":
        style = "line-table--warning"
    elif key == "err":
        style = "line-table--error"
    exact = si(number).strip() if key == "tok/m" else f"{number:,}"
    return Cell(exact if len(exact) <= width else short(number, width), style)


def endpoint_cells(row: EndpointRow, width: int) -> tuple[Cell, ...]:
    """Return the heading in `width` cells: name and state always; load and detail where there is room."""
    badge = ENDPOINT_STATES[row.state]
    state = badge.text + ("" if row.returns_in_s is None else f" {countdown(row.returns_in_s)}")
    load = f"{row.in_flight}{'' if row.concurrency is None else f'/{row.concurrency}'} in flight"
    name = by_words(row.name, min(LONGEST_NAME, max(4, width - cell_len(state) - 2)))
    cells = [Cell(f"{name}  ", HEADER), Cell(state, f"line-table--{badge.style}")]
    room = width - sum(cell_len(cell.text) for cell in cells) - 2
    if room >= cell_len(load):
        cells.append(Cell(f"  {load}", MUTED))
        room -= cell_len(load) + 2
    limit = f"limit {by_words(row.limit, LONGEST_NAME)}"
    if row.limit and room >= cell_len(limit):
        cells.append(Cell(f"  {limit}", MUTED))
        room -= cell_len(limit) + 2
    if room >= LEAST_DETAIL and row.detail:
        cells.append(Cell(f"  {by_words(row.detail, room)}", MUTED))
    return tuple(cells)
