"""What is wrong with single keys though the run goes on, and keys that turn out to share one limit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from llmdash.engine.model.counts import counted, listed
from llmdash.engine.model.frame import Alert, KeyRow
from llmdash.engine.model.states import AlertKind, KeyState, Severity

__all__ = ["OneBucket", "key_alerts", "whose_rest"]

_MOST_ALERTS = 3
"""More keys in the same state share an alert."""
_LEAST_SHOWN_S = 0.5
_AT_ONCE_S = 2.0
"""429s of several keys within this time came at once."""
_TIMES = 3
"""So often in a row means more than chance."""
_REMEMBERED_S = 120.0
_WORDS = {KeyState.THROTTLED: "rests", KeyState.COOLDOWN: "cools down", KeyState.QUARANTINED: "has no quota"}


def whose_rest(key: KeyRow) -> str:
    """Return whose number the rest of a rate limited key is."""
    return "server's hint" if key.rest_is_hint else "our guess"


def key_alerts(keys: Sequence[KeyRow]) -> Iterator[Alert]:
    """Yield what is wrong with these keys; at most a few alerts, however many keys."""
    dead = [key for key in keys if key.state is KeyState.DEAD]
    if len(dead) > _MOST_ALERTS:
        names = listed([key.label for key in dead])
        yield _alert(f"{counted(len(dead), 'key')} dead ({names})", dead[0].detail, severity=Severity.ERROR)
    else:
        for key in dead:
            yield _alert(f"key {key.label} dead", key.detail, severity=Severity.ERROR)
    for state in _WORDS:
        resting = [key for key in keys if key.state is state and (key.ready_in_s or 0.0) >= _LEAST_SHOWN_S]
        yield from _resting(state, resting)


def _resting(state: KeyState, keys: Sequence[KeyRow]) -> Iterator[Alert]:
    severity = Severity.ERROR if state is KeyState.QUARANTINED else Severity.WARNING
    if len(keys) > _MOST_ALERTS:
        first = min(keys, key=lambda key: key.ready_in_s or 0.0)
        words = {KeyState.THROTTLED: "rest", KeyState.COOLDOWN: "cool down"}.get(state, "have no quota")
        text = f"{counted(len(keys), 'key')} {words}, the first"
        yield _alert(text, _why(first), first.ready_in_s, severity)
        return
    for key in keys:
        yield _alert(f"key {key.label} {_WORDS[state]}", _why(key), key.ready_in_s, severity)


def _why(key: KeyRow) -> str:
    return whose_rest(key) if key.state is KeyState.THROTTLED else key.detail


def _alert(
    text: str, detail: str, passes_in_s: float | None = None, severity: Severity = Severity.WARNING
) -> Alert:
    fix = "v in the key panel revives it, d switches it off"
    return Alert(AlertKind.KEY, text, fix, passes_in_s, severity, blocks=False, detail=detail)


class OneBucket:
    """Notices that keys of an endpoint share one limit: more than once all of them were rate limited at once.

    Call `look` with the keys as they are; times are in seconds on one clock.
    """

    def __init__(self) -> None:
        self._throttled: dict[str, int] = {}
        self._at: dict[str, float] = {}
        self._bursts: dict[str, list[float]] = {}

    def look(self, keys: Sequence[KeyRow], now: float) -> tuple[Alert, ...]:
        """Return an alert for each endpoint whose keys were rate limited together of late."""
        self._note(keys, now)
        names = dict.fromkeys(key.endpoint for key in keys)
        return tuple(self._alert(name) for name in names if self._is_shared(name, now))

    def _note(self, keys: Sequence[KeyRow], now: float) -> None:
        hit = set()
        for key in keys:
            if key.throttled > self._throttled.get(key.label, key.throttled):
                self._at[key.label] = now
                hit.add(key.endpoint)
            self._throttled[key.label] = key.throttled
        for name in hit:
            usable = [key.label for key in keys if key.endpoint == name and _is_usable(key)]
            together = len(usable) > 1 and all(
                now - self._at.get(label, -1e9) <= _AT_ONCE_S for label in usable
            )
            bursts = self._bursts.setdefault(name, [])
            if together and (not bursts or now - bursts[-1] > _AT_ONCE_S):
                bursts.append(now)
                del bursts[:-_TIMES]
            elif together and bursts:
                bursts[-1] = now

    def _is_shared(self, name: str, now: float) -> bool:
        bursts = self._bursts.get(name, [])
        return len(bursts) == _TIMES and 0.0 <= now - bursts[-1] <= _REMEMBERED_S

    def _alert(self, name: str) -> Alert:
        return Alert(
            AlertKind.ONE_BUCKET,
            f"the keys of {name or 'the endpoint'} share one limit",
            "more keys of one account do not raise its limit: lower the rate, or use another account",
            blocks=False,
            detail="all were rate limited (429) at once",
        )


def _is_usable(key: KeyRow) -> bool:
    return key.state not in (KeyState.DEAD, KeyState.DISABLED, KeyState.QUARANTINED)
