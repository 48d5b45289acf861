"""Batches in words: how far one is, what it waits for, what it is called in a line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from llmdash.engine.model.counts import counted, listed
from llmdash.engine.model.frame import BatchRow, Frame
from llmdash.engine.model.states import BatchState
from llmdash.ui.text.badges import BATCH_STATES
from llmdash.ui.text.format import by_words, count, percent, span
from llmdash.ui.text.named_keys import Chosen, key_of
from llmdash.ui.text.worker_words import Sentence

__all__ = [
    "NO_COUNTS",
    "awaited_words",
    "batch_filter",
    "batch_sentences",
    "batches_counts",
    "deadline_words",
    "detail_of_job",
    "jobs_out",
    "open_batches",
    "out_words",
    "progress_of",
    "providers_of",
]

NO_COUNTS: Final = "no counts until the end"
_AT_PROVIDER: Final = (BatchState.CREATING, BatchState.OUT, BatchState.CANCELLING, BatchState.HELD)
_WORKED_ON: Final = (BatchState.OUT, BatchState.CANCELLING)
_ORDER: Final = (
    *(BatchState.HELD, BatchState.CANCELLING, BatchState.OUT, BatchState.CREATING, BatchState.UPLOADED),
    *(BatchState.PLANNED, BatchState.ENDED, BatchState.CLOSED, BatchState.DROPPED),
)
_MOST_HELD: Final = 3
_LONGEST_NAME: Final = 24


class _Ways(NamedTuple):
    """How to say which batch a held one is, and how to give one up."""

    adopts: str
    gives_up: str


_NONE: Final[Chosen] = {}
_SEND_AGAIN: Final = "have its jobs sent again, which may cost twice"
_COMMANDS: Final = _Ways(
    "say which with: llmdash batches adopt", f"to {_SEND_AGAIN}: llmdash run --resume --batch-abandon"
)


def batch_filter(batch: int) -> str:
    """Return the filter of the job table that shows the jobs of a batch."""
    return f"batch:{batch}"


def open_batches(frame: Frame) -> tuple[BatchRow, ...]:
    """Return the batches that jobs may be with."""
    return tuple(row for row in frame.batches if row.state.is_open)


def jobs_out(frame: Frame) -> int:
    """Return how many jobs are in batches that a provider has, or may have."""
    return sum(
        row.left for row in frame.batches if row.state in _AT_PROVIDER or row.state is BatchState.ENDED
    )


def providers_of(rows: Sequence[BatchRow]) -> str:
    """Return the endpoints of these batches: `openai`, `openai, azure`."""
    names = list(dict.fromkeys(by_words(row.endpoint, _LONGEST_NAME) or "the provider" for row in rows))
    return listed(names, 2)


def progress_of(row: BatchRow) -> str:
    """Return how far a batch is, as the provider tells: `62 %`, or that it tells only at the end."""
    if row.share is None:
        return NO_COUNTS
    return f"{percent(round(row.share * row.jobs), row.jobs).strip().removesuffix('%')} %"


def detail_of_job(row: BatchRow | None) -> str:
    """Return where a batched job is: `openai batch_abc · 62 %`, or what its batch waits for."""
    if row is None:
        return "its batch is being planned"
    where = " ".join(filter(None, (row.endpoint, row.provider_id or f"batch {row.batch}")))
    if row.detail:
        return f"{where} · {row.detail}"
    if row.state in _WORKED_ON:
        return f"{where} · {progress_of(row)}"
    return f"{where} · {BATCH_STATES[row.state].word}"


def batches_counts(rows: Sequence[BatchRow]) -> str:
    """Return how many batches are in which state, those first that the user has to do with."""
    found = Counter(row.state for row in rows)
    return " · ".join(f"{count(found[each])} {BATCH_STATES[each].word}" for each in _ORDER if found[each])


def out_words(frame: Frame) -> str:
    """Return in a few words what is with providers: `◇ 3 batches out, 62 %`; empty where nothing is."""
    rows = [row for row in open_batches(frame) if row.state in _AT_PROVIDER]
    if not rows:
        return ""
    if held := [row for row in rows if row.state is BatchState.HELD]:
        return f"◆ batch {held[0].batch} is held" + (f", {len(held) - 1} more" if len(held) > 1 else "")
    which = f"batch {rows[0].batch}" if len(rows) == 1 else counted(len(rows), "batch", "batches")
    are_ending = all(row.state is BatchState.CANCELLING for row in rows)
    name = f"{which} {'cancelling' if are_ending else 'out'}"
    known = [row for row in rows if row.share is not None]
    if len(known) != len(rows):
        return f"◇ {name}"
    done = sum((row.done or 0) + (row.failed or 0) for row in known)
    return f"◇ {name}, {percent(done, sum(row.jobs for row in known)).strip()}"


def awaited_words(frame: Frame) -> str:
    """Return what a run waits for of which all that is left is in batches: `6,000 batched · oldest 25m12s`;
    where none of them goes on without the user, that; empty for any other run.
    """
    if not frame.run.is_all_batched:
        return ""
    rows = open_batches(frame)
    if rows and all(row.state is BatchState.HELD for row in rows):
        return out_words(frame).removeprefix("◆ ")
    age_s = max((row.age_s for row in rows), default=None)
    oldest = "" if age_s is None else f" · oldest {span(int(age_s))}"
    return f"{count(frame.run.batched)} batched{oldest}"


def deadline_words(at: float | None, now: float) -> str:
    """Return when what is out is brought back: `at 18:30, in 2h05m`; `on Fri 18:30` where that is no day of
    today.
    """
    if at is None:
        return "never"
    time, today = datetime.fromtimestamp(at), datetime.fromtimestamp(now)
    far = time.date() - today.date() >= timedelta(days=1)
    left = f"in {span(at - now)}" if at > now else "now"
    return f"{f'on {time:%a}' if far else 'at'} {time:%H:%M}, {left}"


def batch_sentences(
    frame: Frame, now: float, chosen: Chosen = _NONE, *, at_work: bool = True
) -> tuple[Sentence, ...]:
    """Return what is to be said of the batches: which need the user, and when the others are brought back.
    What can be done is named by its key, `chosen` ones too; by its command of a run that is not `at_work`.
    """
    ways = _keys(chosen) if at_work else _COMMANDS
    return (*_held(frame.batches, ways), *_waiting(frame.batches), *_deadline(frame, now))


def _keys(chosen: Chosen) -> _Ways:
    return _Ways(
        f"press {key_of('adopt-batch', 'a', chosen)} to say which",
        f"press {key_of('bring-back', 'x', chosen)} to {_SEND_AGAIN}",
    )


def _held(rows: Sequence[BatchRow], ways: _Ways) -> Iterator[Sentence]:
    held = [row for row in rows if row.state is BatchState.HELD]
    for row in held[:_MOST_HELD]:
        does = ways.adopts if row.lacks_id else ways.gives_up
        yield Sentence(f"Batch {row.batch} is held: {'; '.join(filter(None, (row.detail, does)))}", "warning")
    if len(held) > _MOST_HELD:
        yield Sentence(
            f"{counted(len(held) - _MOST_HELD, 'more batch', 'more batches')} are held.", "warning"
        )


def _waiting(rows: Sequence[BatchRow]) -> Iterator[Sentence]:
    """Why nothing happens with those that do not need the user; the table may have no room for it."""
    waiting = [row for row in rows if row.state.is_open and row.detail and row.state is not BatchState.HELD]
    for row in waiting[:_MOST_HELD]:
        yield Sentence(f"Batch {row.batch}: {row.detail}", "muted")


def _deadline(frame: Frame, now: float) -> Iterator[Sentence]:
    if not open_batches(frame) or frame.kept or frame.replay is not None:
        return  # what was set then is not on record
    if frame.batch_deadline is None:
        yield Sentence("No deadline is set: each stays out until its provider ends it.", "muted")
    else:
        until = deadline_words(frame.batch_deadline, now)
        yield Sentence(f"What is still out is brought back {until}.", "muted")
