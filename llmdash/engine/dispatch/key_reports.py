"""KeyReports: what is shown and recorded of a key whose health has changed."""

from __future__ import annotations

from llmdash.engine.dispatch.parts import RunnerParts
from llmdash.engine.model.events import Noticed
from llmdash.engine.model.states import KeyState, Severity
from llmdash.engine.pool.attribution import Attribution
from llmdash.engine.pool.health_records import health_record
from llmdash.engine.pool.member import Member
from llmdash.sanitize import storable

__all__ = ["KeyReports"]

_SLOWED = "is asked by the server to slow down: its rate is halved and grows by half in 15 minutes"

_REPORTED = {
    KeyState.DEAD: (Severity.ERROR, "is refused by the server and gets no more requests"),
    KeyState.QUARANTINED: (Severity.WARNING, "has no quota left; it is tried again from time to time"),
}


class KeyReports:
    """Reports each thing once, as a notice; records the health for a resume."""

    def __init__(self, parts: RunnerParts) -> None:
        self._parts = parts
        self._reported: dict[Member, frozenset[str]] = {}
        """The models that a key does not have, as far as a notice said so."""

    def report(self, member: Member, attribution: Attribution) -> None:
        """Report what happened to a key that does not recover by itself, or not soon; record its health."""
        parts = self._parts
        if attribution.key in _REPORTED:
            severity, words = _REPORTED[attribution.key]
            detail = f": {storable(member.health.detail)}" if member.health.detail else ""
            parts.store.apply(Noticed(severity, f"Key {member.label} {words}{detail}"))
        for model in member.models_left - self._reported.get(member, frozenset()):
            text = f"Key {member.label} has no access to {model} and is not asked for it any more"
            parts.store.apply(Noticed(Severity.WARNING, text))
        if member.models_left:
            self._reported[member] = frozenset(member.models_left)
        if attribution.slowed:
            parts.store.apply(Noticed(Severity.WARNING, f"Key {member.label} {_SLOWED}"))
        if member.health.is_resting or attribution.key is not None:
            self.note_health(member)

    def note_health(self, member: Member) -> None:
        """Record the health of a key."""
        parts = self._parts
        parts.journal.health(health_record(member, parts.clock(), parts.wall_clock()))
