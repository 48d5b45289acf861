"""What a frame says of a limit whose share cannot be renewed."""

from __future__ import annotations

import pytest

from llmdash.engine.frames.blockers import RunStatus, Waits, alerts_of, what_blocks
from llmdash.engine.model.frame import EndpointRow, KeyRow, SharedLimitRow
from llmdash.engine.model.states import (
    AlertKind,
    EndpointState,
    JobState,
    KeyState,
    RunState,
    Severity,
    WaitReason,
)

STATUS = RunStatus(RunState.RUNNING)
KEYS = (KeyRow("a", "shared"), KeyRow("b", "free"))
OVER = SharedLimitRow("org-a", 60.0, problem="the lease file cannot be written (locked)", is_over=True)


def endpoints(free: EndpointState = EndpointState.UP) -> tuple[EndpointRow, ...]:
    return EndpointRow("shared", limit="org-a"), EndpointRow("free", free)


def test_a_limit_blocks_the_run_only_where_no_other_endpoint_is_up() -> None:
    assert what_blocks(STATUS, KEYS, endpoints(), 0, (OVER,)) is None
    assert what_blocks(STATUS, KEYS, endpoints(EndpointState.DOWN), 0, (OVER,)) is WaitReason.SHARED
    assert what_blocks(STATUS, KEYS[:1], endpoints(), 5, (OVER,)) is WaitReason.SHARED
    dead = KeyRow("b", "free", KeyState.DEAD)
    assert what_blocks(STATUS, (KEYS[0], dead), endpoints(), 0, (OVER,)) is WaitReason.SHARED


@pytest.mark.parametrize(
    ("is_over", "severity", "text"),
    [
        (True, Severity.ERROR, "Limit org-a has no share, nothing is sent: the lease file cannot be written"),
        (False, Severity.WARNING, "Limit org-a may lose its share: the lease file cannot be written"),
    ],
)
def test_an_alert_says_what_is_wrong_and_how_bad_it_is(is_over: bool, severity: Severity, text: str) -> None:
    limit = SharedLimitRow("org-a", 60.0, problem=OVER.problem, is_over=is_over)
    [alert] = alerts_of(STATUS, KEYS, endpoints(), retries_held=False, open_jobs=3, limits=(limit,))
    assert (alert.kind, alert.severity) == (AlertKind.LIMIT, severity)
    assert alert.text.startswith(text)
    assert not alerts_of(STATUS, KEYS, endpoints(), retries_held=False, open_jobs=0, limits=(limit,))
    assert not alerts_of(
        STATUS, KEYS, endpoints(), retries_held=False, open_jobs=3, limits=(SharedLimitRow("org-a"),)
    )


def test_a_job_waits_for_the_shared_limit_where_that_is_what_holds_it_up() -> None:
    assert Waits(shared=True).reason(1, JobState.KEY) is WaitReason.SHARED
    assert Waits().reason(1, JobState.KEY) is WaitReason.KEY
    assert Waits(WaitReason.ENDPOINT, shared=True).reason(1, JobState.KEY) is WaitReason.ENDPOINT
    assert Waits(shared=True).reason(1, JobState.LIMITER) is WaitReason.LIMITER
