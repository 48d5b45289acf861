"""Loads the timeline of a kept run from its journal."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from itertools import accumulate, pairwise

from llmdash.engine.journal.reader import JournalReader
from llmdash.engine.model.records import EndedColumns, MomentRow, SampleRow, TimedColumns
from llmdash.engine.store.grouping import ErrorNumbers
from llmdash.engine.store.job_columns import JobColumns
from llmdash.engine.store.restoring import restore_columns
from llmdash.engine.store.timings import Source
from llmdash.lean_dataclass import dataclass
from llmdash.runs.ids import Ids
from llmdash.runs.kept_store import places_in
from llmdash.runs.replay.axis import Axis, axis_of
from llmdash.runs.replay.clock_steps import ClockSteps, Steadied
from llmdash.runs.replay.ordering import put_in_order
from llmdash.runs.replay.timeline import ANSWERED, CUT, FAILED, NEVER, THROTTLED, Timeline

__all__ = ["Loaded", "load"]

_REST_S = 60.0
"""The longest time without a request in flight that counts as work, in a journal without samples."""
_PORTION = 1_000
_MOST_SOURCES = _MOST_BATCHES = 65_535
_KINDS = ("input", "output", "cached", "reasoning")


@dataclass(frozen=True, slots=True)
class Loaded:
    """A timeline, the ids of its jobs, the axis of its positions, and the endpoint of each key."""

    timeline: Timeline
    ids: Ids
    axis: Axis
    places: dict[str, str]
    estimated: str
    """What the journal does not say."""


def load(
    reader: JournalReader,
    jobs: int,
    record: Steadied,
    progress: Callable[[float], None],
) -> Loaded:
    """Read all attempts and results; `progress` is called from time to time with the share that is read.

    Raises JournalError.
    """
    loader = _Loader(reader, jobs, progress)
    loader.read_results()
    loader.read_attempts()
    loader.steady(record.steps)
    return loader.finish(record.samples, record.moments)


class _Loader:
    """Reads a journal into a timeline; times are Unix seconds until it is finished."""

    def __init__(self, reader: JournalReader, jobs: int, progress: Callable[[float], None]) -> None:
        self._reader = reader
        self._jobs = jobs
        self._progress = progress
        self._timeline = Timeline(JobColumns(jobs, range(0)))
        self._ids = Ids(jobs)
        self._places: dict[str, str] = {}
        self._spent: dict[str, array[int]] = {kind: array("I") for kind in _KINDS}
        self._guessed_ends = False
        self._sources: dict[Source, int] = {}

    def read_results(self) -> None:
        """Read how each job ended."""
        timeline = self._timeline
        for ended in self._reader.ended_columns():
            restore_columns(timeline.final, ended)
            self._ids.add(ended.job, ended.id)
            for job, at in zip(ended.job, ended.ended_at, strict=True):
                timeline.job_ended[job] = at or 0.0
            self._note_sources(ended)
            self._guessed_ends = self._guessed_ends or None in ended.ended_at
            self._places.update(places_in(ended))
            self._progress(ended.job[-1] / max(1, self._jobs) / 2)

    def _note_sources(self, ended: EndedColumns) -> None:
        """Note the key, endpoint and model of each answer; those beyond 65,535 kinds are not told apart."""
        timeline, numbers = self._timeline, self._sources
        for job, *source in zip(ended.job, ended.key, ended.endpoint, ended.model, strict=True):
            known = Source(*(name or "" for name in source))
            number = numbers.get(known)
            if number is None and len(numbers) < _MOST_SOURCES:
                number = numbers[known] = len(timeline.sources)
                timeline.sources.append(known)
            timeline.source[job] = number or 0

    def read_attempts(self) -> None:
        """Read when each attempt was sent, began to be answered, and ended."""
        counts = array("I", bytes(4 * self._jobs))
        for some in self._reader.timed_attempts():
            for job, number in Counter(some.job).items():
                counts[job] += number
            self._add(some)
            self._progress(0.5 + some.job[-1] / max(1, self._jobs) / 2)
        self._timeline.first_attempt = array("I", accumulate(counts, initial=0))

    def _add(self, some: TimedColumns) -> None:
        timeline = self._timeline
        timeline.number.extend([min(attempt, 65_535) for attempt in some.attempt])
        timeline.sent.extend(some.sent)
        timeline.ended.extend([NEVER if at is None else at for at in some.ended])
        timeline.batch.extend(_batches(some))
        timeline.first_token.extend([NEVER if at is None else at for at in some.first_token])
        timeline.outcome.extend(map(_outcome, some.state, some.failure))
        timeline.key.extend(timeline.key_names.numbers(some.key))
        timeline.worker.extend(timeline.worker_names.numbers(some.worker))
        timeline.error.extend(timeline.error_names.numbers(some.message))
        timeline.group.extend(_groups(timeline.grouping, some))
        for kind in _KINDS:
            self._spent[kind].extend(getattr(some, kind))
        self._guessed_ends = self._guessed_ends or 1 in some.is_guessed

    def steady(self, steps: ClockSteps) -> None:
        """Replace times by those of a clock that was never set."""
        timeline = self._timeline
        for times in (timeline.sent, timeline.first_token, timeline.ended, timeline.job_ended):
            steps.place(times)

    def finish(self, samples: Sequence[SampleRow], moments: Sequence[MomentRow]) -> Loaded:
        """Replace times by positions, and put everything in order."""
        timeline = self._timeline
        begun = sorted(moment.at for moment in moments if moment.kind == "begun")
        self._end_what_was_cut_off(begun, samples)
        if any(timeline.batch):
            _without_streams(timeline)
        _disentangle(timeline)
        rest_s = 0.0 if samples else _REST_S
        axis = axis_of(samples, moments, *_sent_live(timeline), rest_s)
        starts = [axis.position(at) for at in begun[1:]]
        for times in (timeline.sent, timeline.first_token, timeline.ended, timeline.job_ended):
            axis.place(times)
        timeline.length_s = axis.length_s
        _settle_jobs(timeline)
        _mark_waits(timeline, starts)
        put_in_order(timeline, self._spent)
        return Loaded(timeline, self._ids, axis, self._places, self._estimated(samples))

    def _end_what_was_cut_off(self, begun: Sequence[float], samples: Sequence[SampleRow]) -> None:
        """Give attempts without a known end one: the last sign of life of the process that made them."""
        timeline = self._timeline
        if NEVER not in timeline.ended:
            return
        latest = _latest_signs(begun, (timeline.sent, timeline.ended, [row.at for row in samples]))
        for attempt, at in enumerate(timeline.ended):
            if at == NEVER and not timeline.batch[attempt]:
                sent = timeline.sent[attempt]
                timeline.ended[attempt] = max(sent, latest[bisect_right(begun, sent)])

    def _estimated(self, samples: Sequence[SampleRow]) -> str:
        missing = ["when requests ended"] if self._guessed_ends else []
        missing += [] if samples else ["pauses"]
        return f"not on record: {', '.join(missing)}" if missing else ""


def _batches(some: TimedColumns) -> Sequence[int]:
    """The batch of each attempt, 0 for none."""
    if not any(some.batch):
        return bytes(len(some.batch))  # as most portions are
    return [min(batch or 0, _MOST_BATCHES) for batch in some.batch]


def _without_streams(timeline: Timeline) -> None:
    """Let no result of a batch have a first token: it came in one piece."""
    for attempt, batch in enumerate(timeline.batch):
        if batch:
            timeline.first_token[attempt] = NEVER


def _sent_live(timeline: Timeline) -> tuple[Sequence[float], Sequence[float]]:
    """Return when each request was sent and ended, but for those in batches: they go on without the run."""
    if not any(timeline.batch):
        return timeline.sent, timeline.ended
    live = [attempt for attempt, batch in enumerate(timeline.batch) if not batch]
    return [timeline.sent[each] for each in live], [timeline.ended[each] for each in live]


def _groups(grouping: ErrorNumbers, some: TimedColumns) -> Iterator[int]:
    rows = zip(some.state, some.failure, some.status, some.code, some.message, strict=True)
    for state, failure, status, code, message in rows:
        yield grouping.number(failure, status, code, message) if state == "failed" else 0


def _latest_signs(begun: Sequence[float], signs: Iterable[Sequence[float]]) -> list[float]:
    """Return the latest of the signs of life before each start of the run, and that of all of them."""
    latest = [-NEVER] * (len(begun) + 1)
    for times in signs:
        for begin in range(0, len(times), _PORTION):
            some = array("d", filter(NEVER.__gt__, times[begin : begin + _PORTION]))
            if some and bisect_right(begun, min(some)) == bisect_right(begun, max(some)):
                some = array("d", (max(some),))  # as most are: all of them of one start
            for at in some:
                start = bisect_right(begun, at)
                latest[start] = max(latest[start], at)
    return list(accumulate(latest, max))


@cache
def _outcome(state: str, failure: str | None) -> int:
    if state == "ok" or (state == "failed" and failure == "invalid"):
        return ANSWERED
    if state == "failed":
        return THROTTLED if failure == "throttle" else FAILED
    return CUT


def _disentangle(timeline: Timeline) -> None:
    """Let the attempts of a job follow each other, whatever the clocks said: none begins before the one
    before it, or ends after the next one begins, or is answered after its end.
    """
    sent, ended, first_token = timeline.sent, timeline.ended, timeline.first_token
    for begin, end in pairwise(timeline.first_attempt):
        if end == begin + 1 and first_token[begin] <= ended[begin]:
            continue  # as most are: it is read so that it ends after it was sent
        for attempt in range(begin + 1, end):
            sent[attempt] = max(sent[attempt], sent[attempt - 1])
            ended[attempt - 1] = min(ended[attempt - 1], sent[attempt])
        for attempt in range(begin, end):
            ended[attempt] = max(ended[attempt], sent[attempt])
            if first_token[attempt] != NEVER:
                first_token[attempt] = min(max(first_token[attempt], sent[attempt]), ended[attempt])


def _settle_jobs(timeline: Timeline) -> None:
    """Let no job end before its last attempt, and none without a time of its own at any other; nor be in a
    batch after its end.
    """
    job_ended, ended = timeline.job_ended, timeline.ended
    for job, (begin, end) in enumerate(pairwise(timeline.first_attempt)):
        if end > begin and ended[end - 1] == NEVER and job_ended[job] < NEVER:
            ended[end - 1] = max(job_ended[job], timeline.sent[end - 1])
        if end > begin and job_ended[job] < ended[end - 1]:
            job_ended[job] = ended[end - 1]


def _mark_waits(timeline: Timeline, starts: Sequence[float]) -> None:
    """Note after which attempts a job waited for another one, and until when; not beyond a new start."""
    ended, job_ended = timeline.ended, timeline.job_ended
    for job, (begin, end) in enumerate(pairwise(timeline.first_attempt)):
        if end == begin + 1 and job_ended[job] <= ended[begin]:
            continue  # as most are: it ended with its only attempt
        for attempt in range(begin, end):
            over = timeline.sent[attempt + 1] if attempt + 1 < end else timeline.job_ended[job]
            following = bisect_right(starts, ended[attempt])
            if following < len(starts):
                over = min(over, starts[following])
            if over == NEVER and timeline.outcome[attempt] in (THROTTLED, FAILED):
                over = timeline.length_s + 1.0  # it waited when the run was stopped
            is_live = timeline.outcome[attempt] != CUT and not timeline.batch[attempt]
            if is_live and ended[attempt] < over < NEVER:
                timeline.waiting.append(attempt)
                timeline.waited_until.append(over)
