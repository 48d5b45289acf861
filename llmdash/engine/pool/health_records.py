"""The health of keys on disk, so that a resume leaves resting keys alone."""

from __future__ import annotations

from collections.abc import Iterable

from llmdash.engine.model.records import HealthRecord
from llmdash.engine.model.states import KeyState
from llmdash.engine.pool.member import Member
from llmdash.sanitize import storable

__all__ = ["health_record", "restore_health"]


def health_record(member: Member, now: float, wall_now: float) -> HealthRecord:
    """Return the health of `member` at the monotonic time `now`, which is `wall_now` in Unix seconds."""
    health = member.health
    ready_in_s = max(0.0, health.rests_until - now) if health.is_resting else 0.0
    return HealthRecord(
        member.label, health.state.name.lower(), wall_now, ready_in_s, storable(health.detail), health.times
    )


def restore_health(members: Iterable[Member], records: Iterable[HealthRecord], wall_now: float) -> None:
    """Set the health of the members to what an earlier start left on disk."""
    known = {record.key: record for record in records}
    for member in members:
        record = known.get(member.label)
        if record is not None:
            passed = max(0.0, wall_now - record.at)  # a clock that was set back makes no rest longer
            left = max(0.0, record.rests_s - passed)
            member.health.restore(KeyState[record.state.upper()], left, record.detail, record.times)
            member.was_away = member.health.on_probation or member.health.is_gone
