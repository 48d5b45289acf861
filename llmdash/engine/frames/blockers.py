"""What holds a run up: the reason a job waits for, and the alerts that say so."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from llmdash.engine.model.frame import (
    Alert,
    AlertKind,
    EndpointState,
    KeyState,
    RunState,
    Severity,
    WaitReason,
)
from llmdash.engine.pool.member import EndpointStatistics, KeyStatistics

__all__ = ["RunStatus", "alerts_of", "what_holds"]

_GONE = (KeyState.DEAD, KeyState.DISABLED)
_WORTH_TELLING_S = 0.5


@dataclass(frozen=True, slots=True)
class RunStatus:
    """What the session knows of the run as a whole; `elapsed_s` leaves out nothing but the time after its
    end. `disk` is why the journal waits, `brake` why the run was stopped, if either is so.
    """

    state: RunState = RunState.STARTING
    detail: str = ""
    elapsed_s: float = 0.0
    disk: str | None = None
    brake: str | None = None


def what_holds(
    status: RunStatus, keys: Sequence[KeyStatistics], endpoints: Sequence[EndpointStatistics], in_flight: int
) -> WaitReason | None:
    """The one reason for which nothing is sent now; None if something can be."""
    if status.disk is not None:
        return WaitReason.DISK
    alive = [key for key in keys if key.state not in _GONE]
    closed = {endpoint.name: endpoint for endpoint in endpoints if endpoint.state is not EndpointState.UP}
    if not alive:
        return WaitReason.KEY
    if all(key.endpoint in closed for key in alive):
        is_local = all(closed[key.endpoint].is_local for key in alive)
        return WaitReason.MACHINE if is_local else WaitReason.ENDPOINT
    if in_flight or any(_may_send(key) for key in alive if key.endpoint not in closed):
        return None
    return WaitReason.KEY


def alerts_of(
    status: RunStatus,
    keys: Sequence[KeyStatistics],
    endpoints: Sequence[EndpointStatistics],
    *,
    retries_held: bool,
    open_jobs: int,
) -> tuple[Alert, ...]:
    """What the user should know of now, the gravest first; nothing once no job is open. Of a run that stopped
    they tell why.
    """
    return tuple(_alerts(status, keys, endpoints, retries_held)) if open_jobs else ()


def _alerts(
    status: RunStatus,
    keys: Sequence[KeyStatistics],
    endpoints: Sequence[EndpointStatistics],
    retries_held: bool,
) -> Iterator[Alert]:
    if status.disk is not None:
        yield Alert(
            AlertKind.DISK,
            f"Nothing is sent: {status.disk}; nothing is lost",
            "make room, it goes on by itself",
            severity=Severity.ERROR,
        )
    if status.brake is not None:
        yield Alert(
            AlertKind.BRAKE,
            f"Brake: {status.brake}",
            "resume to go on",
            severity=Severity.ERROR,
        )
    alive = [key for key in keys if key.state not in _GONE]
    if not alive:
        yield Alert(
            AlertKind.KEYS_GONE,
            "No usable key is left: all are dead or off",
            "put another into .env, or revive one in the key panel",
            severity=Severity.ERROR,
        )
    for endpoint in endpoints:
        if endpoint.state is not EndpointState.UP:
            yield _endpoint_alert(endpoint)
    yield from _resting(alive, endpoints)
    if retries_held:
        yield Alert(
            AlertKind.RETRY_BUDGET,
            "Many requests fail: retries wait, so as to be no more than a fifth of all",
        )


def _endpoint_alert(endpoint: EndpointStatistics) -> Alert:
    name = endpoint.name or "the endpoint"
    if endpoint.state is EndpointState.PAUSED:
        return Alert(
            AlertKind.ENDPOINT,
            f"{name} is paused: {endpoint.detail}",
            "mend that and resume, or revive it in the key panel",
            severity=Severity.ERROR,
        )
    if endpoint.is_local:
        return Alert(
            AlertKind.MACHINE, f"This machine cannot send: {endpoint.detail}", seconds=endpoint.returns_s
        )
    return Alert(AlertKind.ENDPOINT, f"{name} is down: {endpoint.detail}", seconds=endpoint.returns_s)


def _resting(alive: Sequence[KeyStatistics], endpoints: Sequence[EndpointStatistics]) -> Iterator[Alert]:
    """An alert if every key that could be used rests."""
    up = {endpoint.name for endpoint in endpoints if endpoint.state is EndpointState.UP}
    usable = [key for key in alive if key.endpoint in up]
    if usable and all((key.rests_s or 0.0) >= _WORTH_TELLING_S for key in usable):
        first = min(usable, key=lambda key: key.rests_s or math.inf)
        which = "The only key rests" if len(usable) == 1 else f"All keys rest; the first is {first.label}"
        why = f" ({first.detail})" if first.detail else ""
        yield Alert(AlertKind.KEYS_REST, which + why, seconds=first.rests_s)


def _may_send(key: KeyStatistics) -> bool:
    return key.state is KeyState.HEALTHY and not key.rests_s
