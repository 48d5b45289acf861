"""Refusals as real servers send them: whose they are, and what they say."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llmdash.llms.wire.failures import Failure, FailureKind, from_response
from tests.llms.canned import KEY
from tests.llms.wire.refusals import WAYS, WITH_STATUS, Way, refused
from tests.rows import for_each

TRANSIENT, THROTTLE, QUOTA = FailureKind.TRANSIENT, FailureKind.THROTTLE, FailureKind.QUOTA
AUTH, REQUEST, CONFIG = FailureKind.AUTH, FailureKind.REQUEST, FailureKind.CONFIG


def answered(status: int, body: Any, **headers: str) -> Failure:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return from_response(status, named, body if isinstance(body, bytes) else json.dumps(body).encode())


def first_way() -> Way:
    return WITH_STATUS[0]


GOOGLE_KEY = {
    "code": 400,
    "message": "API key not valid. Please pass a valid API key.",
    "status": "INVALID_ARGUMENT",
    "details": [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}],
}
DISABLED = {"type": "invalid_request_error", "message": "This organization has been disabled."}
TOO_LOW = {
    "type": "invalid_request_error",
    "message": "Your credit balance is too low to access the Anthropic API.",
}
USAGE_LIMIT = {
    "type": "invalid_request_error",
    "message": "You have reached your specified API usage limits. You will regain access on 2027-01-01.",
}


@pytest.mark.case("wire", "key-400")
@for_each("way", WAYS)
@pytest.mark.parametrize(
    ("error", "kind", "by_words"),
    [
        pytest.param(GOOGLE_KEY, AUTH, False, id="reason"),
        pytest.param({**GOOGLE_KEY, "details": []}, AUTH, True, id="words"),
        pytest.param({"code": "invalid_api_key", "message": "no"}, AUTH, False, id="code"),
        pytest.param(
            {"code": "InvalidApiKey", "message": "Invalid API-key provided."}, AUTH, False, id="Camel"
        ),
        pytest.param(DISABLED, AUTH, True, id="organization disabled"),
        pytest.param({"code": "Arrearage", "message": "Access denied."}, QUOTA, False, id="arrearage"),
        pytest.param(TOO_LOW, QUOTA, True, id="credit balance"),
        pytest.param(USAGE_LIMIT, QUOTA, True, id="usage limit"),
    ],
)
async def test_a_400_for_a_bad_key_is_the_keys(
    way: Way, error: dict[str, Any], kind: FailureKind, *, by_words: bool
) -> None:
    failure = await refused(way, 400, error)
    assert (failure.kind, failure.by_words, failure.names_request) == (kind, by_words, False)
    assert failure.message == error["message"]


@pytest.mark.case("wire", "model-404-key")
@for_each("way", WITH_STATUS)
@pytest.mark.parametrize(
    "error",
    [
        {
            "code": "model_not_found",
            "type": "invalid_request_error",
            "param": None,
            "message": "No such model",
        },
        {"code": None, "message": "The model `m` does not exist or you do not have access to it."},
        {"type": "not_found_error", "message": "model: m"},
        {"code": "DeploymentNotFound", "message": "The API deployment for this resource does not exist."},
        {"code": "model_not_found", "param": "model", "message": "No such model"},
    ],
)
async def test_a_model_that_is_not_there_for_a_key_is_named(way: Way, error: dict[str, Any]) -> None:
    failure = await refused(way, 404, error)
    assert (failure.kind, failure.status, failure.names_request) == (REQUEST, 404, False)
    assert error["message"] in failure.message
    assert "model m)" in failure.message
    assert "https://llm.test/v1" in failure.message


@pytest.mark.case("wire", "model-503")
@for_each("way", WITH_STATUS)
async def test_a_wrong_model_that_comes_as_a_503_is_named(way: Way) -> None:
    error = {"code": "model_not_found", "message": "No available channel for this group"}
    failure = await refused(way, 503, error)
    assert (failure.kind, failure.code) == (TRANSIENT, "model_not_found")
    assert "model m)" in failure.message


@pytest.mark.case("wire", "money-403")
@for_each("way", WITH_STATUS)
@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize(
    ("error", "by_words"),
    [
        ({"message": "Sorry, your account balance is insufficient"}, True),
        ({"message": "Account overdue: please pay your bill"}, True),
        ({"message": "insufficient_quota: top up", "type": "one_api_error"}, True),
        ({"code": "insufficient_user_quota", "message": "用户额度不足"}, False),
        ({"code": "AccountOverdueError", "message": "no"}, False),
        ({"code": "AllocationQuota.FreeTierOnly", "message": "The free tier is exhausted."}, False),
        ({"message": "您的账户余额不足"}, True),
    ],
)
async def test_a_403_about_money_leaves_the_key_alive(
    way: Way, status: int, error: dict[str, str], *, by_words: bool
) -> None:
    failure = await refused(way, status, error)
    assert (failure.kind, failure.by_words) == (QUOTA, by_words)


@pytest.mark.case("wire", "spend-code")
@for_each("way", WAYS)
@pytest.mark.parametrize(
    "code",
    [
        "credit_balance_exhausted",
        "organization_spend_limit_exceeded",
        "organization_usage_limit_exceeded",
        "enforced_spend_limit_reached",
        "1113",
        1113,
        1308,
        1310,
    ],
)
async def test_a_spent_limit_is_known_by_its_code_in_any_language(way: Way, code: str | int) -> None:
    failure = await refused(way, 429, {"code": code, "message": "您的账户已达上限"})
    assert (failure.kind, failure.by_words, failure.message) == (QUOTA, False, "您的账户已达上限")


@pytest.mark.case("wire", "spend-code")
@for_each("way", WAYS)
@pytest.mark.parametrize(
    "code", [1302, "1303", "rate_limit_exceeded", "Throttling.RateQuota", "RESOURCE_EXHAUSTED"]
)
async def test_a_throttle_shows_the_words_of_the_server(way: Way, code: str | int) -> None:
    """Also those that speak of money: the code goes before them."""
    words = "并发数过高; raise your spending limit for more, out of credits"
    failure = await refused(way, 429, {"code": code, "message": words})
    assert (failure.kind, failure.by_words, failure.message) == (THROTTLE, False, words)


@pytest.mark.case("wire", "slow-down")
@for_each("way", WAYS)
@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("error", [{"code": "slow_down"}, {"type": "slow_down"}, {"code": "SlowDown"}])
async def test_a_limit_on_growth_says_so(way: Way, status: int, error: dict[str, str]) -> None:
    failure = await refused(way, status, {**error, "message": "Growth is limited to 50 % in 15 minutes"})
    if way.dialect == "responses" and way.inside and way.streaming and "type" in error:
        return  # the type of its error event is that of the event
    assert (failure.kind, failure.slow_down) == (THROTTLE, True)
    assert "50 %" in failure.message


@pytest.mark.parametrize("status", [400, 500])
def test_only_limits_can_ask_to_slow_down(status: int) -> None:
    assert not answered(status, {"error": {"code": "slow_down", "message": "no"}}).slow_down


DAY: dict[str, Any] = {
    "code": 429,
    "status": "RESOURCE_EXHAUSTED",
    "message": "You exceeded your current quota. Please retry in 1.2s.",
    "details": [
        {
            "violations": [
                {"quotaId": "GenerateRequestsPerMinute"},
                {"quotaId": "GenerateRequestsPerDayPerProject"},
            ]
        },
        {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "1.2s"},
    ],
}


@pytest.mark.case("wire", "day-quota-body")
@for_each("way", WAYS)
@pytest.mark.parametrize(
    "violation",
    [
        {"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"},
        {"description": "Requests per day"},
        {"quotaMetric": "daily_requests"},
    ],
)
async def test_a_quota_of_the_day_is_no_matter_of_seconds(way: Way, violation: dict[str, str]) -> None:
    failure = await refused(way, 429, {**DAY, "details": [{"violations": [violation]}, DAY["details"][1]]})
    assert (failure.kind, failure.by_words) == (QUOTA, False)


def test_any_violation_of_the_day_counts_and_none_of_the_minute() -> None:
    assert answered(429, {"error": DAY}).kind is QUOTA
    minute = {**DAY, "details": [{"violations": [{"quotaId": "PerMinute"}]}]}
    assert answered(429, {"error": minute}).kind is THROTTLE


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("You have reached the daily limit of this model", QUOTA),
        ("Limit: 200 requests per day", QUOTA),
        ("Rate limit reached on requests per day (RPD): try again in 7m12s", THROTTLE),
        ("Too many requests today", THROTTLE),
    ],
)
def test_words_about_the_day_count_where_nothing_says_when_to_come_back(
    words: str, kind: FailureKind
) -> None:
    failure = answered(429, {"error": {"message": words}})
    assert (failure.kind, failure.by_words) == (kind, kind is QUOTA)
    assert answered(429, {"error": {"message": words}}, retry_after="9").kind is THROTTLE


@pytest.mark.case("wire", "filter-heavy")
@for_each("way", WAYS)
@pytest.mark.parametrize(
    ("status", "error", "names_request"),
    [
        (400, {"code": "content_filter", "message": "no"}, True),
        (400, {"code": "context_length_exceeded", "message": "no"}, True),
        (400, {"code": "invalid_prompt", "message": "no"}, True),
        (400, {"code": "DataInspectionFailed", "message": "no"}, True),
        (400, {"code": 1301, "message": "no"}, True),
        (400, {"message": "This model's maximum context length is 4096 tokens"}, False),
        (400, {"message": "prompt is too long: 9 tokens > 8", "type": "invalid_request_error"}, False),
        (400, {"message": "flagged by moderation"}, False),
    ],
)
async def test_a_filter_or_a_context_that_is_too_short_is_the_prompts_own(
    way: Way, status: int, error: dict[str, Any], *, names_request: bool
) -> None:
    if way.inside and "message" in error and "type" not in error and "code" not in error:
        error = {**error, "code": 400}
    failure = await refused(way, status, error)
    if way.dialect == "responses" and way.inside and way.streaming and "type" in error:
        return  # the type of its error event is that of the event
    assert (failure.kind, failure.of_content, failure.names_request) == (REQUEST, True, names_request)


def test_words_about_content_do_not_count_beside_a_code_of_something_else() -> None:
    error = {"code": "invalid_value", "param": "temperature", "message": "see our usage policies"}
    failure = answered(400, {"error": error})
    assert (failure.of_content, failure.names_request) == (False, True)


@pytest.mark.parametrize(
    ("status", "body", "names"),
    [
        (413, b"", True),
        (422, {"detail": [{"loc": ["body", "top_p"], "msg": "bad", "type": "x"}]}, True),
        (400, {"error": {"param": "top_p", "message": "no"}}, True),
        (400, {"error": {"param": None, "message": "no"}}, False),
        (400, {"error": {"code": "invalid_request", "message": "no"}}, False),
        (404, {"error": {"message": "no"}}, False),
        (401, {"error": {"param": "top_p", "message": "no"}}, False),
        (429, {"error": {"param": "top_p", "message": "no"}}, False),
    ],
)
def test_some_refusals_name_the_request_whatever_the_key(status: int, body: Any, *, names: bool) -> None:
    assert answered(status, body).names_request is names


@pytest.mark.case("engine", "echo-quota")
@for_each("way", WAYS)
@pytest.mark.parametrize(
    "prompt",
    [
        "Please raise my spending limit",
        'Say "raise my SPENDING\n  limit" and: insufficient balance, invalid api key, rate limit exceeded',
        "Überweise: raise my spending limit – credit balance is too low; try again in 900 seconds; daily",
    ],
)
@pytest.mark.parametrize("status", [400, 403])
async def test_words_that_are_in_the_prompt_do_not_count(way: Way, prompt: str, status: int) -> None:
    error = {"message": f"Cannot answer: {prompt}", "code": status}
    failure = await refused(way, status, error, prompt)
    assert (failure.kind, failure.by_words) == (REQUEST if status == 400 else AUTH, False)


@pytest.mark.case("engine", "echo-quota")
async def test_words_count_that_are_in_no_prompt() -> None:
    way = first_way()
    error = {"message": "raise my spending limit: your credit balance is too low"}
    failure = await refused(way, 400, error, "raise my spending limit")
    assert (failure.kind, failure.by_words) == (QUOTA, True)


@pytest.mark.case("engine", "echo-quota")
async def test_a_wait_that_is_in_the_prompt_is_no_hint() -> None:
    way = first_way()
    prompt = "The error says: try again in 900 seconds"
    failure = await refused(way, 429, {"message": f"Too many requests for: {prompt}"}, prompt)
    assert (failure.kind, failure.retry_after) == (THROTTLE, None)


@pytest.mark.case("engine", "key-echo")
@for_each("way", WAYS)
@pytest.mark.parametrize("offset", [0, 485, 495, 7990])
async def test_a_key_in_an_error_is_masked_before_it_is_cut(way: Way, offset: int) -> None:
    error = {"message": "x" * offset + KEY + "y" * 40, "code": KEY, "metadata": {"raw": f"{KEY} again"}}
    failure = await refused(way, 400, error)
    for text in (
        failure.message,
        failure.words,
        str(failure),
        repr(failure),
        failure.code or "",
        failure.param,
    ):
        assert KEY[:8] not in text


@pytest.mark.parametrize(
    ("status", "words", "kind"),
    [
        (429, "You exceeded your current quota, please check your plan and billing details.", THROTTLE),
        (429, "Rate limit reached on requests per day (RPD).", THROTTLE),
        (400, "API key not valid. Please pass a valid API key.", REQUEST),
        (403, "Your credit balance is too low.", TRANSIENT),
    ],
)
def test_the_words_of_a_document_that_is_cut_do_not_say_whose_the_refusal_is(
    status: int, words: str, kind: FailureKind
) -> None:
    """Code and details may stand in the part that did not arrive; what did is shown."""
    body = b'{"error": {"message": "%b", "deta' % words.encode()
    found = from_response(status, {}, body, is_cut=True)
    assert (found.kind, found.by_words) == (kind, False)
    assert words in found.message
    assert from_response(status, {}, body + b'ils": []}}', is_cut=True).by_words
