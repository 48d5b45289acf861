"""How states look: a glyph of one cell and a word, so that no state is shown by its colour alone."""

from __future__ import annotations

from typing import Final, NamedTuple

from llmdash.engine.model.frame import Alert, JobRow, RunPart
from llmdash.engine.model.states import (
    AlertKind,
    BatchState,
    EndpointState,
    JobState,
    KeyState,
    RunState,
    Severity,
    Verdict,
    WaitReason,
    WorkerState,
)

__all__ = [
    "ALL_BATCHED",
    "BATCH_STATES",
    "ENDPOINT_STATES",
    "JOB_STATES",
    "KEY_STATES",
    "RUN_STATES",
    "SEVERITIES",
    "VERDICTS",
    "WAIT_REASONS",
    "WORKER_STATES",
    "Badge",
    "alert_badge",
    "is_hold",
    "job_badge",
    "run_badge",
]


class Badge(NamedTuple):
    """How a state looks: a glyph of one cell, a word, and the end of its component class's name."""

    glyph: str
    word: str
    style: str

    @property
    def text(self) -> str:
        return f"{self.glyph} {self.word}"


JOB_STATES: Final = {
    JobState.QUEUED: Badge("◌", "queued", "muted"),
    JobState.LIMITER: Badge("◔", "limiter", "waiting"),
    JobState.KEY: Badge("◑", "key", "waiting"),
    JobState.BACKOFF: Badge("↻", "backoff", "warning"),
    JobState.SENT: Badge("→", "sent", "active"),
    JobState.STREAMING: Badge("▸", "stream", "active"),
    JobState.BATCHED: Badge("◇", "batched", "active"),
    JobState.DONE: Badge("●", "done", "success"),
    JobState.FAILED: Badge("✗", "failed", "error"),
    JobState.INVALID: Badge("≠", "invalid", "error"),
    JobState.CANCELLED: Badge("⊘", "cancelled", "muted"),
}

WAIT_REASONS: Final = {
    WaitReason.LIMITER: JOB_STATES[JobState.LIMITER],
    WaitReason.KEY: JOB_STATES[JobState.KEY],
    WaitReason.ENDPOINT: Badge("◑", "endpoint", "warning"),
    WaitReason.MACHINE: Badge("◑", "machine", "warning"),
    WaitReason.DISK: Badge("◌", "disk", "error"),
    WaitReason.BACKOFF: JOB_STATES[JobState.BACKOFF],
    WaitReason.BUDGET: Badge("↻", "budget", "warning"),
    WaitReason.SHARED: Badge("◔", "shared", "waiting"),
    WaitReason.SLOT: Badge("◔", "slot", "waiting"),
    WaitReason.WORKER: Badge("◑", "worker", "warning"),
    WaitReason.HELD: Badge("◆", "held", "waiting"),
}

KEY_STATES: Final = {
    KeyState.HEALTHY: Badge("●", "healthy", "success"),
    KeyState.THROTTLED: Badge("◐", "rests", "warning"),
    KeyState.COOLDOWN: Badge("◔", "cooldown", "warning"),
    KeyState.QUARANTINED: Badge("◌", "no quota", "error"),
    KeyState.DEAD: Badge("✖", "dead", "error"),
    KeyState.DISABLED: Badge("○", "off", "muted"),
}

ENDPOINT_STATES: Final = {
    EndpointState.UP: Badge("●", "up", "success"),
    EndpointState.DOWN: Badge("▼", "down", "error"),
    EndpointState.PROBING: Badge("◔", "probing", "warning"),
    EndpointState.PAUSED: Badge("‖", "paused", "error"),
}

WORKER_STATES: Final = {
    WorkerState.WORKING: Badge("●", "working", "success"),
    WorkerState.DRAINING: Badge("◐", "draining", "warning"),
    WorkerState.DRAINED: Badge("◌", "drained", "muted"),
    WorkerState.LOST: Badge("✖", "lost", "error"),
    WorkerState.LEFT: Badge("○", "left", "muted"),
}

BATCH_STATES: Final = {
    BatchState.PLANNED: Badge("◌", "planned", "muted"),
    BatchState.UPLOADED: Badge("◌", "uploaded", "muted"),
    BatchState.CREATING: Badge("→", "creating", "active"),
    BatchState.OUT: Badge("◇", "out", "active"),
    BatchState.CANCELLING: Badge("◐", "cancelling", "warning"),
    BatchState.ENDED: Badge("▸", "ended", "active"),
    BatchState.HELD: Badge("◆", "held", "warning"),
    BatchState.CLOSED: Badge("●", "closed", "success"),
    BatchState.DROPPED: Badge("○", "dropped", "muted"),
}

RUN_STATES: Final = {
    RunState.STARTING: Badge("◌", "starting", "muted"),
    RunState.RUNNING: Badge("●", "running", "success"),
    RunState.PAUSED: Badge("◫", "paused", "warning"),
    RunState.DRAINING: Badge("◐", "draining", "warning"),
    RunState.STOPPED: Badge("■", "stopped", "error"),
    RunState.DONE: Badge("✓", "done", "success"),
}

ALL_BATCHED: Final = Badge("◇", "batched", "success")
"""Of a run at work that sends nothing: all that is left is in batches."""

SEVERITIES: Final = {
    Severity.ERROR: Badge("✖", "error", "error"),
    Severity.WARNING: Badge("▲", "warning", "warning"),
    Severity.INFORMATION: Badge("•", "note", "information"),
}

_HELD: Final = Badge("◆", "", "held")
_HOLDS: Final = frozenset((AlertKind.TRIAL, AlertKind.BUDGET, AlertKind.NO_BATCH))

VERDICTS: Final = {
    Verdict.UNSCORED: Badge(" ", "", "muted"),
    Verdict.RIGHT: Badge("✓", "right", "success"),
    Verdict.NOT_EQUAL: Badge("≠", "not equal", "warning"),
    Verdict.NOT_PARSEABLE: Badge("?", "not parseable", "warning"),
}


def job_badge(row: JobRow) -> Badge:
    """Return the badge of a job's state; while it waits, of what it waits for."""
    if row.reason is None or row.state.ended or row.state.in_flight:
        return JOB_STATES[row.state]
    return WAIT_REASONS[row.reason]


def alert_badge(alert: Alert) -> Badge:
    """Return the badge of an alert's severity; of one that waits for the user, that."""
    return _HELD if is_hold(alert) else SEVERITIES[alert.severity]


def is_hold(alert: Alert) -> bool:
    """Return True for an alert of a run that waits for the user."""
    return alert.kind in _HOLDS


def run_badge(run: RunPart) -> Badge:
    """Return the badge of a run's state; where it cannot send, its reason, such as `◑ waiting on key`, and
    where it waits for batches alone, that.
    """
    if run.state is RunState.RUNNING and run.hold is not None:
        return Badge(_HELD.glyph, f"{run.hold.kind.value} held", "accent")
    if run.state is RunState.RUNNING and run.state_detail:
        return Badge("◑", run.state_detail, "warning")
    if run.state is RunState.RUNNING and run.is_all_batched:
        return ALL_BATCHED
    return RUN_STATES[run.state]
