"""What a failed answer says about the next attempt, row by row."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmdash.llms.wire.failures import Failure, FailureKind, from_body, from_response
from llmdash.llms.wire.rate_limit_headers import retry_after

LOCAL, TRANSIENT, THROTTLE, QUOTA, AUTH, REQUEST, CONFIG = FailureKind
HTML = b"<!DOCTYPE html><html><body>Checking your browser</body></html>"
API = {"error": {"message": "no", "type": "some_error", "code": None}}


def failure(status: int, body: Any = API, **headers: str) -> Failure:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return from_response(status, {name.replace("_", "-"): value for name, value in headers.items()}, data)


@pytest.mark.parametrize(
    ("kind", "statuses"),
    [
        (TRANSIENT, [408, 409, 421, 425, 498, 499, 500, 501, 502, 503, 504, 520, 524, 529, 599, 999, 101]),
        (THROTTLE, [429]),
        (QUOTA, [402]),
        (AUTH, [401, 403]),
        (REQUEST, [400, 404, 405, 411, 413, 414, 415, 422, 431, 451]),
        (CONFIG, [300, 301, 302, 303, 304, 307, 308, 407]),
    ],
)
def test_a_status_has_a_kind(kind: FailureKind, statuses: list[int]) -> None:
    assert {status: failure(status).kind for status in statuses} == dict.fromkeys(statuses, kind)


@pytest.mark.parametrize("body", [b"", HTML, b"oops", b"\xff\x00", b"[]", b"{}", b"null", b'{"error": null}'])
@pytest.mark.parametrize("status", [400, 402, 404, 408, 413, 429, 500, 529, 302])
def test_a_body_that_says_nothing_leaves_it_to_the_status(status: int, body: bytes) -> None:
    assert failure(status, body).kind is failure(status).kind


@pytest.mark.parametrize(("status", "kind"), [(401, TRANSIENT), (403, TRANSIENT), (503, TRANSIENT)])
def test_a_page_comes_from_a_proxy_and_blames_no_key(status: int, kind: FailureKind) -> None:
    found = failure(status, b"\n  " + HTML)
    assert found.kind is kind
    assert "HTML" in found.message


def test_a_prompt_that_a_filter_refuses_is_no_fault_of_the_key() -> None:
    body = b'{"error": {"code": 403, "message": "The model requires moderation: your input was flagged"}}'
    assert failure(403, body).kind is FailureKind.REQUEST


@pytest.mark.parametrize("body", [b"", b"Forbidden", b"{}"])
def test_a_403_without_the_shape_of_an_api_blames_no_key(body: bytes) -> None:
    assert failure(403, body).kind is TRANSIENT


def test_a_401_without_a_body_is_a_refused_key() -> None:
    assert failure(401, b"").kind is AUTH


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (429, {"code": "insufficient_quota", "message": "You exceeded your current quota, please check ..."}),
        (429, {"type": "insufficient_quota", "message": ""}),
        (429, {"code": "billing_not_active", "message": "Your account is not active"}),
        (429, {"code": "billing_hard_limit_reached", "message": "Billing hard limit has been reached"}),
        (
            400,
            {"type": "invalid_request_error", "message": "Your credit balance is too low to access the API"},
        ),
        (403, {"message": "Your team has used all available credits"}),
        (429, {"message": "You have reached your monthly spend limit"}),
        (429, {"type": "exceeded_current_quota_error", "message": "..."}),
        (402, {"message": "Insufficient Balance"}),
    ],
)
def test_money_that_is_gone_is_no_rate_limit(status: int, error: dict[str, str]) -> None:
    assert failure(status, {"error": error}).kind is QUOTA


@pytest.mark.parametrize(
    "error",
    [
        {
            "message": "Rate limit reached for m on requests per min (RPM): Limit 3. You can "
            "increase your rate limit by adding a payment method at https://platform.openai.com/account/billing.",
            "type": "requests",
            "code": "rate_limit_exceeded",
        },
        {
            "code": 429,
            "status": "RESOURCE_EXHAUSTED",
            "message": "You exceeded your current quota, please ...",
        },
        {"type": "rate_limit_error", "message": "This request would exceed your rate limit"},
    ],
)
def test_a_rate_limit_is_no_empty_purse_whatever_it_advertises(error: dict[str, Any]) -> None:
    assert failure(429, {"error": error}).kind is THROTTLE


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (403, {"code": "content_policy_violation", "message": "flagged"}),
        (500, {"code": "context_length_exceeded", "message": "too long"}),
        (429, {"code": "rate_limit_exceeded", "message": "Request too large for m on tokens per min (TPM)"}),
    ],
)
def test_what_no_key_could_fix_is_the_fault_of_the_request(status: int, error: dict[str, str]) -> None:
    assert failure(status, {"error": error}).kind is REQUEST


@pytest.mark.parametrize(
    ("body", "message", "code"),
    [
        ({"error": {"message": "no", "type": "t", "code": "c"}}, "no", "c"),
        ({"error": {"message": "no", "type": "t", "code": None}}, "no", "t"),
        ({"type": "error", "error": {"type": "overloaded_error", "message": "no"}}, "no", "overloaded_error"),
        ([{"error": {"code": 400, "message": "no", "status": "INVALID_ARGUMENT"}}], "no", "400"),
        ({"error": "no"}, "no", None),
        ({"error": "Bad Request", "message": "no"}, "Bad Request: no", None),
        ({"error": None, "message": "no"}, "no", None),
        ({"message": "no"}, "no", None),
        ({"object": "error", "message": "no", "type": "BadRequestError", "code": 400}, "no", "400"),
        ({"detail": "no"}, "no", None),
        ({"detail": [{"loc": ["body", "x"]}]}, '[{"loc": ["body", "x"]}]', None),
        ({"fault": "no"}, '{"fault": "no"}', None),
        (b"no\n", "no", None),
        (b"", "no reason given", None),
        (b'{"error": {"message": "a\\ud83d"}}', "a?", None),
    ],
)
def test_the_reason_is_found_in_every_shape(body: Any, message: str, code: str | None) -> None:
    found = failure(400, body)
    assert (found.message, found.code) == (message, code)


def test_a_failure_says_its_status_and_knows_its_request() -> None:
    found = failure(500, x_request_id="req_1")
    assert (str(found), found.request_id) == ("500 no", "req_1")
    assert failure(500, request_id="req_2").request_id == "req_2"


def test_a_redirect_names_where_it_leads_and_the_fix() -> None:
    found = failure(308, b"", location="https://there/v1")
    assert "https://there/v1" in found.message
    assert "base_url" in found.message


@pytest.mark.parametrize("body", [b"x" * 100_000, json.dumps({"error": {"message": "x" * 100_000}}).encode()])
def test_a_reason_of_any_length_is_shortened(body: bytes) -> None:
    assert len(failure(500, body).message) == 500


def test_a_secret_is_taken_out_before_the_reason_is_shortened() -> None:
    """A secret that is cut in two would not be found any more."""
    body = json.dumps({"error": {"message": "x" * 495 + "secret", "code": "secret"}}).encode()
    found = from_response(
        500, {"x-request-id": "secret"}, body, redact=lambda text: text.replace("secret", "*")
    )
    assert "s" not in found.message
    assert (found.code, found.request_id) == ("*", "*")


@pytest.mark.parametrize(
    ("status", "says", "kind"),
    [
        (400, "true", TRANSIENT),
        (404, " TRUE ", TRANSIENT),
        (500, "false", REQUEST),
        (429, "false", THROTTLE),
        (500, "true", TRANSIENT),
        (429, "true", THROTTLE),
        (400, "false", REQUEST),
        (401, "true", AUTH),
        (402, "true", QUOTA),
        (401, "false", AUTH),
        (500, "perhaps", TRANSIENT),
    ],
)
def test_x_should_retry_is_obeyed_but_not_over_a_keys_own_trouble(
    status: int, says: str, kind: FailureKind
) -> None:
    assert failure(status, x_should_retry=says).kind is kind


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"code": "rate_limit_exceeded", "message": "slow down"}, THROTTLE),
        ({"code": 429, "message": "slow down"}, THROTTLE),
        ({"code": "429", "message": "slow down"}, THROTTLE),
        ({"type": "insufficient_quota", "message": "no money"}, QUOTA),
        ({"code": 402, "message": "no money"}, QUOTA),
        ({"code": "invalid_api_key", "type": "invalid_request_error", "message": "no"}, AUTH),
        ({"code": 401, "message": "no"}, AUTH),
        ({"type": "invalid_request_error", "message": "no"}, REQUEST),
        ({"code": "context_length_exceeded", "message": "no"}, REQUEST),
        ({"code": 502, "message": "upstream"}, TRANSIENT),
        ({"type": "overloaded_error", "message": "Overloaded"}, TRANSIENT),
        ({"type": "server_error", "message": "no"}, TRANSIENT),
        ({"code": "\N{SUPERSCRIPT TWO}", "message": "no"}, TRANSIENT),
        ({}, TRANSIENT),
        ("Rate limit reached", THROTTLE),
        ("oops", TRANSIENT),
        (7, TRANSIENT),
    ],
)
def test_an_error_inside_a_200_is_told_by_its_words(error: Any, kind: FailureKind) -> None:
    found = from_body(error, {})
    assert (found.kind, found.status) == (kind, 200)
    assert found.message


def test_reset_headers_are_a_hint_only_where_a_limit_was_the_trouble() -> None:
    """They come with every answer: a server error must not wait until the limit is full again."""
    reset = {"x_ratelimit_reset_tokens": "6m0s"}
    assert failure(429, **reset).retry_after == 360.0
    assert failure(500, **reset).retry_after is None
    assert failure(503, retry_after="2", **reset).retry_after == 2.0


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(
        ["error", "message", "code", "type", "status", "detail"]), inner),
    max_leaves=8,
)  # fmt: skip
_NAMES = ["retry-after", "retry-after-ms", "date", "x-should-retry", "x-request-id", "location"]
_RESETS = ["x-ratelimit-reset-requests", "anthropic-ratelimit-tokens-reset"]
_HEADERS = st.dictionaries(
    st.sampled_from([*_NAMES, *_RESETS]),
    st.text() | st.floats().map(str) | st.integers().map(str) | st.datetimes().map(str),
)


@given(st.integers(100, 999), _HEADERS, st.binary() | _JSON.map(lambda found: json.dumps(found).encode()))
def test_no_answer_makes_it_raise(status: int, headers: dict[str, str], body: bytes) -> None:
    found = from_response(status, headers, body)
    assert found.message
    assert len(found.message) <= 700
    found.message.encode()
    assert found.retry_after is None or 0 < found.retry_after < 1e7
    assert retry_after(headers) is None or 0 < (retry_after(headers) or 0) < 1e7


@given(_JSON, _HEADERS)
def test_no_error_object_makes_it_raise(error: Any, headers: dict[str, str]) -> None:
    assert from_body(error, headers).message


@pytest.mark.parametrize(
    "body",
    [
        b'{"error": ' * 100_000,
        b'{"error": {"code": ' + b"9" * 100_000 + b"}}",
        b'{"error": {"message": ' + b"[" * 900 + b"]" * 900 + b"}}",
    ],
)
def test_monstrous_json_is_no_more_than_a_reason(body: bytes) -> None:
    assert failure(500, body).kind is TRANSIENT
