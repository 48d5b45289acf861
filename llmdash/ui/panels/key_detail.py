"""What is said of a key or an endpoint in words: why it is as it is, and what it has done."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from llmdash.engine.model.amounts import dollars
from llmdash.engine.model.frame import EndpointRow, KeyRow
from llmdash.engine.model.states import EndpointState, KeyState
from llmdash.ui.text.format import count, countdown, si

__all__ = ["is_well", "key_detail", "name_of", "reason_of", "record_of", "trouble"]

_GRAVE_KEYS: Final = (KeyState.DEAD, KeyState.QUARANTINED, KeyState.COOLDOWN)
_GRAVE_ENDPOINTS: Final = (EndpointState.PAUSED, EndpointState.DOWN, EndpointState.PROBING)


def trouble(rows: Sequence[KeyRow | EndpointRow]) -> KeyRow | EndpointRow | None:
    """Return the row with the most severe trouble that has a detail; endpoints before keys."""
    for state in (*_GRAVE_ENDPOINTS, *_GRAVE_KEYS):
        found = next((row for row in rows if row.state is state and row.detail), None)
        if found is not None:
            return found
    return None


def is_well(row: KeyRow | EndpointRow) -> bool:
    """True if there is nothing to revive."""
    if isinstance(row, EndpointRow):
        return row.state is EndpointState.UP
    return row.state is KeyState.HEALTHY and not row.ready_in_s


def name_of(row: KeyRow | EndpointRow) -> str:
    """Return the name of an endpoint, or the label of a key."""
    return row.name if isinstance(row, EndpointRow) else row.label


def reason_of(row: KeyRow | EndpointRow) -> str:
    """Return why it is as it is."""
    return row.detail if isinstance(row, EndpointRow) else key_detail(row)


def key_detail(row: KeyRow) -> str:
    """Return why a key is as it is; of one that rests, whose number that is."""
    if row.state is not KeyState.THROTTLED or row.ready_in_s is None:
        return row.detail
    whose = "server's hint" if row.rest_is_hint else "our guess"
    return f"rests {countdown(row.ready_in_s)}, {whose}{f': {row.detail}' if row.detail else ''}"


def record_of(row: KeyRow) -> str:
    """Return what a key has done, cost, and may do at most."""
    return " · ".join(_record(row))


def _record(row: KeyRow) -> Iterator[str]:
    ended = row.sent - row.in_flight
    if ended > 0:
        yield f"{count(row.ok)} of {count(ended)} accepted"
    if row.cost is not None:
        yield dollars(row.cost)
    if row.rpm_limit is not None:
        yield f"at most {si(row.rpm_limit).strip()}/min"
    if row.tpm_limit is not None:
        yield f"at most {si(row.tpm_limit).strip()} tok/min"
    if row.concurrency_limit is not None:
        yield f"at most {row.concurrency_limit} at once"
