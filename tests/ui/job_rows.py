"""Jobs to show: a stand-in for the session's side of the job table."""

from __future__ import annotations

from dataclasses import dataclass, field

from llmdash.engine.model.frame import JobRow, JobsPart
from llmdash.engine.model.states import JobState, SortColumn
from llmdash.engine.model.view import JobsView


def job_row(job: int) -> JobRow:
    """A job in a state that follows from its number."""
    state = JobState(job % len(JobState))
    return JobRow(
        job, f"add-{job}", state, key="a1f2", tries=1, wait_s=0.2, ttft_s=0.412, time_s=1.2,
        input_tokens=37, output_tokens=18,
    )  # fmt: skip


@dataclass
class Jobs:
    """Jobs in the order of the table, newest first, that answer a view as the session does."""

    rows: list[JobRow] = field(default_factory=list)
    asked: list[JobsView] = field(default_factory=list)

    @classmethod
    def numbered(cls, count: int) -> Jobs:
        return cls([job_row(job) for job in range(count - 1, -1, -1)])

    def start(self, count: int) -> None:
        """Put newer jobs above all others."""
        first = len(self.rows)
        self.rows[:0] = [job_row(job) for job in range(first + count - 1, first - 1, -1)]

    def answer(self, view: JobsView) -> JobsPart:
        self.asked.append(view)
        rows = [row for row in self.rows if view.filter in row.id]
        if view.sort is not SortColumn.NEWEST:
            rows.sort(key=lambda row: row.job, reverse=view.descending)
        first = view.first
        if view.anchor is not None:
            places = [at for at, row in enumerate(rows) if row.job == view.anchor]
            first = places[0] - view.anchor_offset if places else first
        first = max(0, min(first, len(rows) - view.height))
        return JobsPart(len(self.rows), len(rows), first, tuple(rows[first : first + view.height]))
