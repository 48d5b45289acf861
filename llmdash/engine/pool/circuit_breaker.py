"""CircuitBreaker: whether an endpoint takes requests, decided by their outcomes."""

from __future__ import annotations

from collections.abc import Callable

from llmdash.engine.model.states import EndpointState
from llmdash.llms.wire.failures import Failure, FailureKind

__all__ = ["CircuitBreaker", "is_of_endpoint"]

_FIRST_S = 1.0
_LONGEST_S = 60.0
_LONGEST_ANSWERING_S = 20.0
_IN_A_ROW = 3
_NEVER_REACHED_S = 60.0
_GIVE_UP_S = 3600.0
_LONGEST_HINT_S = 120.0
_OVERLOADED = (503, 529)


def is_of_endpoint(failure: Failure) -> bool:
    """True for a failure of the endpoint, not of the request or its key: unreachable, or overloaded."""
    return not failure.reached or failure.status in _OVERLOADED


class CircuitBreaker:
    """Opens where the endpoint is at fault, not a key; then one request at a time probes it.

    | from -> to | because of | way back |
    |---|---|---|
    | up -> down | 3 in a row without connection or TLS, or with 503 or 529; this machine cannot send; all \
its keys fail alike | a probe after 1 s, doubling to 60 s; to 20 s if it answers, with 5xx |
    | up -> paused | redirect, certificate, address: the settings are wrong | the user |
    | down -> paused | nothing for an hour; for a minute, if it was never reached | the user |

    Each request that is let through gets a ticket (`taken`), which its outcome gives back: requests sent
    before the breaker changed say nothing about the time after. Times are monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.state = EndpointState.UP
        self.detail = ""
        self.is_local = False
        """True if this machine is at fault, not the endpoint."""
        self._until = 0.0
        self._given = self._stale = 0
        self._in_a_row = 0
        self._openings = 0
        self._worked = False
        self._down_since: float | None = None

    def wait_s(self, now: float) -> float:
        """Return the seconds until a request may be sent; infinite while only an event can change that."""
        if self.state is EndpointState.UP:
            return 0.0
        return max(0.0, self._until - now) if self.state is EndpointState.DOWN else float("inf")

    def returns_in_s(self, now: float) -> float | None:
        """Return the seconds until the next probe, while it is down."""
        return max(0.0, self._until - now) if self.state is EndpointState.DOWN else None

    def taken(self) -> int:
        """Let a request through. Returns its ticket."""
        if self.state is EndpointState.DOWN:
            self.state = EndpointState.PROBING
        self._given += 1
        return self._given

    def admits(self, ticket: int) -> bool:
        """True if the request with this ticket may still be sent: the breaker has not changed since."""
        is_probe = self.state is EndpointState.PROBING and not self._is_stale(ticket)
        return is_probe or self.state is EndpointState.UP

    def answered(self, ticket: int) -> None:
        """Note an answer of the endpoint, also one that refuses the request."""
        if self._is_stale(ticket):
            return
        self._worked = True
        self._in_a_row = 0
        if self.state in (EndpointState.DOWN, EndpointState.PROBING):
            self._close()

    def left(self, ticket: int) -> None:
        """Note that the request was cut off: if it was the probe, another one may be sent."""
        if self.state is EndpointState.PROBING and not self._is_stale(ticket):
            self.state = EndpointState.DOWN

    def failed(self, failure: Failure, ticket: int) -> EndpointState | None:
        """Note a failed request. Returns the state that the endpoint enters by it, None if it stays."""
        if self._is_stale(ticket) or self.state is EndpointState.PAUSED:
            return None
        before, probing = self.state, self.state is EndpointState.PROBING
        if failure.kind is FailureKind.CONFIG:
            self._in_a_row += 1
            if not self._worked or self._in_a_row >= _IN_A_ROW:
                self._pause(str(failure))
            elif probing:
                self._open(str(failure))
        elif failure.kind is FailureKind.LOCAL:
            self._open(str(failure), is_local=True)
        elif is_of_endpoint(failure):
            self._in_a_row += 1
            if probing or self._in_a_row >= _IN_A_ROW:
                self._open(str(failure), min(_LONGEST_HINT_S, failure.retry_after or 0.0))
        elif probing:
            self._open(str(failure), longest_s=_LONGEST_ANSWERING_S)
        return self.state if self.state is not before else None

    def trip(self, detail: str) -> None:
        """Open, because all keys fail: the fault is the endpoint's."""
        if self.state is EndpointState.UP:
            self._open(detail)

    def revive(self) -> None:
        """Close: take requests again, whatever the state."""
        self._close()

    def _is_stale(self, ticket: int) -> bool:
        return ticket <= self._stale

    def _open(
        self, detail: str, hint_s: float = 0.0, *, is_local: bool = False, longest_s: float = _LONGEST_S
    ) -> None:
        now = self._clock()
        self._down_since = now if self._down_since is None else self._down_since
        patience = _GIVE_UP_S if self._worked else _NEVER_REACHED_S
        if now - self._down_since >= patience:
            span = "an hour" if self._worked else "a minute"
            self._pause(f"{detail}; nothing answered for {span}: check base_url, and that the server is up")
            return
        delay = min(longest_s, _FIRST_S * 2 ** min(self._openings, 10))
        self._openings += 1
        self._change(EndpointState.DOWN, detail)
        self._until = now + max(delay, hint_s)
        self.is_local = is_local

    def _pause(self, detail: str) -> None:
        self._change(EndpointState.PAUSED, detail)

    def _close(self) -> None:
        self._change(EndpointState.UP, "")
        self._openings = self._in_a_row = 0
        self._down_since = None
        self.is_local = False

    def _change(self, state: EndpointState, detail: str) -> None:
        self.state, self.detail = state, detail
        self._stale = self._given
