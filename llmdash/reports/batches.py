"""Batches as a table for people, and as JSON objects for scripts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from llmdash.engine.model.rows import BatchRow
from llmdash.engine.model.states import BatchState
from llmdash.reports.alignment import aligned
from llmdash.reports.wording import UNKNOWN, count, left, money, resume_command, share
from llmdash.sanitize import clean_line, shell_word

__all__ = ["batch_lines", "batch_record", "way_on_of_held"]

_TITLES = ("batch", "state", "key", "jobs", "left", "done", "age", "expires in", "cost")
_WORDS = 3
"""The columns that are texts."""


def batch_record(row: BatchRow) -> dict[str, Any]:
    """Return a batch as the summary of a run has it: times are Unix seconds, what is not known is null."""
    return {
        "batch": row.batch,
        "id": None if row.provider_id is None else clean_line(row.provider_id),
        "provider": clean_line(row.endpoint),
        "key": clean_line(row.key),
        "state": row.state.value,
        "jobs": row.jobs,
        "done": row.done,
        "failed": row.failed,
        "expired": row.expired,
        "created_at": row.created_at,
        "expires_at": row.expires_at,
        "cost": None if row.cost is None else round(row.cost, 6),
        "cost_is_most": row.cost_is_most,
    }


def batch_lines(rows: Sequence[BatchRow], folder: Path | None = None) -> Iterator[str]:
    """Yield a line of titles and one for each batch, and below it its id at the provider and why it waits;
    safe to show. Of a run in `folder` it says what one can do with a held one.
    """
    table = aligned([_TITLES, *map(_cells, rows)], _WORDS)
    yield table[0]
    for row, line in zip(rows, table[1:], strict=True):
        yield line
        said = [row.provider_id or "", f"{row.model} @ {row.endpoint}" if row.endpoint else row.model]
        yield f"       {clean_line('  '.join(filter(None, said)))}"
        if row.detail:
            yield f"       {clean_line(row.detail)}"
        if folder is not None and row.state is BatchState.HELD:
            yield f"       {way_on_of_held(row.batch, folder, lacks_id=row.lacks_id)}"


def way_on_of_held(batch: int, folder: Path, *, lacks_id: bool) -> str:
    """Return how the run in `folder` can go on with a batch that is held, in words safe to show."""
    if lacks_id:
        return f"say which with: llmdash batches adopt {shell_word(folder)} {batch} ID"
    return f"to have its jobs sent again, which may cost twice: {resume_command(folder)} --batch-abandon"


def _cells(row: BatchRow) -> tuple[str, ...]:
    is_said = row.state.is_open and row.word and row.word != row.state.value
    return (
        f"{row.batch}",
        clean_line(f"{row.state.value} ({row.word})" if is_said else row.state.value),
        clean_line(row.key),
        count(row.jobs),
        count(row.left),
        _done(row),
        left(row.age_s),
        UNKNOWN if row.expires_in_s is None else left(row.expires_in_s),
        UNKNOWN if row.cost is None else f"{'≤' if row.cost_is_most else ''}{money(row.cost)}",
    )


def _done(row: BatchRow) -> str:
    if row.share is None:
        return UNKNOWN  # some providers tell no counts before the end
    return f"{count((row.done or 0) + (row.failed or 0))} ({share(row.share, 0)})"
