"""Terms: which keys a job may be sent with, given what happened to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from llmdash.engine.model.states import EndpointState, KeyState
from llmdash.engine.pool.job_history import JobHistory, Others
from llmdash.engine.pool.member import Member

__all__ = ["ANY_KEY", "Terms", "has_model", "is_usable", "terms_of"]


class Terms(NamedTuple):
    """The keys for a job: none of `excluded`, rather not `avoid`; with `alone` one with nothing in flight.

    With `waits` none at all for now: others are about to show whose fault its last failure was.
    """

    avoid: Member | None = None
    excluded: frozenset[Member] = frozenset()
    alone: bool = False
    waits: bool = False

    @property
    def is_strict(self) -> bool:
        """True if not every key that may send will do: where none will, the job steps aside for others."""
        return self.alone or self.waits or bool(self.excluded)


ANY_KEY = Terms()


def has_model(member: Member, own_model: str | None) -> bool:
    """True unless the key turned out not to have the model, which is the endpoint's own if None is given."""
    return not member.models_left or (own_model or member.llm.model) not in member.models_left


def is_usable(member: Member, own_model: str | None = None) -> bool:
    """True if the key can be expected to answer soon."""
    return (
        not member.health.is_gone
        and member.state is not KeyState.QUARANTINED
        and member.endpoint.circuit_breaker.state is not EndpointState.PAUSED
        and has_model(member, own_model)
    )


def terms_of(history: JobHistory, members: Sequence[Member], now: float, others: Others) -> Terms:
    """Return the terms for the next attempt of a job; `others` are the other open jobs.

    A key that refused the job is left to others until one of them was answered. A job with a strike is sent
    alone, so that its next rate limit (429) can be told from the key's.
    """
    excluded: set[Member] = set()
    if others.faultless:
        excluded.update(refusal.member for refusal in history.refusals if not refusal.is_disproved)
    if history.doubt is not None:
        wider = excluded | {history.doubt.member}
        if any(is_usable(member, history.own_model) for member in members if member not in wider):
            excluded = wider
    waits = others.unsent > 0 and history.trial is not None and history.trial.is_under_way(now)
    return Terms(history.last, frozenset(excluded), history.strikes > 0, waits)
