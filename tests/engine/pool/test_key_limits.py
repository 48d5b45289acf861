"""Limits of a key that are set while a run goes on: they hold at once, and are there again after a resume."""

from __future__ import annotations

import math

import pytest

from llmdash.engine.pool.keys import Keys
from llmdash.engine.pool.limit_records import limits_on_record, restore_limits
from llmdash.engine.pool.member import Member
from tests.engine.pools import Clock, Silent


def keys(clock: Clock, *labels: str) -> Keys:
    return Keys([Member(Silent(), label, clock=clock) for label in labels], clock)


def test_a_limit_of_requests_holds_from_the_next_one_on() -> None:
    clock = Clock()
    found = keys(clock, "a", "b")
    found.set_limits("a", 60.0, None, None)
    (a, b) = found.members
    a.take(10)
    assert not a.may_send(clock.time)
    assert a.wait_s(clock.time) == pytest.approx(1.0)
    assert b.may_send(clock.time)
    clock.time += 1.1
    assert a.may_send(clock.time)
    assert found.statistics()[0].rpm_limit == 60.0


def test_a_limit_that_is_changed_keeps_what_was_used() -> None:
    clock = Clock()
    found = keys(clock, "a")
    found.set_limits("a", 60.0, None, None)
    found.members[0].take(0)
    found.set_limits("a", 6.0, None, None)
    assert found.members[0].wait_s(clock.time) == pytest.approx(10.0)
    found.set_limits("a", None, None, None)
    assert found.members[0].wait_s(clock.time) == 0.0


def test_a_key_has_no_more_at_once_than_it_may() -> None:
    clock = Clock()
    found = keys(clock, "a")
    found.set_limits("a", None, None, 2)
    (member,) = found.members
    member.in_flight = 1
    assert member.may_send(clock.time) and member.can_send(clock.time)
    member.in_flight = 2
    assert not member.may_send(clock.time) and not member.can_send(clock.time)
    assert member.wait_s(clock.time) == math.inf, "only the end of a request changes that"


@pytest.mark.parametrize(
    "limits", [(0.0, None, None), (None, -1.0, None), (None, None, 0), (math.inf, None, None)]
)
def test_what_is_no_limit_is_refused(limits: tuple[float | None, float | None, int | None]) -> None:
    with pytest.raises(ValueError, match="above 0"):
        keys(Clock(), "a").set_limits("a", *limits)


def test_limits_on_record_are_there_again() -> None:
    before, after = keys(Clock(), "a", "b"), keys(Clock(), "a", "c")
    before.set_limits("a", 500.0, 2e5, 8)
    restore_limits(after, limits_on_record(before.statistics()))
    row = after.statistics()[0]
    assert (row.rpm_limit, row.tpm_limit, row.concurrency_limit) == (500.0, 2e5, 8)


@pytest.mark.parametrize(
    "record", [None, "", "[]", "nonsense", '{"a": 5}', '{"a": [0, 0, 0]}', '{"a": ["x", 1, 2]}']
)
def test_a_record_that_nobody_wrote_is_ignored(record: object) -> None:
    found = keys(Clock(), "a")
    restore_limits(found, record)
    assert found.statistics()[0].rpm_limit is None
