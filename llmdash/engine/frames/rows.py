"""Rows of a frame, and the words for what holds a job or the rate."""

from __future__ import annotations

from llmdash.engine.model.frame import Binding, EndpointRow, JobState, KeyRow, WaitReason
from llmdash.engine.pool.member import EndpointStatistics, KeyStatistics

__all__ = ["BINDINGS", "endpoint_row", "key_row", "reason_of"]

BINDINGS = {
    WaitReason.KEY: Binding.KEYS,
    WaitReason.ENDPOINT: Binding.ENDPOINT,
    WaitReason.MACHINE: Binding.ENDPOINT,
    WaitReason.DISK: Binding.DISK,
}


def reason_of(
    state: JobState, held: WaitReason | None, *, is_due: bool, retries_held: bool
) -> WaitReason | None:
    """What a job in `state` waits for; one whose backoff is over stands in line, if the budget lets it."""
    if state is JobState.BACKOFF:
        in_line = WaitReason.BUDGET if retries_held else WaitReason.LIMITER
        return (held or in_line) if is_due else WaitReason.BACKOFF
    if state is JobState.LIMITER:
        return WaitReason.DISK if held is WaitReason.DISK else WaitReason.LIMITER
    if state is JobState.KEY:
        return held if held in (WaitReason.ENDPOINT, WaitReason.MACHINE) else WaitReason.KEY
    return None


def endpoint_row(endpoint: EndpointStatistics) -> EndpointRow:
    return EndpointRow(
        name=endpoint.name,
        state=endpoint.state,
        returns_s=endpoint.returns_s,
        detail=endpoint.detail,
        in_flight=endpoint.in_flight,
        concurrency=endpoint.concurrency,
    )


def key_row(key: KeyStatistics) -> KeyRow:
    return KeyRow(
        label=key.label,
        endpoint=key.endpoint,
        state=key.state,
        rests_s=key.rests_s,
        detail=key.detail,
        in_flight=key.in_flight,
        sent=key.sent,
        ok=key.ok,
        throttled=key.throttled,
        errors=key.errors,
        input_tokens=key.input_tokens,
        output_tokens=key.output_tokens,
        rpm=key.rpm,
        tpm=key.tpm,
        remaining=key.remaining,
        weight=key.weight,
        spark=key.spark,
    )
