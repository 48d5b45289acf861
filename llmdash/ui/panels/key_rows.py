"""The lines of the key panel: keys in columns, headings for endpoints, and the text of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from rich.cells import cell_len

from llmdash.engine.model.frame import EndpointRow, KeyRow
from llmdash.engine.model.states import EndpointState, KeyState
from llmdash.ui.charts.chart import resample, sparkline
from llmdash.ui.tables.columns import Column
from llmdash.ui.tables.row_painter import HEADER, MUTED, ROW, Cell
from llmdash.ui.text.badges import ENDPOINT_STATES, KEY_STATES, Badge
from llmdash.ui.text.format import by_words, countdown, percent, short, si

__all__ = [
    "CELLS",
    "FAINT",
    "LIT",
    "WholeLine",
    "endpoint_cells",
    "grouped",
    "key_cells",
    "key_columns",
    "key_detail",
    "lease_cell",
    "past_columns",
    "trouble",
]

SPARK_CELLS: Final = 8
SPARK_S: Final = 30
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
    "now": 0, "sent": 9, "ok": 0, "429": 1, "err": 2, "cut": 7, "rpm": 3, "left": 5, "tok/m": 6, "tok": 9,
}  # fmt: skip
"""Which counts are dropped first: the sum before any of what it is the sum of."""
_SUMMANDS: Final = ("now", "sent", "ok", "429", "err", "cut")
LONGEST_COUNT: Final = 7
CELLS: Final = ("label", "state", *COUNTS, "weight", "spark", "detail", "lease")
"""The columns of a key's line."""

_GRAVE_KEYS: Final = (KeyState.DEAD, KeyState.QUARANTINED, KeyState.COOLDOWN)
_GRAVE_ENDPOINTS: Final = (EndpointState.PAUSED, EndpointState.DOWN, EndpointState.PROBING)


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


def trouble(rows: Sequence[KeyRow | EndpointRow]) -> KeyRow | EndpointRow | None:
    """Return the row with the most severe trouble that has a detail; endpoints before keys."""
    for state in (*_GRAVE_ENDPOINTS, *_GRAVE_KEYS):
        found = next((row for row in rows if row.state is state and row.detail), None)
        if found is not None:
            return found
    return None


def key_columns(rows: Sequence[KeyRow]) -> tuple[Column, ...]:
    """Return the columns for these keys; weights show where any differs from 1, what is left where servers
    report it, requests cut off where there are any.
    """
    label_width = max((cell_len(row.label) for row in rows), default=0)
    columns = (
        Column("label", " key", 1 + min(LONGEST_LABEL, max(4, label_width))),
        Column("state", "state", 11),
        *(_count_column(key, priority, rows) for key, priority in _PRIORITIES.items()),
        Column("weight", "wt", 4, "right", priority=3),
        Column("lease", "lease", 5, "right", priority=7),
        Column("spark", f"last {SPARK_S}s", SPARK_CELLS, priority=8),
        Column("detail", "", LEAST_DETAIL, flex=1, priority=10),
    )
    unused = set()
    if all(row.weight == 1 for row in rows):
        unused.add("weight")
    if all(row.remaining is None for row in rows):
        unused.add("left")
    if not any(row.cut for row in rows):
        unused.add("cut")
    return tuple(column for column in columns if column.key not in unused)


def past_columns(rows: Sequence[KeyRow]) -> tuple[Column, ...]:
    """Return the columns for the keys of a run that has ended: the share of the leases that each had in place
    of what it does now.
    """
    columns = list(key_columns(rows))
    gone = ("now", "rpm", "left", "tok/m", "spark")
    kept = (column for column in columns if column.key not in gone)
    return tuple(replace(column, priority=2) if column.key == "lease" else column for column in kept)


def lease_cell(row: KeyRow, sent: int) -> Cell:
    """Return the share of all `sent` requests that the key had."""
    share = percent(row.sent, sent).strip() if sent else ""
    return Cell(share, ROW if row.sent else FAINT)


def _count_column(key: str, priority: int, rows: Sequence[KeyRow]) -> Column:
    """A column of counts, wide enough to show those exactly that add up to what was sent."""
    width = COUNTS[key]
    if key in _SUMMANDS:
        longest = max((len(f"{_counts(row)[key] or 0:,}") for row in rows), default=0)
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


def key_cells(row: KeyRow, widths: Mapping[str, int], *, lit: bool) -> tuple[Cell, ...]:
    """Return the cells of a key's line, in the order of CELLS, with counts as wide as their columns.

    It is `lit` where it has just sent.
    """
    badge = PACED if _is_paced(row) else KEY_STATES[row.state]
    word = PACED.word if badge is PACED else RESTING.get(row.state)
    state = badge.text
    if row.ready_in_s is not None and word is not None:
        state = f"{badge.glyph} {word} {countdown(row.ready_in_s)}"
    counts = _counts(row)
    return (
        Cell(f"{'▌' if lit else ' '}{row.label}", LIT if lit else ROW),
        Cell(state, f"line-table--{badge.style}"),
        *(_count_cell(key, counts[key], widths.get(key, COUNTS[key])) for key in COUNTS),
        Cell(f"×{row.weight:g}".replace("0.", "."), MUTED if row.weight == 1 else ROW),
        Cell(sparkline(resample(row.spark, SPARK_CELLS), SPARK_CELLS), "line-table--active"),
        Cell(key_detail(row), MUTED),
    )


def key_detail(row: KeyRow) -> str:
    """Return why a key is as it is; of one that rests, whose number that is."""
    if row.state is not KeyState.THROTTLED or row.ready_in_s is None:
        return row.detail
    whose = "server's hint" if row.rest_is_hint else "our guess"
    return f"rests {countdown(row.ready_in_s)}, {whose}{f': {row.detail}' if row.detail else ''}"


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
