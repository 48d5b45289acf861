"""Terms: which keys a job may be sent with, given what happened to it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from llmdash.engine.model.states import EndpointState, KeyState
from llmdash.engine.pool.job_history import JobHistory, Others
from llmdash.engine.pool.member import Member

__all__ = ["ANY_KEY", "LOOK_S", "Terms", "free_members", "is_usable", "look_in_s", "terms_of", "with_model"]

LOOK_S, _LONGEST_LOOK_S = 0.25, 5.0
_RESERVED_S = 1.0


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


def _has_model(member: Member, own_model: str | None) -> bool:
    """True unless the model is at another endpoint, or the key turned out not to have it; it is the
    endpoint's own if None is given.
    """
    if not member.serves(own_model):
        return False
    return not member.models_left or (own_model or member.llm.model) not in member.models_left


def is_usable(member: Member, own_model: str | None = None) -> bool:
    """True if the key can be expected to answer soon."""
    return (
        member.is_reachable
        and not member.health.is_gone
        and member.state is not KeyState.QUARANTINED
        and member.endpoint.circuit_breaker.state is not EndpointState.PAUSED
        and _has_model(member, own_model)
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
        excluded |= _doubted(history.doubt.member, history, members, excluded)
    waits = others.unsent > 0 and history.trial is not None and history.trial.is_under_way(now)
    return Terms(history.last, frozenset(excluded), history.strikes > 0, waits)


def _doubted(
    member: Member, history: JobHistory, members: Sequence[Member], excluded: set[Member]
) -> set[Member]:
    """What does not decide about a refusal of `member`: its whole endpoint where there is another, since its
    keys ask for the same model; else the key; nothing where no other key is left.
    """
    at_endpoint = {each for each in members if each.endpoint is member.endpoint}
    for doubted in (at_endpoint, {member}):
        left = (each for each in members if each not in excluded and each not in doubted)
        if any(is_usable(each, history.own_model) for each in left):
            return doubted
    return set()


def with_model(terms: Terms, members: Sequence[Member], own_model: str | None) -> Terms | None:
    """Return the terms without the keys that do not have the model; None if that leaves none."""
    without = {member for member in members if not _has_model(member, own_model)}
    if len(without) == len(members):
        return None  # where a key that has it is only dead or off, the job waits for the user
    return terms._replace(excluded=terms.excluded | without)


def free_members(members: Sequence[Member], now: float, tokens: int, terms: Terms) -> list[Member]:
    """Return the keys that may send a request of `tokens` now on these terms."""
    if terms is ANY_KEY or not terms.is_strict:
        return [member for member in members if member.may_send(now, tokens)]
    if terms.waits:
        return []
    good = [member for member in members if member not in terms.excluded]
    if terms.alone:
        return [member for member in good if not member.in_flight and member.can_send(now, tokens)]
    return [member for member in good if member.may_send(now, tokens)]


def look_in_s(members: Sequence[Member], now: float, tokens: int, terms: Terms) -> float:
    """Return the seconds until a job with strict terms may look for a key again; `alone` reserves one."""
    known = [member for member in members if member not in terms.excluded]
    if terms.alone and not terms.waits:
        _reserve(known, now)
    if terms.alone or terms.waits:
        return LOOK_S
    waits = [member.wait_s(now, tokens) for member in known]
    soonest = min((wait for wait in waits if math.isfinite(wait)), default=0.0)
    return max(LOOK_S, min(soonest, _LONGEST_LOOK_S))


def _reserve(members: Sequence[Member], now: float) -> None:
    """Keep the key that is free first for a job that has to be sent alone, one at a time."""
    able = [member for member in members if member.health.admits(now) and member.endpoint.wait_s(now) == 0]
    if able:
        first = min(able, key=lambda member: (member.reserved_until <= now, member.in_flight))
        first.reserved_until = now + _RESERVED_S
