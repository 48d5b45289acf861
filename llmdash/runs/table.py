"""The list of kept runs: a table for people that fits its width, and a JSON object each for scripts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from llmdash.reports.wording import UNKNOWN, count, doctor_command, money, share
from llmdash.runs.entry import KeptState, RunEntry
from llmdash.sanitize import clean_line

__all__ = ["as_record", "as_table", "damages", "moment"]

_GAP = "  "
_CUT = "…"


class _Column(NamedTuple):
    title: str
    cell: Callable[[RunEntry], str]
    least: int
    """The width down to which it may be cut; 0 for one that is never cut."""
    rank: int
    """Where the width does not suffice, columns of a high rank are left out first."""
    words: bool = False


def _name(entry: RunEntry) -> str:
    tags = "".join(f" #{tag}" for tag in entry.tags)
    return clean_line(f"{entry.title}{tags}")


def _jobs(entry: RunEntry) -> str:
    return UNKNOWN if entry.jobs is None else count(entry.jobs)


def _counted(entry: RunEntry, number: int) -> str:
    if entry.state is KeptState.DAMAGED:
        return UNKNOWN
    return count(number) if entry.exact else f"{count(number)}+"


_COLUMNS = (
    _Column("name", _name, 12, 0, words=True),
    _Column("when", lambda entry: moment(entry.started), 0, 2, words=True),
    _Column("state", lambda entry: entry.state.value, 0, 0, words=True),
    _Column("jobs", _jobs, 0, 0),
    _Column("done", lambda entry: _counted(entry, entry.done), 0, 0),
    _Column("failed", lambda entry: _counted(entry, entry.failed + entry.invalid), 0, 1),
    _Column("right", lambda entry: share(entry.accuracy), 0, 3),
    _Column("cost", lambda entry: money(entry.cost), 0, 4),
    _Column("model", lambda entry: clean_line(entry.model or UNKNOWN), 8, 5, words=True),
    _Column("folder", lambda entry: clean_line(_short(entry.folder)), 16, 6, words=True),
)


def moment(at: float | None) -> str:
    """Return a time of this machine's zone to the minute: `2026-01-31 14:25`; a dash for None."""
    try:
        return UNKNOWN if at is None else f"{datetime.fromtimestamp(at):%Y-%m-%d %H:%M}"
    except (ValueError, OverflowError, OSError):
        return UNKNOWN


def _short(folder: Path) -> str:
    """A path, with `~` for the home folder."""
    home = Path.home()
    return f"~/{folder.relative_to(home)}" if folder.is_relative_to(home) else str(folder)


def as_table(entries: Sequence[RunEntry], width: int | None) -> list[str]:
    """Return a line of titles and one for each run, `width` cells wide at most; None for as wide as needed.

    Where it is too narrow, texts are cut, then columns left out: the folder first. Safe to show.
    """
    from rich.cells import cell_len

    columns = list(_COLUMNS)
    grid = [[column.cell(entry) for column in columns] for entry in entries]
    widths = [
        max(cell_len(text) for text in (column.title, *(row[place] for row in grid)))
        for place, column in enumerate(columns)
    ]
    shown = _fitting(widths, width)
    return [
        _GAP.join(_cell(row[place], columns[place], cells) for place, cells in shown.items()).rstrip()
        for row in ([column.title for column in columns], *grid)
    ]


def _fitting(widths: Sequence[int], width: int | None) -> dict[int, int]:
    """The places of the columns that are shown, and their widths."""
    shown = dict(enumerate(widths))
    while width is not None and _least(shown) > width and len(shown) > 1:
        del shown[max(shown, key=lambda place: (_COLUMNS[place].rank, place))]
    spare = _total(shown) - width if width is not None else 0
    for place in sorted(shown, key=lambda place: -_COLUMNS[place].rank):
        if spare > 0 and (least := _COLUMNS[place].least):
            cut = min(spare, max(0, shown[place] - least))
            shown[place] -= cut
            spare -= cut
    return shown


def _total(shown: dict[int, int]) -> int:
    return sum(shown.values()) + len(_GAP) * (len(shown) - 1)


def _least(shown: dict[int, int]) -> int:
    """The width of columns that are cut as far as may be."""
    return _total({place: min(cells, _COLUMNS[place].least or cells) for place, cells in shown.items()})


def _cell(text: str, column: _Column, cells: int) -> str:
    from rich.cells import cell_len, set_cell_size

    if cell_len(text) > cells:
        text = set_cell_size(text, max(0, cells - 1)).rstrip() + _CUT
    blank = " " * (cells - cell_len(text))
    return text + blank if column.words else blank + text


def damages(entries: Sequence[RunEntry]) -> list[str]:
    """Return a line for each damaged run, with the command that says more. Safe to show."""
    return [
        f"{clean_line(entry.id)}: damaged ({clean_line(entry.problem or 'unreadable')}); "
        f"see: {doctor_command(entry.folder)}"
        for entry in entries
        if entry.state is KeptState.DAMAGED
    ]


def as_record(entry: RunEntry) -> dict[str, Any]:
    """Return a run as a JSON object: times are ISO 8601 with their zone, what is not known is null."""
    damaged = entry.state is KeptState.DAMAGED
    return {
        "run": entry.id,
        "name": entry.title,
        "state": entry.state.value,
        "jobs": entry.jobs,
        "done": None if damaged else entry.done,
        "failed": None if damaged else entry.failed,
        "started": _iso(entry.started),
        "model": entry.model,
        "cost": entry.cost,
        "dir": str(entry.folder),
        "cost_uncertain": entry.cost_uncertain,
        "invalid": None if damaged else entry.invalid,
        "cancelled": None if damaged else entry.cancelled,
        "pending": entry.pending,
        "batched": entry.batched,
        "exact": entry.exact,
        "right": entry.right,
        "scored": entry.scored,
        "accuracy": entry.accuracy,
        "attempts": entry.attempts,
        "input_tokens": entry.input_tokens,
        "output_tokens": entry.output_tokens,
        "elapsed_s": entry.elapsed_s,
        "ended": _iso(entry.ended),
        "endpoint": entry.endpoint,
        "tags": list(entry.tags),
        "alive": entry.alive,
        "pid": entry.pid,
        "bytes": entry.bytes,
        "keep": entry.keep,
        "problem": entry.problem,
        "fix": doctor_command(entry.folder) if damaged else None,
    }


def _iso(at: float | None) -> str | None:
    try:
        return None if at is None else datetime.fromtimestamp(at).astimezone().isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError):
        return None
