"""Stride: which of the keys that may send goes next (Waldspurger and Weihl, 1995)."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter

from llmdash.engine.model.states import EndpointState
from llmdash.engine.pool.member import Member

__all__ = ["Stride"]

_PREFERENCE = 1.0
_pass_of = attrgetter("stride_pass")


class Stride:
    """The pass of a key grows by 1/weight with each request; the lowest that may send goes next.

    So healthy keys of equal weight never differ by more than one request (two, where retries prefer another
    key), and a key that comes back from a rest does not have to catch up.
    """

    def __init__(self) -> None:
        self._pass = 0.0
        """The highest pass at which a key was chosen."""

    def join(self, member: Member) -> None:
        """Let a new key begin where the others are."""
        member.stride_pass = self._pass

    def first_of(self, members: Sequence[Member]) -> Member | None:
        """Return the next of all keys, if it may send; None where it may have to catch up."""
        first = min(members, key=_pass_of)
        return None if first.was_away else first

    def next_of(self, free: Sequence[Member], avoid: Member | None) -> Member:
        """Return the next of these keys; in place of `avoid` another that is nearly next, if there is one."""
        for member in free:
            if member.was_away:
                self._rejoin(member)
        first = min(free, key=_pass_of) if len(free) > 1 else free[0]
        if first is not avoid:
            return first
        others = [member for member in free if member is not avoid]
        near = first.stride_pass + _PREFERENCE / first.weight + 1e-9
        return min((other for other in others if other.stride_pass <= near), key=_pass_of, default=first)

    def advance(self, member: Member) -> None:
        """Note that the key is chosen."""
        if member.stride_pass > self._pass:
            self._pass = member.stride_pass
        member.stride_pass += 1.0 / member.weight

    @staticmethod
    def retract(member: Member) -> None:
        """Note that the request for which the key was chosen is not sent."""
        member.stride_pass -= 1.0 / member.weight

    def _rejoin(self, member: Member) -> None:
        """Catch up with the lowest pass, or all requests would go to the key that just came back."""
        member.stride_pass = max(member.stride_pass, self._pass)
        member.was_away = (
            member.health.on_probation or member.endpoint.circuit_breaker.state is not EndpointState.UP
        )
