"""A run that goes as it is told, for front ends to watch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from llmdash.engine.model.commands import Command
from llmdash.engine.model.frame import (
    Alert,
    EndpointRow,
    Frame,
    KeyRow,
    Notice,
    Percentiles,
    RunPart,
    Score,
    WorkerRow,
)
from llmdash.engine.model.states import AlertKind, EndpointState, KeyState, RunState, Severity
from llmdash.engine.model.view import View

RUNNING = Frame(
    run=RunPart(
        name="arithmetic",
        model="gpt-4o-mini",
        endpoint="simulator",
        keys=2,
        state=RunState.RUNNING,
        elapsed_s=192.4184,
        jobs=10_000,
        queued=6_524,
        in_flight=64,
        done=3_380,
        failed=32,
        attempts=3_594,
        retries=118,
        requests_per_s=17.93,
        input_tokens=120_000,
        output_tokens=80_000,
        score=Score(right=3_292, not_equal=80, not_parseable=8),
        ends_in_s=(300.0, 370.4, 420.0),
        ttft=Percentiles(p50=0.3881234, p95=1.2),
        latency=Percentiles(p50=0.9, p95=12.34),
    ),
    keys=(
        KeyRow("a1f2", in_flight=52, sent=2_400, ok=2_338, throttled=3, errors=7, input_tokens=70_000),
        KeyRow(
            "9bc0",
            state=KeyState.THROTTLED,
            ready_in_s=3.6,
            in_flight=12,
            sent=1_194,
            ok=1_042,
            throttled=140,
        ),
    ),
)

HOSTILE = "x\x1b[2J\x1b]52;c;cm0=\x07[/red]\u202e\n\ud800"


def at(done: int, *, state: RunState = RunState.RUNNING, jobs: int = 100, failed: int = 0) -> Frame:
    """A frame of a run of `jobs` jobs of which `done` are done."""
    return Frame(
        run=RunPart(name="run", state=state, jobs=jobs, done=done, failed=failed, elapsed_s=float(done))
    )


def hostile() -> Frame:
    """A frame whose every text would take over a terminal."""
    run = replace(RUNNING.run, name=HOSTILE, model=HOSTILE, endpoint=HOSTILE, state_detail=HOSTILE)
    return replace(
        RUNNING,
        run=replace(run, state=RunState.PAUSED),
        keys=(KeyRow(HOSTILE, endpoint=HOSTILE, state=KeyState.DEAD, detail=HOSTILE),),
        endpoints=(EndpointRow(HOSTILE, EndpointState.DOWN, 3.0, HOSTILE),),
        workers=(WorkerRow(HOSTILE, HOSTILE, lost=3),),
        alerts=(Alert(AlertKind.DISK, HOSTILE, HOSTILE, 3.0), Alert(AlertKind.KILL_SWITCH, HOSTILE)),
    )


ALL_REST = Alert(AlertKind.KEYS_REST, "All keys rest", passes_in_s=3.6)
KILL_SWITCH = Alert(
    AlertKind.KILL_SWITCH,
    "Kill switch: 20 requests in a row failed alike: 404 model not found",
    "p goes on, q quits",
    severity=Severity.ERROR,
)


def held(*alerts: Alert, done: int = 0) -> Frame:
    """A run that something holds up."""
    return replace(at(done), alerts=alerts)


def in_trouble() -> Frame:
    """A run with one endpoint down, one paused, and a key that died."""
    return replace(
        RUNNING,
        alerts=(KILL_SWITCH, ALL_REST),
        endpoints=(
            EndpointRow("openai", EndpointState.DOWN, 7.4, "connection refused", 0, 40),
            EndpointRow("mine", EndpointState.PAUSED, None, "certificate not trusted"),
            EndpointRow("claude", in_flight=20, concurrency=20),
        ),
        keys=(RUNNING.keys[0], KeyRow("77de", "openai", KeyState.DEAD, detail="401 invalid key", errors=2)),
    )


class FakeSession:
    """Gives one frame after another, the last one for ever; and of the notices those not yet seen."""

    def __init__(self, frames: Sequence[Frame], notices: Sequence[tuple[int, Notice]] = ()) -> None:
        self._frames = frames
        self._notices = notices
        self.views: list[View] = []

    def frame(self, view: View) -> Frame:
        tick = len(self.views)
        self.views.append(view)
        due = [
            notice for when, notice in self._notices if when <= tick and notice.serial > view.notices_after
        ]
        return replace(self._frames[min(tick, len(self._frames) - 1)], notices=tuple(due))

    def command(self, command: Command) -> None:
        raise AssertionError("whoever watches gives no commands")


class FakeTime:
    """A clock that moves only while someone sleeps, `step` seconds each time."""

    def __init__(self, step: float) -> None:
        self.now = 0.0
        self.slept: list[float] = []
        self._step = step

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += self._step
