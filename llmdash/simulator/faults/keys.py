"""Faults of one key: it is bad, out of money, or has no access to a model; told in many ways."""

from __future__ import annotations

from llmdash.simulator.faults.base import EVERY, OPENAI, Asking, Fault, Reach, Refusal, Refuse, Variant
from llmdash.simulator.faults.errors import error_document, google_document

__all__ = ["KEYS"]

_ANTHROPIC = EVERY - OPENAI


def _says(
    status: int,
    message: str,
    kind: str,
    code: str | int | None = None,
    anthropic: str = "invalid_request_error",
) -> Refuse:
    """The error in the shape of each dialect."""

    def make(asking: Asking, _seconds: float) -> Refusal:
        return Refusal(status, error_document(asking, message, kind, code, anthropic=anthropic))

    return Refuse(make)


def _google_key(_asking: Asking, _seconds: float) -> Refusal:
    invalid = {"reason": "API_KEY_INVALID", "domain": "googleapis.com"}
    detail = {"type": "ErrorInfo", "fields": invalid}
    text = "API key not valid. Please pass a valid API key."
    return Refusal(400, google_document(400, "INVALID_ARGUMENT", text, detail))


def _google_list(asking: Asking, seconds: float) -> Refusal:
    return Refusal(400, [_google_key(asking, seconds).document])


def _no_model(asking: Asking, _seconds: float) -> Refusal:
    text = f"The model `{asking.model[:200]}` does not exist or you do not have access to it."
    if asking.dialect == "messages":
        text = f"model: {asking.model[:200]}"
        return Refusal(404, error_document(asking, text, "", anthropic="not_found_error"))
    return Refusal(404, error_document(asking, text, "invalid_request_error", "model_not_found"))


def _spent(code: str, message: str) -> Variant:
    return Variant(_says(429, message, "rate_limit_error", code, "rate_limit_error"))


_CREDIT = (
    "Your credit balance is too low to access the API. "
    "Please go to Plans & Billing to upgrade or purchase credits."
)
_UNTIL = (
    "You have reached your specified API usage limits. You will regain access on 2099-01-01 at 00:00 UTC."
)

KEYS = (
    Fault(
        "key-400",
        "a bad or unpaid key as a 400",
        Reach.KEY,
        {
            "google": Variant(Refuse(_google_key), OPENAI),
            "arrearage": Variant(
                _says(
                    400,
                    "Access denied, please make sure your account is in good standing.",
                    "Arrearage",
                    "Arrearage",
                ),
                OPENAI,
            ),
            "credit": Variant(_says(400, _CREDIT, "invalid_request_error"), _ANTHROPIC),
            "usage-limit": Variant(_says(400, _UNTIL, "invalid_request_error"), _ANTHROPIC),
            "disabled": Variant(
                _says(400, "This organization has been disabled.", "invalid_request_error"), _ANTHROPIC
            ),
            "google-list": Variant(Refuse(_google_list), OPENAI, asked_only=True),
        },
    ),
    Fault(
        "model-404-key",
        "a 404 to one key: it has no access to the model",
        Reach.KEY,
        {"404": Variant(Refuse(_no_model))},
    ),
    Fault(
        "money-403",
        "a 401 or 403 whose words say that there is no money",
        Reach.KEY,
        {
            "balance": Variant(
                _says(403, "Your account balance is insufficient.", "forbidden", 403, "permission_error")
            ),
            "quota": Variant(_says(401, "Insufficient quota.", "unauthorized", None, "authentication_error")),
            "overdue": Variant(
                _says(
                    403,
                    "Your account is overdue. Please recharge.",
                    "AccountOverdueError",
                    None,
                    "permission_error",
                )
            ),
        },
    ),
    Fault(
        "spend-code",
        "a 429 whose code says that the money is spent",
        Reach.KEY,
        {
            "credit": _spent("credit_balance_exhausted", "Credits are exhausted."),
            "spend-limit": _spent("organization_spend_limit_exceeded", "The organization reached its limit."),
            "usage-limit": _spent("organization_usage_limit_exceeded", "The organization reached its limit."),
            "enforced": _spent("enforced_spend_limit_reached", "A limit was reached."),
            "numeric": _spent("1113", "余额不足或无可用资源包,请充值。"),
        },
    ),
)
"""What one key of several is told."""
