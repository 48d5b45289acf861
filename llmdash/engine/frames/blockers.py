"""What blocks a run: the reason a job waits, and the alerts that report it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from llmdash.engine.frames.troubles import key_alerts, whose_rest
from llmdash.engine.frames.worker_alerts import worker_alerts
from llmdash.engine.model.forecast import HoldKind
from llmdash.engine.model.frame import Alert, EndpointRow, KeyRow, SharedLimitRow, WorkerRow
from llmdash.engine.model.states import (
    AlertKind,
    Binding,
    EndpointState,
    JobState,
    KeyState,
    RunState,
    Severity,
    WaitReason,
)
from llmdash.lean_dataclass import dataclass

__all__ = ["BINDINGS", "RunStatus", "Waits", "alerts_of", "what_blocks"]

_GONE = (KeyState.DEAD, KeyState.DISABLED)
_WORTH_SHOWING_S, _WORTH_WAITING_S = 0.5, 3.0
_SEVERITIES = (Severity.ERROR, Severity.WARNING, Severity.INFORMATION)
_ABOVE_KEYS = (
    *(WaitReason.ENDPOINT, WaitReason.MACHINE, WaitReason.WORKER, WaitReason.SHARED),
    WaitReason.HELD,
)

BINDINGS = {
    WaitReason.KEY: Binding.KEYS,
    WaitReason.ENDPOINT: Binding.ENDPOINT,
    WaitReason.MACHINE: Binding.ENDPOINT,
    WaitReason.DISK: Binding.DISK,
    WaitReason.WORKER: Binding.WORKER,
    WaitReason.SHARED: Binding.SHARED,
    WaitReason.HELD: Binding.HELD,
}


def _never(_job: int) -> None:
    """Return None: no job is in backoff."""


@dataclass(frozen=True, slots=True)
class RunStatus:
    """The state of the run as a whole.

    `disk` is why the journal waits, `kill_switch` why the run was stopped, `no_worker` why no worker makes
    attempts; None if they do not.
    """

    state: RunState = RunState.STARTING
    detail: str = ""
    disk: str | None = None
    kill_switch: str | None = None
    no_worker: str | None = None
    blocked_s: float = 0.0
    """For how long there was no worker."""
    held: HoldKind | None = None
    """What the run waits for the user with."""
    stays: bool = True
    """False for a run that ends once it is held."""
    output: str = ""
    """The file that has every result."""


def what_blocks(
    status: RunStatus,
    keys: Sequence[KeyRow],
    endpoints: Sequence[EndpointRow],
    in_flight: int,
    limits: Sequence[SharedLimitRow] = (),
) -> WaitReason | None:
    """Return the one reason why nothing can be sent now; None if something can."""
    if status.disk is not None:
        return WaitReason.DISK
    if status.held is not None and not in_flight:
        return WaitReason.HELD
    if status.no_worker is not None:
        return WaitReason.WORKER
    alive = [key for key in keys if key.state not in _GONE]
    closed = {endpoint.name: endpoint for endpoint in endpoints if endpoint.state is not EndpointState.UP}
    if not alive:
        return WaitReason.KEY
    if all(key.endpoint in closed for key in alive):
        is_local = all(closed[key.endpoint].is_local for key in alive)
        return WaitReason.MACHINE if is_local else WaitReason.ENDPOINT
    over = {limit.name for limit in limits if limit.is_over}
    unshared = {endpoint.name for endpoint in endpoints if endpoint.limit in over}
    if over and all(key.endpoint in unshared or key.endpoint in closed for key in alive):
        return WaitReason.SHARED
    if in_flight or any(_may_send(key) for key in alive if key.endpoint not in closed):
        return None
    return WaitReason.KEY


def alerts_of(
    status: RunStatus,
    keys: Sequence[KeyRow],
    endpoints: Sequence[EndpointRow],
    *,
    retries_held: bool,
    open_jobs: int,
    workers: Sequence[WorkerRow] = (),
    limits: Sequence[SharedLimitRow] = (),
    held: Iterable[Alert] = (),
    besides: Iterable[Alert] = (),
) -> tuple[Alert, ...]:
    """Return what blocks the run or stopped it, and what is wrong `besides` or with single keys, the most
    severe first, `held` first of what is no trouble; nothing once no job is open.
    """
    if not open_jobs:
        return ()
    alerts = [
        *held,
        *_alerts(status, keys, endpoints, retries_held),
        *_of_limits(limits),
        *worker_alerts(workers),
        *key_alerts(keys),
        *besides,
    ]
    return tuple(sorted(alerts, key=lambda alert: (_SEVERITIES.index(alert.severity), not alert.blocks)))


def _alerts(
    status: RunStatus,
    keys: Sequence[KeyRow],
    endpoints: Sequence[EndpointRow],
    retries_held: bool,
) -> Iterator[Alert]:
    yield from _of_status(status)
    alive = [key for key in keys if key.state not in _GONE]
    if not alive:
        yield Alert(
            AlertKind.KEYS_GONE,
            "No usable key is left: all are dead or off",
            "put another into .env, or revive one in the key panel",
            severity=Severity.ERROR,
        )
    closed = [endpoint for endpoint in endpoints if endpoint.state is not EndpointState.UP]
    names = {endpoint.name for endpoint in closed}
    all_closed = all(key.endpoint in names for key in alive)
    for endpoint in closed:
        yield replace(_endpoint_alert(endpoint), blocks=all_closed)
    yield from _resting(alive, endpoints)
    if retries_held:
        yield Alert(
            AlertKind.RETRY_BUDGET,
            "Many requests fail: retries are limited to a fifth of all requests",
            blocks=False,
        )


def _of_status(status: RunStatus) -> Iterator[Alert]:
    """Yield an alert for each reason for which the run as a whole waits, or was stopped."""
    if status.disk is not None:
        yield Alert(
            AlertKind.DISK,
            f"Nothing is sent: {status.disk}; nothing is lost",
            "free some space; the run continues by itself",
            severity=Severity.ERROR,
        )
    if status.kill_switch is not None:
        yield Alert(
            AlertKind.KILL_SWITCH,
            f"Kill switch: {status.kill_switch}",
            "fix the cause, then resume",
            severity=Severity.ERROR,
        )
    if status.no_worker is not None and status.blocked_s >= _WORTH_WAITING_S:
        yield Alert(
            AlertKind.WORKER,
            f"No worker: {status.no_worker}; nothing is lost",
            "the run continues by itself once one joins",
            severity=Severity.ERROR,
        )


def _of_limits(limits: Sequence[SharedLimitRow]) -> Iterator[Alert]:
    """Yield an alert for each limit whose share cannot be renewed."""
    for limit in limits:
        if limit.problem:
            effect = "has no share, nothing is sent" if limit.is_over else "may lose its share"
            severity = Severity.ERROR if limit.is_over else Severity.WARNING
            fix = "fix that; the run continues by itself"
            yield Alert(
                AlertKind.LIMIT,
                f"Limit {limit.name} {effect}: {limit.problem}",
                fix,
                severity=severity,
                blocks=limit.is_over,
            )


def _endpoint_alert(endpoint: EndpointRow) -> Alert:
    name = endpoint.name or "the endpoint"
    if endpoint.state is EndpointState.PAUSED:
        return Alert(
            AlertKind.ENDPOINT,
            f"{name} is paused: {endpoint.detail}",
            "fix that and resume, or revive it in the key panel",
            severity=Severity.ERROR,
        )
    if endpoint.is_local:
        return Alert(
            AlertKind.MACHINE,
            f"This machine cannot send: {endpoint.detail}",
            passes_in_s=endpoint.returns_in_s,
        )
    return Alert(AlertKind.ENDPOINT, f"{name} is down: {endpoint.detail}", passes_in_s=endpoint.returns_in_s)


def _resting(alive: Sequence[KeyRow], endpoints: Sequence[EndpointRow]) -> Iterator[Alert]:
    """Yield an alert if every usable key rests."""
    up = {endpoint.name for endpoint in endpoints if endpoint.state is EndpointState.UP}
    usable = [key for key in alive if key.endpoint in up]
    if usable and all((key.ready_in_s or 0.0) >= _WORTH_SHOWING_S for key in usable):
        first = min(usable, key=lambda key: key.ready_in_s or math.inf)
        which = "The only key rests" if len(usable) == 1 else f"All keys rest; the first is {first.label}"
        why = f" ({first.detail})" if first.detail else ""
        yield Alert(AlertKind.KEYS_REST, which + why, passes_in_s=first.ready_in_s, detail=whose_rest(first))


def _may_send(key: KeyRow) -> bool:
    return key.state is KeyState.HEALTHY and not key.ready_in_s


@dataclass(frozen=True, slots=True)
class Waits:
    """What decides, besides its state, what a job waits for; `due_at` returns when its backoff ends."""

    blocker: WaitReason | None = None
    retries_held: bool = False
    due_at: Callable[[int], float | None] = _never
    shared: bool = False
    """True if a limit that is shared with other runs holds requests up."""
    full: bool = False
    """True if as many requests are in flight as may be, so that the rate holds nothing up."""
    auto: bool = False
    """True if the rate that was found by itself does."""

    def reason(self, job: int, state: JobState) -> WaitReason | None:
        """Return what `job` waits for, as the table shows it; None if it does not wait."""
        if state is JobState.BACKOFF:
            if self.due_at(job) is not None:
                return WaitReason.BACKOFF
            return self.blocker or (WaitReason.BUDGET if self.retries_held else self._turn)
        if state is JobState.LIMITER:
            return self.blocker or self._turn
        if state is JobState.KEY:
            if self.blocker in _ABOVE_KEYS:
                return self.blocker
            if self.shared:
                return WaitReason.SHARED
            return WaitReason.LIMITER if self.auto else WaitReason.KEY
        return None

    @property
    def _turn(self) -> WaitReason:
        return WaitReason.SLOT if self.full else WaitReason.LIMITER
