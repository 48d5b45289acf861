"""Restores many results on record at once, column by column."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import compress
from typing import Any, TypeVar

from llmdash.engine.model.records import EndedColumns
from llmdash.engine.model.states import RESULT_STATES, AnswerFlag
from llmdash.engine.model.timings import AnswerTimes
from llmdash.engine.store.job_columns import JobColumns
from llmdash.engine.store.store import ANSWERED, Store
from llmdash.engine.store.timings import Source, Timings

__all__ = ["count_times", "restore_all", "restore_columns"]

T = TypeVar("T", int, float)

_MOST_TRIES = 65_535
_STATES = {name: int(state) for name, state in RESULT_STATES.items()}
_EMPTY = int(AnswerFlag.EMPTY | AnswerFlag.REASONING_ONLY)
_REUSED = int(AnswerFlag.REUSED)


def restore_all(store: Store, ended: EndedColumns) -> None:
    """Take in results of jobs that the store has none of yet, as `Store.restore` does, and their attempts."""
    store.columns.begin_all(ended.job)
    restore_columns(store.columns, ended)
    if ended.worker.count(None) < len(ended.worker):
        for (worker, state), number in Counter(zip(ended.worker, ended.state, strict=True)).items():
            if worker is not None:
                store.done_by[worker] += number if state == "done" else 0
    has_answer = _has_answer(ended)
    _count_answers(store, EndedColumns._make(tuple(compress(column, has_answer)) for column in ended))


def restore_columns(columns: JobColumns, ended: EndedColumns) -> None:
    """Take in what the table shows of results, of jobs that it has none of yet."""
    jobs = ended.job
    columns.set_states(jobs, [_STATES[state] for state in ended.state])
    _fill(columns.tries, jobs, [min(attempts, _MOST_TRIES) for attempts in ended.attempts])
    _fill(columns.error, jobs, columns.errors.numbers(ended.error))
    _fill(columns.verdict, jobs, ended.verdict)
    _fill(columns.wait, jobs, [wait_s or 0.0 for wait_s in ended.wait_s])
    _fill(columns.key, jobs, columns.keys.numbers(ended.key))
    if ended.worker.count(None) < len(jobs):
        _fill(columns.worker, jobs, columns.workers.numbers(ended.worker))
    has_answer = _has_answer(ended)
    _fill(columns.flags, jobs, _where(has_answer, _flags(ended)))
    _fill(columns.ttft, jobs, _where(has_answer, ended.ttft_s))
    _fill(columns.time, jobs, _where(has_answer, ended.latency_s))
    _fill(columns.input_tokens, jobs, _where(has_answer, ended.input_tokens))
    _fill(columns.output_tokens, jobs, _where(has_answer, ended.output_tokens))
    _fill(columns.estimated, jobs, [bool(each) for each in _where(has_answer, ended.estimated)])


def _has_answer(ended: EndedColumns) -> list[bool]:
    return [state in ANSWERED for state in ended.state]


def _where(holds: Iterable[bool], values: Iterable[T | None]) -> list[T | int]:
    """Return these values, and 0 for each that is None or of which it does not hold."""
    return [(value or 0) if each else 0 for each, value in zip(holds, values, strict=True)]


def _count_answers(store: Store, answered: EndedColumns) -> None:
    flags = _flags(answered)
    for each, number in Counter(flags).items():
        store.empty += number if each & _EMPTY else 0
        store.reused += number if each & _REUSED else 0
    store.estimated = store.estimated or any(answered.estimated)
    for verdict, number in Counter(answered.verdict).items():
        store.verdicts[verdict] += number
    _count_times(store.timings, answered, flags, is_streamed=store.is_streamed)


def count_times(timings: Timings, ended: EndedColumns, *, is_streamed: bool) -> None:
    """Count what was measured of the answers among these results; without streams no first tokens."""
    has_answer = _has_answer(ended)
    answered = EndedColumns._make(tuple(compress(column, has_answer)) for column in ended)
    _count_times(timings, answered, _flags(answered), is_streamed=is_streamed)


def _count_times(timings: Timings, answered: EndedColumns, flags: list[int], *, is_streamed: bool) -> None:
    timed = [not each & _REUSED for each in flags]  # those that were asked for
    asked = EndedColumns._make(tuple(compress(column, timed)) for column in answered)
    ttfts = asked.ttft_s if is_streamed else (None,) * len(asked.job)
    times = map(AnswerTimes.of, ttfts, asked.latency_s, asked.output_tokens, asked.wait_s)
    of_source: dict[tuple[str | None, str | None, str | None], list[AnswerTimes]] = {}
    for source, each in zip(zip(asked.key, asked.endpoint, asked.model, strict=True), times, strict=True):
        of_source.setdefault(source, []).append(each)
    for source, many in of_source.items():
        timings.add_all(Source(*(name or "" for name in source)), many)


def _flags(answered: EndedColumns) -> list[int]:
    of_text = {text: int(AnswerFlag.of(text)) for text in dict.fromkeys(answered.flags)}
    return [of_text[text] for text in answered.flags]


def _fill(column: bytearray | array[Any], jobs: Sequence[int], values: Sequence[Any]) -> None:
    """Set the values of these jobs, which are in ascending order."""
    first, after = jobs[0], jobs[-1] + 1
    if after - first > len(jobs):
        for job, value in zip(jobs, values, strict=True):
            column[job] = value
    elif isinstance(column, bytearray):  # as most are: one after the other
        column[first:after] = bytes(values)
    else:
        column[first:after] = array(column.typecode, values)
