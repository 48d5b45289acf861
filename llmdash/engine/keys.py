"""KeyPool: endpoints x keys, the health of each, and whose turn it is."""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from llmdash.engine.frame import KeyState
from llmdash.engine.metrics import RollingCounter
from llmdash.llms.base import LLM
from llmdash.llms.failures import Failure, FailureKind
from llmdash.llms.messages import Usage

__all__ = ["KeyPool", "KeyStatistics", "Member"]

_SPARK_S = 30
_QUARANTINE_S = 900.0
_REST_S = 1.0
_LONGEST_REST_S = 3600.0


@dataclass(frozen=True, slots=True)
class KeyStatistics:
    """The counters of one key. sent = ok + throttled + errors + cut + in_flight, always."""

    label: str
    endpoint: str
    state: KeyState
    rests_s: float | None
    detail: str
    weight: float
    in_flight: int
    sent: int
    ok: int
    throttled: int
    errors: int
    cut: int
    input_tokens: int
    output_tokens: int
    rpm: int
    tpm: int
    spark: tuple[int, ...]


class Member:
    """One key of the pool: an LLM bound to it, its health and its counters."""

    def __init__(self, llm: LLM, label: str, endpoint: str = "", weight: float = 1.0) -> None:
        self.llm = llm
        self.label = label
        self.endpoint = endpoint
        self.weight = weight
        self.state = KeyState.HEALTHY
        self.detail = ""
        self.rests_until = 0.0
        self.on_probation = False
        self.refusals = 0
        self.rests_in_a_row = 0
        self.turn = 0.0
        self.was_away = False
        self.in_flight = self.sent = self.ok = self.throttled = self.errors = self.cut = 0
        self.input_tokens = self.output_tokens = 0
        self.calls = RollingCounter()
        self.tokens = RollingCounter()

    def may_send(self, now: float) -> bool:
        """True if the key may be given work at the time `now`; a key on probation gets one request at a
        time.
        """
        if self.state in (KeyState.DEAD, KeyState.DISABLED) or now < self.rests_until:
            return False
        return not (self.on_probation and self.in_flight)


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
            return tuple(_statistics(member, now) for member in self._members)

    async def ready(self) -> None:
        """Wait until some key may send."""
        while not self.available:
            self._changed.clear()
            wait = self._seconds_to_next()
            try:
                async with asyncio.timeout(wait):
                    await self._changed.wait()
            except TimeoutError:
                continue

    def choose(self, avoid: Member | None = None) -> Member | None:
        """The key whose turn it is, counted as sent; None if none may send.

        Of keys with equal turns, not `avoid`.
        """
        now = self._clock()
        free = [member for member in self._members if member.may_send(now)]
        if not free:
            return None
        for member in free:
            self._rejoin(member)
        lowest = min(member.turn for member in free)
        equal = [member for member in free if member.turn <= lowest + 1e-9]
        chosen = next((member for member in equal if member is not avoid), equal[0])
        with self._guard:
            self._count_sent(chosen, now)
        return chosen

    def _rejoin(self, member: Member) -> None:
        """Give up the turns that were missed, or all work would go to the key that just came back."""
        if member.was_away:
            member.turn = max(member.turn, self._turn)
            member.was_away = member.on_probation

    def _count_sent(self, member: Member, now: float) -> None:
        if member.state in (KeyState.THROTTLED, KeyState.QUARANTINED, KeyState.COOLDOWN):
            member.state = KeyState.HEALTHY
        self._turn = max(self._turn, member.turn)
        member.turn += 1.0 / member.weight
        member.sent += 1
        member.in_flight += 1
        member.calls.add(now)

    def succeeded(self, member: Member, usage: Usage | None) -> None:
        """A request of `member` was answered.

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
        member.refusals = 0
        if member.state is KeyState.HEALTHY or member.rests_until <= now:
            member.on_probation = False
            member.rests_in_a_row = 0
        if member.state is KeyState.HEALTHY:
            member.detail = ""
        self._wake()

    def failed(self, member: Member, failure: Failure) -> KeyState | None:
        """A request of `member` failed.

        Gives the state that the key enters because of it, if it enters one.
        """
        with self._guard:
            member.in_flight -= 1
            if failure.kind is FailureKind.THROTTLE:
                member.throttled += 1
            else:
                member.errors += 1
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

    def was_cut(self, member: Member) -> None:
        """A request of `member` was given up from this side."""
        with self._guard:
            member.in_flight -= 1
            member.cut += 1
        self._wake()

    def not_sent(self, member: Member) -> None:
        """A request of `member` was given up before it left: it does not count."""
        with self._guard:
            member.in_flight -= 1
            member.sent -= 1
        member.turn -= 1.0 / member.weight
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

    def _seconds_to_next(self) -> float | None:
        now = self._clock()
        rests = [member.rests_until - now for member in self._members if self._returns(member, now)]
        return max(0.001, min(rests)) if rests else None

    @staticmethod
    def _returns(member: Member, now: float) -> bool:
        return member.state not in (KeyState.DEAD, KeyState.DISABLED) and member.rests_until > now

    def _wake(self) -> None:
        self._changed.set()


def _hint(failure: Failure) -> float | None:
    """The server's hint in seconds, where it says anything."""
    hint = failure.retry_after
    if hint is None or not math.isfinite(hint) or hint <= 0:
        return None
    return min(hint, _LONGEST_REST_S)


def _statistics(member: Member, now: float) -> KeyStatistics:
    rests = member.rests_until - now if member.rests_until > now else None
    return KeyStatistics(
        label=member.label,
        endpoint=member.endpoint,
        state=member.state,
        rests_s=None if member.state in (KeyState.DEAD, KeyState.DISABLED) else rests,
        detail=member.detail,
        weight=member.weight,
        in_flight=member.in_flight,
        sent=member.sent,
        ok=member.ok,
        throttled=member.throttled,
        errors=member.errors,
        cut=member.cut,
        input_tokens=member.input_tokens,
        output_tokens=member.output_tokens,
        rpm=member.calls.total(now),
        tpm=member.tokens.total(now),
        spark=member.calls.series(now, _SPARK_S),
    )
