"""What limits the rate, at any concurrency: a slot that changes hands does not change the answer."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from llmdash.engine.frames.blockers import Waits
from llmdash.engine.frames.gauges import is_full
from llmdash.engine.model.states import JobState, WaitReason
from llmdash.engine.store.job_columns import JobColumns
from llmdash.engine.store.store import Store


@dataclass
class Slots:
    """The gauges that decide it."""

    concurrency: int = 256
    waits_for_rate: bool = False


def store_of(in_flight: int, waiting: int) -> Store:
    columns = JobColumns(1_000, range(1_000))
    for job in range(in_flight):
        columns.set_state(job, JobState.STREAMING)
    for job in range(in_flight, in_flight + waiting):
        columns.set_state(job, JobState.LIMITER)
    return Store(columns, lambda: 0.0)


@pytest.mark.parametrize(
    ("in_flight", "waiting", "waits_for_rate", "full"),
    [
        (256, 0, False, True),
        (230, 26, False, True),  # answered, and the next one is about to be sent
        (230, 26, True, False),
        (256, 40, False, True),  # the concurrency was lowered
        (20, 236, False, False),
        (120, 0, False, False),
    ],
)
def test_the_concurrency_binds_where_each_slot_has_a_job_and_none_waits_for_a_permit(
    in_flight: int, waiting: int, waits_for_rate: bool, full: bool
) -> None:
    assert is_full(store_of(in_flight, waiting), Slots(waits_for_rate=waits_for_rate)) is full


@pytest.mark.case("screen", "what-binds")
def test_a_job_that_waits_for_a_slot_does_not_wait_for_the_rate() -> None:
    assert Waits(full=True).reason(0, JobState.LIMITER) is WaitReason.SLOT
    assert Waits().reason(0, JobState.LIMITER) is WaitReason.LIMITER
    assert Waits(WaitReason.DISK, full=True).reason(0, JobState.LIMITER) is WaitReason.DISK
