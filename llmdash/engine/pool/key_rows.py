"""What a frame shows of a key and of an endpoint, as they stand."""

from __future__ import annotations

from llmdash.engine.model.frame import EndpointRow, KeyRow
from llmdash.engine.model.rows import SPARK_SPAN_S, SPARK_SPANS
from llmdash.engine.pool.member import Endpoint, Member

__all__ = ["endpoint_row", "key_row"]


def key_row(member: Member, now: float) -> KeyRow:
    """Return the counters of `member` at the monotonic time `now`."""
    health = member.health
    rests_s = max(health.rests_until - now, health.pacing.wait_s(now))
    return KeyRow(
        label=member.label,
        endpoint=member.endpoint.name,
        state=health.state,
        ready_in_s=rests_s if rests_s > 0 and not health.is_gone else None,
        detail=_detail(member, now),
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
        remaining=member.reported.remaining_requests if member.reported is not None else None,
        rest_is_hint=health.rest_is_hint,
        weight=member.weight,
        rpm_limit=None if (requests := member.limits.requests) is None else requests.per_minute,
        tpm_limit=None if (tokens := member.limits.tokens) is None else tokens.per_minute,
        concurrency_limit=member.concurrency,
        spark=member.spans.series(now / SPARK_SPAN_S, SPARK_SPANS + 1)[:-1],
    )


def _detail(member: Member, now: float) -> str:
    if not member.is_reachable:
        return "no worker has it"
    if member.health.detail or not member.models_left:
        return member.health.detail or member.health.pacing.detail(now)
    return f"no access to {', '.join(sorted(member.models_left))}"


def endpoint_row(endpoint: Endpoint, now: float) -> EndpointRow:
    """Return the state of `endpoint` at the monotonic time `now`."""
    circuit_breaker = endpoint.circuit_breaker
    return EndpointRow(
        name=endpoint.name,
        state=circuit_breaker.state,
        returns_in_s=circuit_breaker.returns_in_s(now),
        detail=circuit_breaker.detail,
        in_flight=endpoint.in_flight,
        concurrency=endpoint.concurrency,
        is_local=circuit_breaker.is_local,
        limit=endpoint.shared.row().name if endpoint.shared is not None else "",
    )
