"""CircuitBreaker: whether an endpoint takes requests, judged by what comes of them."""

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
    """True for a failure that says nothing of the request or its key: nobody there, or too busy."""
    return not failure.reached or failure.status in _OVERLOADED


class CircuitBreaker:
    """Opens where the endpoint is to blame, not a key; then one request at a time tries it again.

    | from -> to | because of | way back |
    |---|---|---|
    | up -> down | 3 in a row without connection or TLS, or with 503 or 529; this machine cannot send; all \
its keys fail alike | a probe after 1 s, doubling to 60 s; to 20 s if it answers, with 5xx |
    | up -> paused | redirect, certificate, address: the settings are wrong | the user |
    | down -> paused | nothing for an hour; for a minute, if it was never reached | the user |

    Each request that is let through takes a ticket (`taken`), which its outcome brings back: what left before
    the circuit_breaker changed says nothing about the time after. Times are monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.state = EndpointState.UP
        self.detail = ""
        self.is_local = False
        """True if this machine is to blame, not the endpoint."""
        self._until = 0.0
        self._given = self._stale = 0
        self._in_a_row = 0
        self._openings = 0
        self._worked = False
        self._down_since: float | None = None

    def wait_s(self, now: float) -> float:
        """Seconds until a request may go there; infinite while only an event can change that."""
        if self.state is EndpointState.UP:
            return 0.0
        return max(0.0, self._until - now) if self.state is EndpointState.DOWN else float("inf")

    def returns_in_s(self, now: float) -> float | None:
        """Seconds until it is tried again, while it is down."""
        return max(0.0, self._until - now) if self.state is EndpointState.DOWN else None

    def taken(self) -> int:
        """A request is let through; gives its ticket."""
        if self.state is EndpointState.DOWN:
            self.state = EndpointState.PROBING
        self._given += 1
        return self._given

    def admits(self, ticket: int) -> bool:
        """True if the request with this ticket may still leave: nothing came to light since it was given."""
        is_probe = self.state is EndpointState.PROBING and not self._is_stale(ticket)
        return is_probe or self.state is EndpointState.UP

    def answered(self, ticket: int) -> None:
        """The endpoint did its work, be it to refuse a request."""
        if self._is_stale(ticket):
            return
        self._worked = True
        self._in_a_row = 0
        if self.state in (EndpointState.DOWN, EndpointState.PROBING):
            self._close()

    def left(self, ticket: int) -> None:
        """The request was given up: if it was the probe, another one may be sent."""
        if self.state is EndpointState.PROBING and not self._is_stale(ticket):
            self.state = EndpointState.DOWN

    def failed(self, failure: Failure, ticket: int) -> EndpointState | None:
        """A request went wrong; gives the state that the endpoint enters because of it, if it enters one."""
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
        """Keys fail alike: it is not them."""
        if self.state is EndpointState.UP:
            self._open(detail)

    def revive(self) -> None:
        """Take requests again, whatever was wrong."""
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
