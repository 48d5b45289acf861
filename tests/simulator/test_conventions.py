"""What the dialects of one provider share, as it stands in headers and errors."""

from __future__ import annotations

import json

import pytest

from llmdash.simulator.dialects.anthropic_conventions import AnthropicConventions
from llmdash.simulator.dialects.openai import OpenAIConventions, duration
from llmdash.simulator.errors import ServedError, Throttled
from llmdash.simulator.limits import LimitsLeft, LimitState

ALLOWANCE = LimitsLeft(LimitState(60, 59, 1.0), LimitState(6_000, 0, 60.0))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0ms"),
        (0.012, "12ms"),
        (1, "1s"),
        (1.5, "1.5s"),
        (60, "1m0s"),
        (360, "6m0s"),
        (3723.25, "1h2m3.25s"),
    ],
)
def test_durations_are_written_as_openai_writes_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_openai_tells_limit_rest_and_time_until_full() -> None:
    assert dict(OpenAIConventions().hints(ALLOWANCE, 0.0)) == {
        b"x-ratelimit-limit-requests": b"60",
        b"x-ratelimit-remaining-requests": b"59",
        b"x-ratelimit-reset-requests": b"1s",
        b"x-ratelimit-limit-tokens": b"6000",
        b"x-ratelimit-remaining-tokens": b"0",
        b"x-ratelimit-reset-tokens": b"1m0s",
    }


def test_anthropic_tells_the_moment_at_which_a_limit_is_full_rounded_up() -> None:
    headers = dict(AnthropicConventions().hints(ALLOWANCE, 1_767_225_599.5))
    assert headers[b"anthropic-ratelimit-requests-limit"] == b"60"
    assert headers[b"anthropic-ratelimit-requests-remaining"] == b"59"
    assert headers[b"anthropic-ratelimit-requests-reset"] == b"2026-01-01T00:00:01Z"
    for kind in (b"tokens", b"input-tokens", b"output-tokens"):
        assert headers[b"anthropic-ratelimit-" + kind + b"-limit"] == b"6000"
        assert headers[b"anthropic-ratelimit-" + kind + b"-remaining"] == b"0"
        assert headers[b"anthropic-ratelimit-" + kind + b"-reset"] == b"2026-01-01T00:01:00Z"


@pytest.mark.parametrize("conventions", [OpenAIConventions(), AnthropicConventions()])
def test_no_limit_means_no_headers(conventions: OpenAIConventions | AnthropicConventions) -> None:
    assert conventions.hints(LimitsLeft(), 0.0) == []


def test_the_time_to_wait_is_never_told_too_short() -> None:
    wait = Throttled(0.2504, "tokens")
    assert dict(OpenAIConventions().rest(wait.seconds)) == {b"retry-after": b"1", b"retry-after-ms": b"251"}
    assert dict(AnthropicConventions().rest(wait.seconds)) == {b"retry-after": b"1"}


def test_openai_names_the_limit_that_was_reached() -> None:
    error = json.loads(OpenAIConventions().error(Throttled(2.0, "tokens"), "1"))["error"]
    assert (error["type"], error["code"], error["param"]) == ("tokens", "rate_limit_exceeded", None)
    assert "2.000s" in error["message"]


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (404, "not_found_error"),
        (413, "request_too_large"),
        (429, "rate_limit_error"),
        (500, "api_error"),
        (529, "overloaded_error"),
    ],
)
def test_anthropic_has_a_type_of_error_for_each_status(status: int, kind: str) -> None:
    assert json.loads(AnthropicConventions().error(ServedError(status, "why"), "7")) == {
        "type": "error",
        "error": {"type": kind, "message": "why"},
        "request_id": "req_7",
    }


def test_keys_are_found_where_each_provider_has_them() -> None:
    both = [(b"authorization", b"Bearer of-openai"), (b"x-api-key", b" of-anthropic ")]
    assert OpenAIConventions().key(both) == "of-openai"
    assert AnthropicConventions().key(both) == "of-anthropic"
    assert AnthropicConventions().key(both[:1]) == "of-openai"
    assert OpenAIConventions().key(both[1:]) == AnthropicConventions().key([]) == ""


def test_an_error_shows_little_of_a_key() -> None:
    for conventions in (OpenAIConventions(), AnthropicConventions()):
        assert "canary" not in str(conventions.unknown_key("sk-canary-0123"))
