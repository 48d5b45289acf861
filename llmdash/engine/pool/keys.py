"""Keys: the keys of a run with their endpoints, as they are shown, and what the user can do with them."""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Callable, Sequence

from llmdash.engine.model.frame import AutoPart, EndpointRow, KeyRow
from llmdash.engine.model.states import EndpointState
from llmdash.engine.pool.found_rate import found_rate
from llmdash.engine.pool.key_rows import endpoint_row, key_row
from llmdash.engine.pool.member import Endpoint, Member, MemberLimits
from llmdash.engine.pool.shared import SharedLimit
from llmdash.engine.pool.stride import Stride
from llmdash.engine.pool.token_bucket import TokenBucket

__all__ = ["Keys"]


class Keys:
    """The keys of a run. Whatever changes them wakes those that wait for one."""

    def __init__(self, members: Sequence[Member], clock: Callable[[], float]) -> None:
        if not members:
            raise ValueError("a pool needs at least one key")
        self._members = list(members)
        self.endpoints = _endpoints_of(members)
        """The endpoints, each once."""
        self._clock = clock
        self._changed = asyncio.Event()
        self._stride = Stride()
        self._guard = threading.Lock()  # other threads see consistent counters
        self._is_tuned = False
        self.is_divided = any(member.models is not None for member in members)
        """True if some key serves certain models only, so that the model of a job decides where it may go."""

    def __len__(self) -> int:
        return len(self._members)

    @property
    def members(self) -> tuple[Member, ...]:
        return tuple(self._members)

    @property
    def shared_limits(self) -> tuple[SharedLimit, ...]:
        """The limits that the endpoints share with other runs, each once."""
        every = {id(each.shared): each.shared for each in self.endpoints if each.shared is not None}
        return tuple(every.values())

    def add(self, member: Member) -> None:
        """Add a key."""
        self._stride.join(member)
        member.tune(on=self._is_tuned)
        self._members.append(member)
        self.endpoints = _endpoints_of(self._members)
        self.is_divided = self.is_divided or member.models is not None
        self._wake()

    def returns_in_s(self, model: str | None = None) -> float:
        """Return the seconds until the first key that serves `model` may be used again; infinite if only the
        user can change that.
        """
        now = self._clock()
        soonest = math.inf
        for member in self._members:
            if (
                member.serves(model)
                and not member.health.is_gone
                and member.endpoint.circuit_breaker.state is not EndpointState.PAUSED
            ):
                soonest = min(soonest, max(0.0, member.health.rests_until - now))
        return soonest

    def statistics(self) -> tuple[KeyRow, ...]:
        """Return a snapshot of the counters of every key."""
        now = self._clock()
        with self._guard:
            return tuple(key_row(member, now) for member in self._members)

    def endpoint_statistics(self) -> tuple[EndpointRow, ...]:
        """Return a snapshot of the state of every endpoint."""
        now = self._clock()
        with self._guard:
            return tuple(endpoint_row(endpoint, now) for endpoint in self.endpoints)

    def disable(self, label: str) -> None:
        """Send nothing more with the key. Unknown labels are ignored: the user may look at an old frame."""
        for member in self._labelled(label):
            member.health.disable()
            self._note_absence(member)
        self._wake()

    def revive(self, label: str) -> None:
        """Set the key to healthy, whatever its state."""
        for member in self._labelled(label):
            member.health.revive()
            member.models_left.clear()
            member.refuted.clear()
            member.was_away = True
        self._wake()

    def revive_endpoint(self, name: str) -> None:
        """Send to the endpoint again, whatever its state."""
        for endpoint in self.endpoints:
            if endpoint.name == name:
                endpoint.circuit_breaker.revive()
        self._wake()

    def set_weight(self, label: str, weight: float) -> None:
        """Lease the key `weight` times for each lease of a key with weight 1. Raises ValueError."""
        if not 0.01 <= weight <= 100:
            raise ValueError(f"a weight is between 0.01 and 100, not {weight!r}")
        for member in self._labelled(label):
            member.weight = weight

    def set_limits(self, label: str, rpm: float | None, tpm: float | None, concurrency: int | None) -> None:
        """Set the limits of the key; None is none. What is in flight goes on. Raises ValueError."""
        for name, limit in (("rpm", rpm), ("tpm", tpm), ("concurrency", concurrency)):
            if limit is not None and not 0 < limit < math.inf:
                raise ValueError(f"a limit of {name} is above 0, not {limit!r}; none at all is –")
        for member in self._labelled(label):
            buckets = member.limits
            member.limits = MemberLimits(
                _limited(buckets.requests, rpm, self._clock), _limited(buckets.tokens, tpm, self._clock)
            )
            member.concurrency = concurrency
        self._wake()

    def set_auto(self, on: bool) -> None:
        """Let the rate of each key be found by itself, or not."""
        self._is_tuned = on
        for member in self._members:
            member.tune(on=on)
        self._wake()

    def auto(self, rate: float | None) -> AutoPart:
        """Return what was found by itself, where `rate` is set; any thread may ask."""
        with self._guard:
            usable = [each for each in self._members if not each.health.is_gone]
        tuners = [each.tuner for each in usable if each.tuner is not None]
        return found_rate(tuners, rate) if self._is_tuned else AutoPart()

    @property
    def waits_for_auto(self) -> bool:
        """True if the rate that was found holds requests up."""
        return any(each.tuner is not None and each.tuner.holds_up for each in self._members)

    def _labelled(self, label: str) -> list[Member]:
        return [member for member in self._members if member.label == label]

    @staticmethod
    def _note_absence(member: Member) -> None:
        member.was_away = member.was_away or member.health.on_probation or member.health.is_gone

    def _wake(self) -> None:
        self._changed.set()


def _limited(
    bucket: TokenBucket | None, per_minute: float | None, clock: Callable[[], float]
) -> TokenBucket | None:
    """A bucket that refills so much a minute: this one, with what is in it, if there is one."""
    if per_minute is None:
        return None
    if bucket is None:
        return TokenBucket(per_minute, clock)
    bucket.set_rate(per_minute)
    return bucket


def _endpoints_of(members: Sequence[Member]) -> tuple[Endpoint, ...]:
    return tuple({id(member.endpoint): member.endpoint for member in members}.values())
