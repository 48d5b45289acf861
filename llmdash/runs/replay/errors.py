"""ErrorsAt: failed tries and failed jobs by group, at a position of the replay."""

from __future__ import annotations

import heapq
from array import array
from collections import Counter
from collections.abc import Iterator
from itertools import chain, pairwise

from llmdash.engine.model.errors import MOST_GROUPS, ErrorGroup, FailedTries
from llmdash.engine.model.states import JobState
from llmdash.engine.store.error_groups import MOST_EXAMPLES, MOST_KEYS, SPARK, of_key
from llmdash.engine.store.grouping import group_at
from llmdash.engine.store.job_columns import CLASSES
from llmdash.runs.replay.columns import ColumnsAt
from llmdash.runs.replay.timeline import Timeline
from llmdash.runs.replay.tracks import NEVER, NOTHING, EventTrack, SumsAt, split, track

__all__ = ["ErrorsAt"]

_STEPS = 256


class _Group:
    """The tries of one group and the jobs that failed so, each in the order of time."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.tries = self.jobs = self.answers = NOTHING
        """`answers` are of those jobs the ones with an invalid answer, which is a try as well."""
        self._known = 0, 0
        self._keys: Counter[int] = Counter()

    def tries_by(self, position: float) -> int:
        return self.tries.by(position) + self.answers.by(position)

    def tries_before(self, position: float) -> int:
        return self.tries.before(position) + self.answers.before(position)

    def keys(self, timeline: Timeline, position: float) -> Counter[int]:
        """Return the tries of each key by the position."""
        now, before = (self.tries.by(position), self.answers.by(position)), self._known
        if now < before or now[1] < before[1]:
            self._keys, before = Counter(), (0, 0)
        self._keys.update(map(timeline.key.__getitem__, self.tries.order[before[0] : now[0]]))
        self._keys.update(map(timeline.final.key.__getitem__, self.answers.order[before[1] : now[1]]))
        self._known = now
        return self._keys

    def last_s(self, timeline: Timeline, position: float) -> float | None:
        tries, jobs = self.tries.by(position), self.jobs.by(position)
        times = [timeline.ended[self.tries.order[tries - 1]]] if tries else []
        times += [timeline.job_ended[self.jobs.order[jobs - 1]]] if jobs else []
        return max(times, default=None)


class ErrorsAt:
    """What `ErrorGroups` has, at the position of `columns`; what is shown is looked up in tracks."""

    def __init__(self, timeline: Timeline, columns: ColumnsAt) -> None:
        self._timeline = timeline
        self._columns = columns
        self._groups: dict[int, _Group] = {}
        failed = timeline.failed.order
        for number, tries in split(failed, timeline.group).items():
            self._group(number).tries = EventTrack(tries, timeline.ended)
        self._all = timeline.failed
        self._answers = timeline.job_ends[JobState.INVALID]
        self._sort_jobs()
        self._made_good = SumsAt(timeline.job_ends[JobState.DONE], self._failed_tries(failed))

    @property
    def tries(self) -> int:
        position = self._columns.position
        return self._all.by(position) + self._answers.by(position)

    @property
    def made_good(self) -> int:
        return self._made_good.by(self._columns.position)

    def groups(self, until_s: float, key: str = "") -> tuple[ErrorGroup, ...]:
        """Return the groups, as `ErrorGroups.groups` does."""
        wanted = self._columns.keys.known(key) if key else 0
        if key and not wanted:
            return ()
        there = [
            (group.jobs.by(until_s), group.tries_by(until_s), group)
            for group in self._groups.values()
            if not wanted or group.keys(self._timeline, until_s)[wanted]
        ]
        keys = self._timeline.grouping.keys
        largest = heapq.nsmallest(
            MOST_GROUPS,
            (each for each in there if any(each[:2])),
            key=lambda each: (-each[0], -each[1], group_at(keys[each[2].number - 1])),
        )
        shown = [self._shown(group, jobs, tries, until_s) for jobs, tries, group in largest]
        if not wanted:
            return tuple(shown)
        parts = (group.keys(self._timeline, until_s)[wanted] for *_, group in largest)
        return tuple(of_key(each, key, part) for each, part in zip(shown, parts, strict=True))

    def jobs(self, group_id: str) -> tuple[int, ...]:
        """Return every job of the group that has failed, by number."""
        group = self._named(group_id)
        return (
            () if group is None else tuple(sorted(group.jobs.order[: group.jobs.by(self._columns.position)]))
        )

    def examples(self, group_id: str) -> tuple[int, ...]:
        """Return a few jobs of the group, newest first."""
        group = self._named(group_id)
        return () if group is None else self._examples(group, self._columns.position)

    def series(self, until_s: float) -> FailedTries:
        """Return the failed tries of all groups over the run."""
        step_s = 1.0
        while until_s // step_s >= _STEPS:
            step_s *= 2
        edges = [step * step_s for step in range(int(until_s // step_s) + 1)]
        counts = [self._all.before(at) + self._answers.before(at) for at in edges] + [self.tries]
        return FailedTries(step_s, tuple((after - before) / step_s for before, after in pairwise(counts)))

    def _shown(self, group: _Group, jobs: int, tries: int, until_s: float) -> ErrorGroup:
        known, names = self._timeline.grouping.keys[group.number - 1], self._columns.keys
        most = group.keys(self._timeline, until_s).most_common()
        keys = [(names[key], number) for key, number in most if number and key]
        first_s = min(group.tries.first, group.jobs.first)
        edges = [group.tries_before(until_s * cell / SPARK) for cell in range(SPARK)] + [tries]
        return ErrorGroup(
            known.name,
            jobs,
            self._examples(group, until_s),
            tries,
            tuple(keys[:MOST_KEYS]),
            max(0, len(keys) - MOST_KEYS),
            known.kind,
            known.status,
            known.code,
            None if first_s == NEVER else first_s,
            group.last_s(self._timeline, until_s),
            tuple(after - before for before, after in pairwise(edges)),
        )

    def _examples(self, group: _Group, position: float) -> tuple[int, ...]:
        jobs = group.jobs.by(position)
        if jobs:
            return tuple(reversed(group.jobs.order[max(0, jobs - MOST_EXAMPLES) : jobs]))
        tries = group.tries.by(position)
        last = reversed(group.tries.order[max(0, tries - 4 * MOST_EXAMPLES) : tries])
        return tuple(dict.fromkeys(map(self._timeline.job_of, last)))[:MOST_EXAMPLES]

    def _named(self, group_id: str) -> _Group | None:
        keys = self._timeline.grouping.keys
        return next(
            (each for each in self._groups.values() if group_at(keys[each.number - 1]) == group_id), None
        )

    def _group(self, number: int) -> _Group:
        return self._groups.setdefault(number, _Group(number))

    def _sort_jobs(self) -> None:
        """Find the group of each job that failed for good, or has an invalid answer."""
        timeline, final = self._timeline, self._timeline.final
        group_of = array("H", bytes(2 * final.jobs))
        for job in self._badly_ended():
            group_of[job] = number = self._group_of(job)
            final.failure[job] = CLASSES[timeline.grouping.keys[number - 1].kind]
        at = timeline.job_ended
        for number, jobs in split(track(self._badly_ended(), at).order, group_of).items():
            self._group(number).jobs = EventTrack(jobs, at)
        for number, jobs in split(self._answers.order, group_of).items():
            self._group(number).answers = EventTrack(jobs, at)

    def _badly_ended(self) -> Iterator[int]:
        ends = self._timeline.job_ends
        return chain(ends[JobState.FAILED].order, ends[JobState.INVALID].order)

    def _group_of(self, job: int) -> int:
        timeline, final = self._timeline, self._timeline.final
        grouping, error = timeline.grouping, final.errors[final.error[job]]
        if final.state[job] == JobState.INVALID:
            return grouping.number("invalid", None, None, error)
        begin, end = timeline.first_attempt[job], timeline.first_attempt[job + 1]
        last = next((timeline.group[at] for at in range(end - 1, begin - 1, -1) if timeline.group[at]), 0)
        return last if last and grouping.is_of(last, error) else grouping.number(None, None, None, error)

    def _failed_tries(self, failed: array[int]) -> array[int]:
        """Return how many tries of each job failed."""
        tries = array("H", bytes(2 * self._timeline.final.jobs))
        for attempt in failed:
            job = self._timeline.job_of(attempt)
            tries[job] = min(tries[job] + 1, 65_535)
        return tries
