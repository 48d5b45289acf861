"""A session that plays a run from a formula: the same clock reading gives the same picture, always."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from typing import Any

from llmdash.engine.model.commands import Command, Drain, Pause, Resume, SetConcurrency, SetRate
from llmdash.engine.model.forecast import Hold
from llmdash.engine.model.frame import (
    Alert,
    AutoPart,
    EndpointRow,
    ErrorGroup,
    Frame,
    Inspection,
    JobRow,
    JobsPart,
    KeyRow,
    Notice,
    Percentiles,
    RatePart,
    ReplayPart,
    RunPart,
    Score,
    SeriesPart,
    StreamPart,
    WorkerRow,
)
from llmdash.engine.model.records import AttemptRecord, ResultRecord
from llmdash.engine.model.states import Binding, JobState, KeyState, RunState, SortColumn, WaitReason
from llmdash.engine.model.view import JobsView, StreamView, View
from llmdash.prompts.verdict import Verdict

KEYS = ("a1f2", "9bc0", "77de")
LATENCY_S = 2.4
TTFT_S = 0.5
SPOKEN = ("{", '"', "expression", '":', ' "', "4", " x", " 17", " -", " 3", '",', ' "', "result", '":', " 65")
"""An answer that is still on its way."""


@cache
def noise(*numbers: int) -> float:
    """A number from 0 to 1 that depends on nothing but `numbers`."""
    value = math.sin(sum((index + 1) * 12.9898 * number for index, number in enumerate(numbers))) * 43758.5453
    return value - math.floor(value)


_PAST: dict[str, Any] = {
    "cost": 1.27,
    "ttft": Percentiles(0.41, 0.71, 0.97, 1.62),
    "latency": Percentiles(0.94, 1.31, 1.58, 2.6),
    "waited": Percentiles(0.06, 0.21, 0.9, 3.1),
    "began_at": 1_767_225_600.0,
    "ended_at": 1_767_226_161.7,
    "output": "/home/ann/results.jsonl",
    "cached_tokens": 120_000,
}


def _wrongness(row: JobRow) -> tuple[bool, bool]:
    return row.state is not JobState.FAILED, row.verdict is not Verdict.NOT_EQUAL


@dataclass
class Scene:
    """What the run is like; a test changes a field and looks at the next frame."""

    name: str = "arithmetic-10k"
    model: str = "gpt-4o-mini"
    endpoint: str = "simulator"
    jobs: int = 10_000
    rate: float | None = 18.0
    concurrency: int = 64
    state: RunState = RunState.RUNNING
    keys: tuple[str, ...] = KEYS
    job_name: str = "add-{:04d}"
    answer: str = ""
    notices: tuple[Notice, ...] = ()
    detail: str = ""
    binding: Binding = Binding.RATE
    auto: AutoPart = field(default_factory=AutoPart)
    alerts: tuple[Alert, ...] = ()
    endpoints: tuple[EndpointRow, ...] = ()
    key_rows: tuple[KeyRow, ...] = ()
    """Keys as they are, in place of those played by formula."""
    errors: tuple[ErrorGroup, ...] = ()
    workers: tuple[WorkerRow, ...] = ()
    cluster: str = ""
    hold: Hold | None = None
    budget: float | None = None
    cost: float | None = None
    waits: tuple[WaitReason, ...] = ()
    """What the jobs of the last seconds wait for, in turn; then nothing is on its way."""


@dataclass
class FakeSession:
    """Answers every view by formula from `clock()` (seconds into the run) and writes down what it is told."""

    clock: Callable[[], float] = lambda: 190.4
    scene: Scene = field(default_factory=Scene)
    commands: list[Command] = field(default_factory=list)
    views: list[View] = field(default_factory=list)
    wrong_first: list[int] = field(default_factory=list)

    def command(self, command: Command) -> None:
        self.commands.append(command)
        match command:
            case SetRate(rate):
                self.scene.rate = rate
            case SetConcurrency(concurrency):
                self.scene.concurrency = concurrency
            case Pause():
                self.scene.state = RunState.PAUSED
            case Drain():
                self.scene.state = RunState.DRAINING
            case Resume():
                self.scene.state = RunState.RUNNING

    def frame(self, view: View) -> Frame:
        self.views.append(view)
        now = self.clock()
        return Frame(
            run=self.run(now),
            jobs=self.jobs(now, view.jobs),
            keys=self.scene.key_rows or self.keys(now),
            endpoints=self.scene.endpoints,
            workers=self.scene.workers,
            cluster=self.scene.cluster,
            alerts=self.scene.alerts,
            rate=self.rate(now),
            stream=self.stream(now, view.stream),
            tiles=self.tiles(now, view.tiles),
            series=self.plot(now, view.series_width),
            notices=tuple(notice for notice in self.scene.notices if notice.serial > view.notices_after),
            inspection=None if view.inspect is None else self.inspection(view.inspect, now, view.jobs),
            errors=self.scene.errors if view.errors else (),
            failed=tuple(range(12)) if view.failed_as else (),
        )

    def started(self, now: float) -> int:
        """Jobs started so far."""
        return min(self.scene.jobs, int(now * 18.0))

    def row(self, job: int, now: float) -> JobRow:
        row = self.row_of(job, now)
        return replace(row, worker=self.worker(job)) if row.tries else row

    def worker(self, job: int) -> str | None:
        """Who has the job."""
        workers = self.scene.workers
        return workers[job % len(workers)].name if workers else None

    def row_of(self, job: int, now: float) -> JobRow:
        name = self.scene.job_name.format(job)
        age = now - job / 18.0
        if age <= 0:
            return JobRow(job, name)
        key = self.scene.keys[job % len(self.scene.keys)] if self.scene.keys else None
        if self.scene.waits and age < 5.0:
            return self.waiting(job, name, key, age)
        if noise(job, 3) < 0.03 and age < 9.0:
            return self.in_backoff(job, name, key, age)
        ttft = TTFT_S * (0.6 + 0.9 * noise(job, 1))
        latency = LATENCY_S * (0.5 + noise(job, 2))
        wait = 0.1 + 0.2 * noise(job, 4)
        tries = 2 if noise(job, 3) < 0.05 else 1
        sent = partial(JobRow, job, name, key=key, tries=tries, wait_s=wait, input_tokens=41)
        if age < ttft:
            return sent(JobState.SENT, time_s=age)
        if age < latency:
            out = int((age - ttft) * 38)
            return sent(JobState.STREAMING, ttft_s=ttft, time_s=age, output_tokens=out, tokens_estimated=True)
        if noise(job, 5) < 0.012:
            error = "400 invalid_request: the model refused the prompt"
            return sent(JobState.FAILED, time_s=latency, error=error)
        verdict = Verdict.RIGHT if noise(job, 6) < 0.974 else Verdict.NOT_EQUAL
        out = 18 + int(noise(job, 7) * 9)
        return sent(JobState.DONE, ttft_s=ttft, time_s=latency, output_tokens=out, verdict=verdict)

    def waiting(self, job: int, name: str, key: str | None, age: float) -> JobRow:
        reason = self.scene.waits[job % len(self.scene.waits)]
        if reason is WaitReason.BACKOFF:
            return self.in_backoff(job, name, key, age)
        return JobRow(job, name, JobState.KEY, reason, wait_s=age)

    def in_backoff(self, job: int, name: str, key: str | None, age: float) -> JobRow:
        due = math.ceil(age / 3.0) * 3.0 - age
        error = "429 rate limit reached"
        return JobRow(job, name, JobState.BACKOFF, WaitReason.BACKOFF, due, key, 2, age, error=error)

    def jobs(self, now: float, view: JobsView) -> JobsPart:
        wrong = [word for word in view.filter.split() if word.startswith("speed:")]
        if wrong:
            message = (
                f"{wrong[0]}: no such field; there are state, is, key, error, time, wait, ttft, try, out"
            )
            return JobsPart(total=self.scene.jobs, filter_error=message)
        order = self.order(now, view)
        first = view.first
        if view.anchor is not None and view.anchor in order:
            first = order.index(view.anchor) - view.anchor_offset
        first = max(0, min(first, len(order) - view.height))
        rows = tuple(self.row(job, now) for job in order[first : first + view.height])
        return JobsPart(total=self.scene.jobs, matched=len(order), first=first, rows=rows)

    def order(self, now: float, view: JobsView) -> Sequence[int]:
        if view.sort is SortColumn.WRONG:
            if not self.wrong_first:
                jobs = range(self.scene.jobs)
                self.wrong_first = sorted(jobs, key=lambda job: _wrongness(self.row(job, now)))
            return self.wrong_first
        matched = self.matching(now, view.filter) if view.filter else range(self.started(now))
        return matched if (view.sort is SortColumn.NEWEST) is view.descending else matched[::-1]

    def matching(self, now: float, text: str) -> range | list[int]:
        wanted = text.removeprefix("state:")
        return [
            job
            for job in range(self.started(now))
            if wanted in self.row(job, now).state.name.lower() or wanted in self.scene.job_name.format(job)
        ]

    def run(self, now: float) -> RunPart:
        started = self.started(now)
        ended = self.scene.state.ended
        in_flight = 0 if self.scene.waits or ended else min(43, started)
        failed = sum(group.count for group in self.scene.errors) if ended else started // 105
        cancelled = 0
        done = started - in_flight - failed
        left = (self.scene.jobs - started) / 18.0
        return RunPart(
            name=self.scene.name,
            model=self.scene.model,
            endpoint=self.scene.endpoint,
            keys=len(self.scene.keys),
            state=self.scene.state,
            state_detail=self.scene.detail,
            elapsed_s=now,
            jobs=self.scene.jobs,
            queued=self.scene.jobs - started,
            in_flight=in_flight,
            done=done,
            failed=failed,
            cancelled=cancelled,
            attempts=started + 118,
            retries=118,
            requests_per_s=17.9,
            tokens_per_s=2140.0,
            input_tokens=done * 41,
            output_tokens=done * 22,
            score=Score(right=int(done * 0.974), not_equal=int(done * 0.02), not_parseable=int(done * 0.006)),
            hold=self.scene.hold,
            budget=self.scene.budget,
            cost_projected=self.scene.cost,
            ends_in_s=None if ended else (left * 0.95, left, left * 1.08),
            **{"cost": self.scene.cost, **(_PAST if ended else {})},
        )

    def keys(self, now: float) -> tuple[KeyRow, ...]:
        return tuple(self.key(number, label, now) for number, label in enumerate(self.scene.keys))

    def key(self, number: int, label: str, now: float) -> KeyRow:
        sent = self.started(now) // max(1, len(self.scene.keys))
        spark = tuple(int(4 + 5 * noise(int(now) - 20 + tick, number)) for tick in range(20))
        healthy = KeyRow(label, "simulator", in_flight=22, sent=sent, ok=sent - 23, errors=1, rpm=358)
        if number % 3 == 1:
            rested = replace(healthy, state=KeyState.THROTTLED, ready_in_s=4.0 - now % 4.0)
            return replace(rested, throttled=14, rpm=301, in_flight=12, ok=sent - 27, spark=spark)
        if number % 3 == 2:
            dead = replace(healthy, state=KeyState.DEAD, detail="401 invalid key", rpm=0, spark=(0,) * 20)
            return replace(dead, in_flight=0, sent=124, ok=122, errors=2)
        return replace(healthy, spark=spark)

    def rate(self, now: float) -> RatePart:
        achieved = 17.9 + 0.4 * math.sin(now)
        binding = Binding.PAUSE if self.scene.state is RunState.PAUSED else self.scene.binding
        return RatePart(self.scene.rate, achieved, self.scene.concurrency, 43, binding, self.scene.auto)

    def stream(self, now: float, view: StreamView) -> StreamPart:
        job = max(0, self.started(now) - 20) if view.job is None else view.job
        row = self.row(job, now)
        full = self.chunks(job, now)
        start = view.seen if view.seen_job == job and view.seen <= len(full) else 0
        gaps = tuple(0.012 + 0.03 * noise(job, index) for index in range(len(full) - start))
        part = StreamPart(job, row.id, row.key, row.state, row.ttft_s, 38.0, 1, start, full[start:], gaps)
        return replace(part, worker=row.worker)

    def tiles(self, now: float, count: int) -> tuple[StreamPart, ...]:
        first = max(0, self.started(now) - 10 - count)
        return tuple(self.stream(now, StreamView(job)) for job in range(first, first + count))

    def answer(self, job: int, now: float) -> str:
        return "".join(self.chunks(job, now))

    def chunks(self, job: int, now: float) -> tuple[str, ...]:
        if self.scene.answer:
            return (self.scene.answer,)
        count = max(1, int((now - job / 18.0 - TTFT_S) * 38))
        return (*SPOKEN, "}")[:count]

    def plot(self, now: float, width: int) -> SeriesPart:
        steps = range(max(0, int(now) - width), int(now))
        return SeriesPart(
            step_s=1.0,
            rate=tuple(15 + 3 * math.sin(step / 9) + 2 * noise(step, 1) for step in steps),
            in_flight=tuple(40 + 12 * math.sin(step / 14) + 4 * noise(step, 2) for step in steps),
            tokens_per_s=tuple(1900 + 300 * math.sin(step / 11) + 200 * noise(step, 3) for step in steps),
            ttft_p50=tuple(0.4 + 0.05 * noise(step, 4) for step in steps),
            ttft_p95=tuple(None if step < 5 else 0.8 + 0.3 * noise(step, 5) for step in steps),
        )

    def inspection(self, job: int, now: float, view: JobsView) -> Inspection:
        order = self.order(now, view)
        line = order.index(job) if job in order else None
        row = self.row(job, now)
        prompt = f"Compute 4 x 17 - {job % 9}. Answer with JSON only."
        refused = AttemptRecord(
            0, 1, "9bc0", "failed", 1_767_225_600.0, "THROTTLE", 429, "rate limit reached", "req-71f0", 2.0,
            latency_s=0.21,
        )  # fmt: skip
        answered = AttemptRecord(
            0, 2, row.key or "a1f2", row.state.name.lower(), 1_767_225_602.4, request_id="req-71f9",
            status=200, ttft_s=row.ttft_s, latency_s=row.time_s, input_tokens=41,
            output_tokens=row.output_tokens, worker=row.worker,
        )  # fmt: skip
        if self.scene.errors:
            answered = AttemptRecord(0, 2, row.key or "a1f2", "failed", 1_767_225_602.4, "request", 400,
                "400 This model's maximum context length is 128000 tokens. However, your messages resulted in"
                " 131822 tokens. Please reduce the length of the messages. (context_length_exceeded)",
                "req_011CQf7mVbJx1S3iTq9yJ1aZ", latency_s=0.44,
            )  # fmt: skip
        return Inspection(
            row=row,
            messages=(("system", "You are a careful calculator."), ("user", prompt)),
            expected="65",
            answer=self.answer(job, now),
            record=ResultRecord(0, "", "done", finish_reason="stop", worker=row.worker),
            attempts=(refused, answered),
            above=order[line - 1] if line else None,
            below=order[line + 1] if line is not None and line + 1 < len(order) else None,
        )


@dataclass
class RestingSession(FakeSession):
    """A session over what is not at work: a kept run, or a replay where there is a `replay`."""

    replay: ReplayPart | None = None

    def frame(self, view: View) -> Frame:
        return replace(super().frame(view), replay=self.replay, kept=self.replay is None)
