"""A session that plays a run from a formula: the same clock reading gives the same picture, always."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache, partial
from typing import Any

from llmdash.engine.model.commands import Command, Drain, Pause, Resume, SetConcurrency, SetRate
from llmdash.engine.model.forecast import BatchForecast, Hold
from llmdash.engine.model.frame import (
    Alert,
    AutoPart,
    BatchRow,
    EndpointRow,
    ErrorExample,
    ErrorGroup,
    FailedTries,
    Frame,
    HistogramPart,
    Inspection,
    JobRow,
    JobsPart,
    JobText,
    KeyRow,
    Mark,
    MarkKind,
    Notice,
    Percentiles,
    RatePart,
    ReplayPart,
    RequestPart,
    RunPart,
    Score,
    SeriesPart,
    StreamPart,
    TimesSeries,
    TimingPart,
    TimingRow,
    WorkerRow,
)
from llmdash.engine.model.records import AttemptRecord, ResultRecord
from llmdash.engine.model.states import Binding, JobState, KeyState, RunState, SortColumn, WaitReason
from llmdash.engine.model.timings import Grouping, Timing
from llmdash.engine.model.view import JobsView, SeriesView, StreamView, TimingView, View
from llmdash.prompts.verdict import Verdict

KEYS = ("a1f2", "9bc0", "77de")
LATENCY_S = 2.4
TTFT_S = 0.5
REQUEST = RequestPart(
    "https://api.openai.com/v1/chat/completions",
    (("content-type", "application/json"), ("authorization", "Bearer $API_KEY")),
    '{"model":"gpt-4o-mini","messages":[{"role":"user","content":"Compute"}],"temperature":0,"stream":true}',
    limit_requests=500,
    remaining_requests=128,
    reset_requests_s=44.0,
    limit_tokens=200_000,
    remaining_tokens=171_000,
)
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


_RATES = (14.0, 18.5)
MARKS = (
    Mark(2.0, MarkKind.KEY_DEAD, "c3d4", "401 Incorrect API key"),
    Mark(20.0, MarkKind.SLIDE, "rate", "15→20/s"),
    Mark(31.0, MarkKind.BURST, "500", "11", 34.0),
    Mark(74.0, MarkKind.REST, "77de", "429, the server's hint", 86.0),
    Mark(188.0, MarkKind.REST, "77de", "429, the server's hint"),
)


def _columns(times: TimesSeries) -> tuple[tuple[float | None, ...], ...]:
    return times.p50, times.p95, times.p99


def _histogram(p50: float | None, most: int) -> HistogramPart:
    if p50 is None:
        return HistogramPart()
    edges = tuple(p50 / 4 * 1.08**step for step in range(most + 1))
    return HistogramPart(edges, tuple(int(400 * math.exp(-(((step - 18) / 6) ** 2))) for step in range(most)))


def _timing_row(name: str, answers: int, number: int) -> TimingRow:
    def spread(p50: float) -> Percentiles:
        return Percentiles(*(p50 * (1 + number / 20) * times for times in (1.0, 1.7, 2.3, 3.9)))

    return TimingRow(name, answers, spread(0.41), spread(0.94), spread(0.026), spread(0.06), spread(38.0))


@lru_cache(maxsize=20_000)
def _row(
    job: int, now: float, named: str, keys: tuple[str, ...], waits: tuple[WaitReason, ...], *, fails: bool
) -> JobRow:
    """A job at that moment. Each is asked for in every frame, by tests that all begin at the same one."""
    name = named.format(job)
    age = now - job / 18.0
    if age <= 0:
        return JobRow(job, name)
    key = keys[job % len(keys)] if keys else None
    if waits and age < 5.0:
        return _waiting(job, name, key, age, waits)
    if noise(job, 3) < 0.03 and age < 9.0:
        return _in_backoff(job, name, key, age)
    ttft = TTFT_S * (0.6 + 0.9 * noise(job, 1))
    latency = LATENCY_S * (0.5 + noise(job, 2))
    wait = 0.1 + 0.2 * noise(job, 4)
    tries = 2 if noise(job, 3) < 0.05 else 1
    sent = partial(JobRow, job, name, key=key, tries=tries, wait_s=wait, input_tokens=41)
    if age < ttft:
        return sent(JobState.SENT, time_s=age)
    if age < latency:
        out = int((age - ttft) * 38)
        text = JobText("".join(SPOKEN[: 1 + out % len(SPOKEN)]))
        return sent(
            JobState.STREAMING,
            ttft_s=ttft,
            time_s=age,
            output_tokens=out,
            tokens_estimated=True,
            text=text,
        )
    if noise(job, 5) < 0.012 and fails:
        error = "400 invalid_request: the model refused the prompt"
        return sent(JobState.FAILED, time_s=latency, error=error)
    verdict = Verdict.RIGHT if noise(job, 6) < 0.974 else Verdict.NOT_EQUAL
    text = JobText(
        f'{{"expression": "{job % 97} x 4 - 3", "result": {job % 97 * 4 - 3}}}', str(job % 97 * 4 - 3)
    )
    if verdict is Verdict.NOT_EQUAL:
        text = replace(text, expected=str(job % 97 * 4 + 7))
    out = 18 + int(noise(job, 7) * 9)
    return sent(JobState.DONE, ttft_s=ttft, time_s=latency, output_tokens=out, verdict=verdict, text=text)


def _waiting(job: int, name: str, key: str | None, age: float, waits: tuple[WaitReason, ...]) -> JobRow:
    reason = waits[job % len(waits)]
    if reason is WaitReason.BACKOFF:
        return _in_backoff(job, name, key, age)
    return JobRow(job, name, JobState.KEY, reason, wait_s=age)


def _in_backoff(job: int, name: str, key: str | None, age: float) -> JobRow:
    due = math.ceil(age / 3.0) * 3.0 - age
    error = "429 rate limit reached"
    return JobRow(job, name, JobState.BACKOFF, WaitReason.BACKOFF, due, key, 2, age, error=error)


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
    is_streamed: bool = True
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
    failed_tries: FailedTries = field(default_factory=FailedTries)
    examples: tuple[ErrorExample, ...] = ()
    made_good: int = 0
    workers: tuple[WorkerRow, ...] = ()
    cluster: str = ""
    batches: tuple[BatchRow, ...] = ()
    """Each has the jobs that follow those of the one before; the first those that were started last."""
    batch_deadline: float | None = None
    batch_forecast: BatchForecast | None = None
    batch_cost: float | None = None
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
            batches=self.scene.batches,
            batch_deadline=self.scene.batch_deadline,
            batch_forecast=self.scene.batch_forecast if view.batch_forecast else None,
            cluster=self.scene.cluster,
            alerts=self.scene.alerts,
            rate=self.rate(now),
            stream=self.stream(now, view.stream),
            inspected=self.inspected(now, view),
            tiles=self.tiles(now, view.tiles),
            series=self.plot(now, view.series),
            timings=None if view.timings is None else self.timings(view.timings),
            notices=tuple(notice for notice in self.scene.notices if notice.serial > view.notices_after),
            inspection=None if view.inspect is None else self.inspection(view.inspect, now, view.jobs),
            errors=self.scene.errors if view.errors else (),
            failed_tries=self.scene.failed_tries if view.errors else FailedTries(),
            examples=self.scene.examples if view.examples_of else (),
            failed=tuple(range(12)) if view.failed_as else (),
        )

    def started(self, now: float) -> int:
        """Jobs started so far."""
        return min(self.scene.jobs, int(now * 18.0))

    def row(self, job: int, now: float) -> JobRow:
        scene = self.scene
        if (batch := self.batch_of(job, now)) is not None:
            return JobRow(job, scene.job_name.format(job), JobState.BATCHED, batch=batch)
        row = _row(job, now, scene.job_name, scene.keys, scene.waits, fails=self.has_failures)
        return replace(row, worker=self.worker(job)) if row.tries and scene.workers else row

    def batch_of(self, job: int, now: float) -> int | None:
        """The batch that has the job: those to come, in their order."""
        first = self.started(now)
        for each in self.scene.batches:
            if first <= job < first + each.left:
                return each.batch
            first += each.left
        return None

    def worker(self, job: int) -> str | None:
        """Who has the job."""
        workers = self.scene.workers
        return workers[job % len(workers)].name if workers else None

    @property
    def batched(self) -> int:
        """The jobs that are in batches."""
        return sum(each.left for each in self.scene.batches)

    @property
    def has_failures(self) -> bool:
        """False for a run that has ended without a group of errors."""
        return bool(self.scene.errors) or not self.scene.state.ended

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
        queued = self.scene.jobs - self.started(now) - self.batched
        waiting = ((WaitReason.LIMITER, 3 if queued else 0), (WaitReason.KEY, 0))
        names = (job for job in range(self.scene.jobs) if self.scene.job_name.format(job) == view.find)
        return JobsPart(
            self.scene.jobs,
            len(order),
            first,
            rows,
            queued=queued,
            waiting=waiting,
            completions=("state:failed", "state:done") if view.typed.startswith("st") else (),
            fields=("date",),
            found=next(names, None) if view.find else None,
            found_for=view.find,
        )

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
        if wanted == "batched" or wanted.startswith("batch:"):
            number = wanted.removeprefix("batch:")
            begin = self.started(now)
            jobs = range(begin, begin + min(500, self.batched))
            return [job for job in jobs if wanted == "batched" or str(self.batch_of(job, now)) == number]
        return [
            job
            for job in range(self.started(now))
            if wanted in self.row(job, now).state.name.lower() or wanted in self.scene.job_name.format(job)
        ]

    def run(self, now: float) -> RunPart:
        started = self.started(now)
        ended = self.scene.state.ended
        in_flight = 0 if self.scene.waits or ended else min(43, started)
        failed = sum(group.jobs for group in self.scene.errors) if ended else started // 105
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
            queued=self.scene.jobs - started - self.batched,
            batched=self.batched,
            batch_cost=self.scene.batch_cost,
            in_flight=in_flight,
            done=done,
            failed=failed,
            cancelled=cancelled,
            attempts=started + 118,
            retries=118,
            failed_tries=sum(group.tries for group in self.scene.errors),
            made_good=self.scene.made_good,
            requests_per_s=17.9,
            peak_in_flight=64.0 if ended else None,
            tokens_per_s=2140.0,
            input_tokens=done * 41,
            output_tokens=done * 22,
            score=Score(right=int(done * 0.974), not_equal=int(done * 0.02), not_parseable=int(done * 0.006)),
            hold=self.scene.hold,
            budget=self.scene.budget,
            cost_projected=self.scene.cost,
            ends_in_s=None if ended else (left * 0.95, left, left * 1.08),
            is_streamed=self.scene.is_streamed,
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
        gaps = tuple(self.gap(job, index) for index in range(start, len(full)))
        part = StreamPart(job, row.id, row.key, row.state, row.ttft_s, 38.0, 1, start, full[start:], gaps)
        return replace(part, worker=row.worker, verdict=row.verdict, error=row.error, total=len(full))

    def gap(self, job: int, index: int) -> float:
        """The seconds before a chunk; every third job stalls before its ninth one."""
        if not index:
            return TTFT_S
        return 0.26 if index == 8 and job % 3 == 0 else 0.012 + 0.03 * noise(job, index)

    def inspected(self, now: float, view: View) -> StreamPart:
        if view.inspect is None:
            return StreamPart()
        return self.stream(now, replace(view.inspect_stream, job=view.inspect))

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

    def plot(self, now: float, view: SeriesView) -> SeriesPart:
        """A second a step, in the window of the view; two, four, ... where it is narrow."""
        end = max(0, int(now))
        last = end if view.end_s is None else max(0, min(end, math.ceil(view.end_s)))
        first = max(0, min(last, int(view.begin_s)))
        if view.width < 1 or not end:
            return SeriesPart()
        size = 1
        while (last - first) / size > view.width:
            size *= 2
        steps = range(first - first % size, last, size)
        streamed = self.scene.is_streamed
        ttft = TimesSeries(
            tuple(0.4 + 0.05 * noise(step, 4) for step in steps),
            tuple(None if step < 5 else 0.8 + 0.3 * noise(step, 5) for step in steps),
            tuple(1.2 + 0.3 * noise(step, 6) for step in steps),
        )
        latency = TimesSeries(*(tuple(2 * (value or 0.4) for value in values) for values in _columns(ttft)))
        return SeriesPart(
            step_s=float(size),
            begin_s=float(first - first % size),
            end_s=float(end),
            is_over=self.scene.state.ended,
            is_streamed=streamed,
            rate=tuple(_RATES[step >= 20] + math.sin(step / 9) - 2 * noise(step, 1) for step in steps),
            in_flight=tuple(40 + 12 * math.sin(step / 14) + 4 * noise(step, 2) for step in steps),
            tokens_per_s=tuple(1900 + 300 * math.sin(step / 11) + 200 * noise(step, 3) for step in steps),
            set_rate=tuple((15.0, 20.0)[step >= 20] for step in steps),
            set_concurrency=tuple(64 for _ in steps),
            binding=tuple(Binding.KEYS if 74 <= step < 86 else Binding.RATE for step in steps),
            ttft=ttft if streamed else TimesSeries(),
            latency=latency,
            itl=TimesSeries(*(tuple(0.02 for _ in steps),) * 3)
            if Timing.ITL in view.times
            else TimesSeries(),
            waited=ttft if Timing.WAITED in view.times else TimesSeries(),
            tps=TimesSeries(*(tuple(40.0 for _ in steps),) * 3)
            if Timing.TPS in view.times
            else TimesSeries(),
            marks=tuple(mark for mark in MARKS if first <= mark.at_s <= last),
        )

    def timings(self, view: TimingView) -> TimingPart:
        names = {
            Grouping.RUN: ("all",),
            Grouping.KEY: self.scene.keys,
            Grouping.ENDPOINT: (self.scene.endpoint,),
            Grouping.MODEL: (self.scene.model,),
        }[view.by]
        rows = tuple(_timing_row(name, 3_380 // len(names), number) for number, name in enumerate(names))
        if not self.scene.is_streamed:
            none = Percentiles()
            rows = tuple(replace(row, ttft=none, itl=none, tps=none) for row in rows)
        whole = replace(rows[0], name="all", answers=3_380)
        histograms = tuple(_histogram(times.p50, min(view.bars, 40)) for times in map(whole.times, Timing))
        return TimingPart(view.by, whole, rows, view.group, histograms)

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
            check="equal",
            request=REQUEST,
            cost=0.0000171,
            place=line + 1 if line is not None else None,
            matched=len(order),
            above=order[line - 1] if line else None,
            below=order[line + 1] if line is not None and line + 1 < len(order) else None,
        )


@dataclass
class RestingSession(FakeSession):
    """A session over what is not at work: a kept run, or a replay where there is a `replay`."""

    replay: ReplayPart | None = None

    def frame(self, view: View) -> Frame:
        return replace(super().frame(view), replay=self.replay, kept=self.replay is None)
