"""Faults of limits: 429s whose hints are hard to read, and those that no wait helps."""

from __future__ import annotations

from typing import Any

from llmdash.simulator.faults.base import EVERY, OPENAI, Asking, Fault, Reach, Refusal, Refuse, Variant
from llmdash.simulator.faults.errors import error_document, google_document

__all__ = ["LIMITS"]

_Headers = tuple[tuple[str, str], ...]
_LIMITED = "rate_limit_exceeded"


def _throttle(asking: Asking, message: str, headers: _Headers = (), code: str | None = _LIMITED) -> Refusal:
    document = error_document(asking, message, "tokens", code, anthropic="rate_limit_error")
    if asking.dialect == "messages":
        document["error"].pop("code", None)
    return Refusal(429, document, headers)


def _two_resets(asking: Asking, seconds: float) -> Refusal:
    """Two limits in the headers: the day's, hardly used, and the minute's, used up."""
    text = "Rate limit reached for tokens per min (TPM)."
    headers = (
        ("x-ratelimit-limit-requests", "14400"),
        ("x-ratelimit-remaining-requests", "14120"),
        ("x-ratelimit-reset-requests", "33011s"),
        ("x-ratelimit-limit-tokens", "6000"),
        ("x-ratelimit-remaining-tokens", "0"),
        ("x-ratelimit-reset-tokens", f"{seconds:.3f}s"),
    )
    return _throttle(asking, text, headers)


def _quota(metric: str, per: str) -> dict[str, Any]:
    violation = {
        "quotaMetric": f"generativelanguage.googleapis.com/{metric}",
        "quotaId": f"Generate{per}PerProjectPerModel-FreeTier",
        "quotaValue": "50",
    }
    return {"type": "QuotaFailure", "fields": {"violations": [violation]}}


def _delay(seconds: float) -> dict[str, Any]:
    return {"type": "RetryInfo", "fields": {"retryDelay": f"{seconds:.3f}".rstrip("0").rstrip(".") + "s"}}


def _retry_delay(_asking: Asking, seconds: float) -> Refusal:
    minute = _quota("generate_content_free_tier_requests", "RequestsPerMinute")
    text = "You exceeded your current quota, please check your plan and billing details."
    return Refusal(429, google_document(429, "RESOURCE_EXHAUSTED", text, minute, _delay(seconds)))


def _words(asking: Asking, seconds: float) -> Refusal:
    """The wait in words, beside a bucket that will be full much later."""
    text = f"Rate limit reached for tokens per min (TPM). Please try again in {seconds:.2f}s."
    headers = (
        ("x-ratelimit-limit-tokens", "30000"),
        ("x-ratelimit-remaining-tokens", "240"),
        ("x-ratelimit-reset-tokens", "59.52s"),
    )
    return _throttle(asking, text, headers)


def _minutes(asking: Asking, seconds: float) -> Refusal:
    minutes, rest = divmod(seconds, 60)
    return _throttle(asking, f"Rate limit reached. Please try again in {minutes:.0f}m{rest:.0f}s.")


def _day(_asking: Asking, _seconds: float) -> Refusal:
    text = "You exceeded your current quota, please check your plan and billing details."
    day = _quota("generate_content_free_tier_requests", "RequestsPerDay")
    return Refusal(429, google_document(429, "RESOURCE_EXHAUSTED", text, day, _delay(1.2)))


def _day_words(asking: Asking, _seconds: float) -> Refusal:
    return _throttle(asking, "Rate limit reached on requests per day (RPD): Limit 200, Used 200.", code=None)


def _too_large(hints: _Headers) -> Refuse:
    text = (
        "Request too large for the organization on tokens per min (TPM): Limit 30000, Requested 41234. "
        "The input or output tokens must be reduced in order to run successfully."
    )
    return Refuse(lambda asking, _seconds: _throttle(asking, text, hints))


def _slow_down(status: int) -> Refuse:
    text = "Requests grew too fast. Reduce the rate, then let it grow by at most 50 % in 15 minutes."

    def make(asking: Asking, _seconds: float) -> Refusal:
        document = error_document(asking, text, "slow_down", "slow_down", anthropic="slow_down")
        return Refusal(status, document)

    return Refuse(make)


LIMITS = (
    Fault(
        "two-resets",
        "a 429 with two resets in its headers, of which only the nearer one is used up; the key rests 4 s",
        Reach.REQUEST,
        {"headers": Variant(Refuse(_two_resets, 4.0), OPENAI)},
    ),
    Fault(
        "body-hint",
        "a 429 that says in its body alone how long to wait; until then the key is refused",
        Reach.REQUEST,
        {
            "retry-delay": Variant(Refuse(_retry_delay, 2.0), OPENAI),
            "words": Variant(Refuse(_words, 1.52)),
            "minutes": Variant(Refuse(_minutes, 90.0), asked_only=True),
        },
    ),
    Fault(
        "day-quota-body",
        "a 429 whose body names the quota of a day, next to a short wait",
        Reach.KEY,
        {"quota-id": Variant(Refuse(_day), OPENAI), "words": Variant(Refuse(_day_words), EVERY)},
    ),
    Fault(
        "poison-prompt",
        "a 429 to every try of a prompt that is larger than the tokens of a minute",
        Reach.PROMPT,
        {"plain": Variant(_too_large(())), "hint": Variant(_too_large((("retry-after", "1"),)))},
    ),
    Fault(
        "slow-down",
        "a 429 or 503 `slow_down`: the rate grew too fast",
        Reach.REQUEST,
        {"429": Variant(_slow_down(429)), "503": Variant(_slow_down(503))},
    ),
)
"""429s and their like."""
