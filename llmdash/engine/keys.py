"""KeyPool: endpoints x keys, the health of each, and whose turn it is."""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Callable, Sequence

from llmdash.engine.frame import KeyState
from llmdash.engine.member import KeyStatistics, Member, statistics_of
from llmdash.llms.failures import Failure, FailureKind
from llmdash.llms.hints import Hints
from llmdash.llms.messages import Usage

__all__ = ["KeyPool", "KeyStatistics", "Member"]

_QUARANTINE_S = 900.0
_REST_S = 1.0
_LONGEST_REST_S = 3600.0


class KeyPool:
    """The keys, taken in turn.

    Every key has a turn number that grows by 1/weight with each request; the lowest that may send goes next.
    So healthy keys of equal weight never differ by more than one request, and a key that comes back from a
    rest does not have to catch up.

    | from -> to | because of | way back |
    |---|---|---|
    | healthy -> rests | 429: until the server's hint, never shorter than before | one request as a probe |
    | healthy -> no quota | the account has no money left | a probe after 15 minutes |
    | healthy -> dead | refused twice in a row (401, 403) | the user revives it |
    | any -> off | the user | the user |
    """

    def __init__(self, members: Sequence[Member], clock: Callable[[], float]) -> None:
        if not members:
            raise ValueError("a pool needs at least one key")
        self._members = list(members)
        self._clock = clock
        self._changed = asyncio.Event()
        self._turn = 0.0
        self._guard = threading.Lock()  # counters move together, whoever looks from another thread

    def __len__(self) -> int:
        return len(self._members)

    @property
    def members(self) -> tuple[Member, ...]:
        return tuple(self._members)

    @property
    def exhausted(self) -> bool:
        """True if no key will ever send again without the user: all are dead or off."""
        return all(member.state in (KeyState.DEAD, KeyState.DISABLED) for member in self._members)

    @property
    def available(self) -> bool:
        """True if some key may send now."""
        now = self._clock()
        return any(member.may_send(now) for member in self._members)

    def statistics(self) -> tuple[KeyStatistics, ...]:
        now = self._clock()
        with self._guard:
            return tuple(statistics_of(member, now) for member in self._members)

    @property
    def counts_tokens(self) -> bool:
        """True if some key is limited in tokens, so that a request has to say how many it needs."""
        return any(member.limits.tokens is not None for member in self._members)

    def may_take(self, tokens: int) -> bool:
        """True if some key may be given a request of `tokens` now."""
        now = self._clock()
        return any(member.may_send(now, tokens) for member in self._members)

    async def ready(self, tokens: int = 0) -> None:
        """Wait until some key may be given a request of `tokens`."""
        while not self.may_take(tokens):
            self._changed.clear()
            wait = self._seconds_to_next(tokens)
            try:
                async with asyncio.timeout(wait):
                    await self._changed.wait()
            except TimeoutError:
                continue

    def choose(self, avoid: Member | None = None, tokens: int = 0) -> Member | None:
        """The key whose turn it is, counted as sent and with `tokens` reserved; None if none may send.

        Of keys with equal turns, not `avoid`. What was reserved is given back with the outcome.
        """
        now = self._clock()
        free = [member for member in self._members if member.may_send(now, tokens)]
        if not free:
            return None
        for member in free:
            self._rejoin(member)
        lowest = min(member.turn for member in free)
        equal = [member for member in free if member.turn <= lowest + 1e-9]
        chosen = next((member for member in equal if member is not avoid), equal[0])
        with self._guard:
            self._count_sent(chosen, now)
        chosen.limits.take(tokens)
        return chosen

    def _rejoin(self, member: Member) -> None:
        """Give up the turns that were missed, or all work would go to the key that just came back."""
        if member.was_away:
            member.turn = max(member.turn, self._turn)
            member.was_away = member.on_probation

    def _count_sent(self, member: Member, now: float) -> None:
        if member.state in (KeyState.THROTTLED, KeyState.QUARANTINED, KeyState.COOLDOWN):
            member.state = KeyState.HEALTHY
        if member.pace_s:
            member.rests_until = max(member.rests_until, now + member.pace_s)
        self._turn = max(self._turn, member.turn)
        member.turn += 1.0 / member.weight
        member.sent += 1
        member.in_flight += 1
        member.calls.add(now)

    def succeeded(
        self, member: Member, usage: Usage | None, *, reserved: int = 0, hints: Hints | None = None
    ) -> None:
        """A request of `member` was answered; `reserved` is what `choose` was asked for.

        While the key rests, that says nothing: the request had left before.
        """
        now = self._clock()
        with self._guard:
            member.in_flight -= 1
            member.ok += 1
            if usage is not None:
                member.input_tokens += usage.input_tokens
                member.output_tokens += usage.output_tokens
                member.tokens.add(now, usage.input_tokens + usage.output_tokens)
        used = usage.input_tokens + usage.output_tokens if usage is not None else reserved
        member.limits.release(reserved, used)
        member.refusals = 0
        if member.state is KeyState.HEALTHY or member.rests_until <= now:
            member.on_probation = False
            member.rests_in_a_row = 0
        if member.state is KeyState.HEALTHY:
            member.detail = ""
        self._heed(member, hints)
        self._wake()

    def _heed(self, member: Member, hints: Hints | None) -> None:
        """Where the server has no more left than what is in flight will use up, send no faster than it
        refills.

        The reset it names is that of *all* requests, which is far longer than a key has to rest.
        """
        if hints is None:
            return
        member.told = hints
        left = hints.remaining_requests
        if left is None or left > 2 * member.in_flight + 2:
            member.pace_s = 0.0
        elif left <= member.in_flight:
            member.pace_s = _refill_s(left, hints.limit_requests, hints.reset_requests_s)
        self._pause(member, member.pace_s * (member.in_flight + 1 - (left or 0)))
        if hints.remaining_tokens == 0:
            self._pause(member, _refill_s(0, hints.limit_tokens, hints.reset_tokens_s))

    def _pause(self, member: Member, seconds: float) -> None:
        if seconds > 0 and member.state is KeyState.HEALTHY:
            member.rests_until = max(member.rests_until, self._clock() + seconds)

    def failed(self, member: Member, failure: Failure, *, reserved: int = 0) -> KeyState | None:
        """A request of `member` failed.

        Gives the state that the key enters because of it, if it enters one.
        """
        with self._guard:
            member.in_flight -= 1
            if failure.kind is FailureKind.THROTTLE:
                member.throttled += 1
            else:
                member.errors += 1
        member.limits.release(reserved, 0)
        member.told = failure.hints or member.told
        before = member.state
        self._judge(member, failure)
        self._wake()
        return member.state if member.state is not before else None

    def _judge(self, member: Member, failure: Failure) -> None:
        now = self._clock()
        if member.state in (KeyState.DEAD, KeyState.DISABLED):
            return
        match failure.kind:
            case FailureKind.THROTTLE:
                seconds = _hint(failure) or min(60.0, _REST_S * 2 ** min(member.rests_in_a_row, 6))
                member.rests_in_a_row += member.state is not KeyState.THROTTLED
                self._rest(member, KeyState.THROTTLED, now + seconds, "called too often")
            case FailureKind.QUOTA:
                self._rest(member, KeyState.QUARANTINED, now + _QUARANTINE_S, failure.message)
            case FailureKind.AUTH:
                member.refusals += 1
                member.on_probation = member.was_away = True
                if member.refusals >= 2:
                    member.state = KeyState.DEAD
                    member.detail = failure.message
            case _:
                pass

    def _rest(self, member: Member, state: KeyState, until: float, detail: str) -> None:
        member.rests_until = max(member.rests_until, until)
        member.on_probation = member.was_away = True
        if state is KeyState.THROTTLED and member.state is KeyState.QUARANTINED:
            return  # it still has no quota
        member.state = state
        member.detail = detail

    def was_cut(self, member: Member, *, reserved: int = 0) -> None:
        """A request of `member` was given up from this side."""
        with self._guard:
            member.in_flight -= 1
            member.cut += 1
        member.limits.release(reserved, reserved)
        self._wake()

    def not_sent(self, member: Member, *, reserved: int = 0) -> None:
        """A request of `member` was given up before it left: it does not count."""
        with self._guard:
            member.in_flight -= 1
            member.sent -= 1
        member.turn -= 1.0 / member.weight
        member.limits.release(reserved, 0)
        self._wake()

    def disable(self, label: str) -> None:
        """Give the key no more work. Unknown labels are ignored: the user may be looking at an old
        picture.
        """
        for member in self._members:
            if member.label == label:
                member.state = KeyState.DISABLED
                member.was_away = True
        self._wake()

    def revive(self, label: str) -> None:
        """Call the key healthy, whatever befell it."""
        for member in self._members:
            if member.label == label:
                member.state = KeyState.HEALTHY
                member.rests_until = 0.0
                member.refusals = member.rests_in_a_row = 0
                member.on_probation = False
                member.detail = ""
                member.was_away = True
        self._wake()

    def set_weight(self, label: str, weight: float) -> None:
        """Give the key `weight` turns for one of a key of weight 1."""
        if not 0.01 <= weight <= 100:
            raise ValueError(f"a weight is between 0.01 and 100, not {weight!r}")
        for member in self._members:
            if member.label == label:
                member.weight = weight

    def _seconds_to_next(self, tokens: int) -> float | None:
        """Seconds until the first key may send; None if only an event can bring that about."""
        now = self._clock()
        soonest = min(member.wait_s(now, tokens) for member in self._members)
        return max(0.001, soonest) if math.isfinite(soonest) else None

    def _wake(self) -> None:
        self._changed.set()


def _refill_s(remaining: int, limit: int | None, reset_s: float | None) -> float:
    """Seconds in which one unit comes back, given the seconds until all `limit` are; 0 if that is not known.

    The bucket fills evenly.
    """
    if not limit or not reset_s:
        return 0.0
    return min(reset_s, _LONGEST_REST_S) / max(1, limit - remaining)


def _hint(failure: Failure) -> float | None:
    """The server's hint in seconds, where it says anything."""
    hint = failure.retry_after
    if hint is None or not math.isfinite(hint) or hint <= 0:
        return None
    return min(hint, _LONGEST_REST_S)
