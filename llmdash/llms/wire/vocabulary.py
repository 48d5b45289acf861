"""The vocabulary of refusals: which codes, types and words mean which class, in the style of many servers."""

from __future__ import annotations

import re

__all__ = [
    "AUTH_WORDS",
    "CONTENT",
    "CONTENT_WORDS",
    "GENERIC",
    "KEY",
    "MODEL",
    "MODEL_WORDS",
    "QUOTA",
    "QUOTA_WORDS",
    "REFUSED",
    "REQUEST",
    "SLOW_DOWN",
    "THROTTLE",
    "THROTTLE_WORDS",
    "TOO_LARGE",
]


def _any(*parts: str) -> re.Pattern[str]:
    return re.compile("|".join(parts))


SLOW_DOWN = _any(r"slow_?down")
CONTENT = _any(
    "context_(?:length|window|size)",
    "content_?(?:filter|policy|block)",
    "moderation",
    "data_?inspection",
    "responsible_ai",
    "policy_violation",
    "prohibited_content",
    "invalid_prompt",
    "(?:prompt|input)_too_long",
    "safety",
)
QUOTA = _any(
    "insufficient_(?:user_)?(?:quota|balance|credit|fund)",
    "billing_",  # _error, _not_active, _hard_limit_reached
    "exceeded_current_quota",
    "budget_exceeded",
    "credit_balance",
    "(?:spend|spending|usage)_limit",
    "arrear",
    "overdue",
    "payment_required",
    "no_credit",
    "free_tier_only",
)
THROTTLE = _any("rate_?limit", "too_many_requests", "throttl", "resource_exhausted")
KEY = _any(
    r"(?:invalid|incorrect|expired|revoked|missing)_(?:api_?)?key",
    r"api_?key_(?:invalid|expired|disabled|revoked|not_found|missing)",
    "account_(?:deactivated|disabled|suspended)",
)
REFUSED = _any(
    "authentication", "unauthenticated", "unauthorized", "permission_(?:error|denied)", "access_denied"
)
REQUEST = _any(
    "invalid_request",
    "invalid_arg",
    "invalid_param",
    "bad_request",
    "not_found",
    "too_large",
    "unprocessable",
)
MODEL = re.compile(r"(?:model|deployment)_?(?:id_|name_)?(?:not|does_not|is_not|un)")
GENERIC = _any(REQUEST.pattern, "forbidden", "provider", "upstream", "api_error")

QUOTA_WORDS = _any(
    r"exceeded your current quota",
    r"insufficient[ _](?:balance|credits?|quota|funds?)",
    r"(?:balance|credits?|quota|funds?) (?:is|are) (?:insufficient|too low|exhausted|used up|not enough)",
    r"no balance",
    r"not enough (?:credits?|balance|funds?)",
    r"out of credits?",
    r"available credits",
    r"spend(?:ing)? limit",
    r"billing hard limit",
    r"check your billing details",
    r"(?:specified|your|monthly) (?:api )?usage limits?",
    r"usage limit (?:reached|exceeded)",
    r"regain access on",
    r"budget has been exceeded",
    r"arrearage",
    r"in arrears",
    r"overdue",
    r"payment required",
    r"余额不足",
    r"欠费",
)
AUTH_WORDS = _any(
    r"(?:invalid|incorrect|expired|revoked|missing|wrong|no|no valid) (?:x-)?api[ _-]?key",
    r"api[ _-]?key (?:\S+ )?(?:is |has )?not (?:valid|found)",
    r"api[ _-]?key (?:\S+ )?(?:is |has )?(?:invalid|incorrect|expired|disabled|revoked|missing)",
    r"pass a valid api key",
    r"invalid authentication",
    r"authentication failed",
    r"(?:organization|account) (?:\S+ )?(?:has been|is|was) (?:disabled|deactivated|suspended)",
)
CONTENT_WORDS = _any(
    r"requires moderation",
    r"flagged (?:by moderation|as)",
    r"your (?:input|prompt) was flagged",
    r"content (?:management )?polic(?:y|ies)",
    r"content[ _]filter",
    r"usage polic(?:y|ies)",
    r"safety system",
    r"maximum context",
    r"context (?:length|window|size)",
    r"(?:prompt|input) is too long",
)
THROTTLE_WORDS = _any(r"rate[ _-]?limit", r"too[ _]many[ _]requests", r"throttl")
MODEL_WORDS = _any(
    r"model\b.{0,80}?(?:does not exist|not exist|not found|do not have access|no access|not available)"
)
TOO_LARGE = re.compile(r"\Arequest too large")
