"""The lines of the key panel: keys in columns, and a heading for an endpoint; what stands in each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from rich.cells import cell_len

from llmdash.engine.model.frame import EndpointRow, EndpointState, KeyRow, KeyState
from llmdash.ui.charts.chart import sparkline
from llmdash.ui.tables.columns import Column
from llmdash.ui.tables.row_painter import HEADER, MUTED, ROW, Cell
from llmdash.ui.text.badges import ENDPOINT_STATES, KEY_STATES, Badge
from llmdash.ui.text.format import by_words, countdown, short

__all__ = [
    "EndpointLine",
    "KeyLine",
    "endpoint_cells",
    "endpoint_line",
    "grouped",
    "key_cell",
    "key_columns",
    "key_line",
    "trouble",
]

SPARK_SECONDS: Final = 12
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
"""Seconds below which the pause between two requests of a healthy key is not worth a word."""

COUNTS: Final = {"fly": 3, "sent": 5, "ok": 5, "429": 3, "err": 3, "rpm": 4, "tok": 4, "left": 5}
"""The columns that hold a count, and their width; `left` is what remains to the key, as the server says."""
NOT_TOLD: Final = -1

_GRAVE_KEYS: Final = (KeyState.DEAD, KeyState.QUARANTINED, KeyState.COOLDOWN)
_GRAVE_ENDPOINTS: Final = (EndpointState.PAUSED, EndpointState.DOWN, EndpointState.PROBING)


class KeyLine(NamedTuple):
    """What decides the looks of a key's line: the texts in it, and whether it is lit."""

    label: str
    state: str
    style: str
    counts: tuple[int, ...]
    weight: float
    spark: str
    detail: str
    lit: bool


class EndpointLine(NamedTuple):
    """What decides the looks of an endpoint's heading; `load` is what is in flight, of how many at most."""

    name: str
    state: str
    style: str
    load: str
    detail: str


def grouped(keys: Sequence[KeyRow], endpoints: Sequence[EndpointRow]) -> tuple[KeyRow | EndpointRow, ...]:
    """Every endpoint with its keys below it; keys of none of them come last."""
    lines: list[KeyRow | EndpointRow] = []
    for endpoint in endpoints:
        lines += [endpoint, *(key for key in keys if key.endpoint == endpoint.name)]
    names = {endpoint.name for endpoint in endpoints}
    return (*lines, *(key for key in keys if key.endpoint not in names))


def trouble(rows: Sequence[KeyRow | EndpointRow]) -> KeyRow | EndpointRow | None:
    """The one with the gravest trouble that there is something to say of; endpoints before keys."""
    for state in (*_GRAVE_ENDPOINTS, *_GRAVE_KEYS):
        found = next((row for row in rows if row.state is state and row.detail), None)
        if found is not None:
            return found
    return None


def key_columns(rows: Sequence[KeyRow]) -> tuple[Column, ...]:
    """The columns for these keys; weights show where any differs from 1, what is left where servers tell."""
    label_width = max((cell_len(row.label) for row in rows), default=0)
    columns = (
        Column("lit", "", 1),
        Column("label", "key", min(LONGEST_LABEL, max(4, label_width))),
        Column("state", "state", 11),
        _count_column("fly", 0),
        _count_column("sent", 6),
        _count_column("ok", 0),
        _count_column("429", 1),
        _count_column("err", 2),
        _count_column("rpm", 4),
        _count_column("left", 5),
        _count_column("tok", 7),
        Column("weight", "wt", 4, "right", priority=3),
        Column("spark", f"{SPARK_SECONDS} s", SPARK_SECONDS, priority=8),
        Column("detail", "", LEAST_DETAIL, flex=1, priority=9),
    )
    unused = set()
    if all(row.weight == 1 for row in rows):
        unused.add("weight")
    if all(row.remaining is None for row in rows):
        unused.add("left")
    return tuple(column for column in columns if column.key not in unused)


def _count_column(key: str, priority: int) -> Column:
    return Column(key, key, COUNTS[key], "right", priority=priority)


def key_line(row: KeyRow, *, lit: bool) -> KeyLine:
    """A key as it is shown; `lit` where it has just sent."""
    badge = PACED if _is_paced(row) else KEY_STATES[row.state]
    word = PACED.word if badge is PACED else RESTING.get(row.state)
    state = badge.text
    if row.rests_s is not None and word is not None:
        state = f"{badge.glyph} {word} {countdown(row.rests_s)}"
    tokens = row.input_tokens + row.output_tokens
    left = NOT_TOLD if row.remaining is None else row.remaining
    counts = (row.in_flight, row.sent, row.ok, row.throttled, row.errors, row.rpm, tokens, left)
    return KeyLine(
        label=row.label,
        state=state,
        style=f"line-table--{badge.style}",
        counts=counts,
        weight=row.weight,
        spark=sparkline(row.spark, SPARK_SECONDS),
        detail=row.detail,
        lit=lit,
    )


def _is_paced(row: KeyRow) -> bool:
    """Whether a healthy key waits, since the server's own counters say that it has nothing left just now."""
    return row.state is KeyState.HEALTHY and row.rests_s is not None and row.rests_s >= LEAST_PACED_S


def key_cell(line: KeyLine, key: str) -> Cell:
    """What stands in the column `key` of a key's line."""
    if key in COUNTS:
        return _count_cell(key, line.counts[list(COUNTS).index(key)])
    if key == "lit":
        return Cell("▌" if line.lit else "", "line-table--active")
    if key == "state":
        return Cell(line.state, line.style)
    if key == "weight":
        return Cell(f"×{line.weight:g}".replace("0.", "."), MUTED if line.weight == 1 else ROW)
    if key == "spark":
        return Cell(line.spark, "line-table--active")
    return Cell(line.label) if key == "label" else Cell(line.detail, MUTED)


def _count_cell(key: str, number: int) -> Cell:
    style = ROW
    if number == NOT_TOLD:
        return Cell("–", MUTED)
    if number == 0:
        style = MUTED
    elif key == "429":
        style = "line-table--warning"
    elif key == "err":
        style = "line-table--error"
    return Cell(short(number, COUNTS[key]), style)


def endpoint_line(row: EndpointRow) -> EndpointLine:
    """An endpoint as it is shown."""
    badge = ENDPOINT_STATES[row.state]
    back = "" if row.returns_s is None else f" {countdown(row.returns_s)}"
    limit = "" if row.concurrency is None else f"/{row.concurrency}"
    return EndpointLine(
        name=row.name,
        state=badge.text + back,
        style=f"line-table--{badge.style}",
        load=f"{row.in_flight}{limit} fly",
        detail=row.detail,
    )


def endpoint_cells(line: EndpointLine, width: int) -> list[Cell]:
    """The heading in `width` cells: name and state always; load, and what befell it, where there is room."""
    name = by_words(line.name, min(LONGEST_NAME, max(4, width - cell_len(line.state) - 2)))
    cells = [Cell(f"{name}  ", HEADER), Cell(line.state, line.style)]
    room = width - sum(cell_len(cell.text) for cell in cells) - 2
    if room >= cell_len(line.load):
        cells.append(Cell(f"  {line.load}", MUTED))
        room -= cell_len(line.load) + 2
    if room >= LEAST_DETAIL and line.detail:
        cells.append(Cell(f"  {by_words(line.detail, room)}", MUTED))
    return cells
