"""Error documents in all the shapes that servers give them, and documents that are none."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmdash.llms.wire.classes import spoken
from llmdash.llms.wire.failures import Failure, FailureKind, failure_in, from_body, from_response
from tests.llms.canned import Canned, answer, event
from tests.llms.wire.refusals import SPEECH, WAYS, Way, refused
from tests.rows import for_each

TRANSIENT, THROTTLE, QUOTA = FailureKind.TRANSIENT, FailureKind.THROTTLE, FailureKind.QUOTA
AUTH, REQUEST = FailureKind.AUTH, FailureKind.REQUEST


def answered(status: int, body: Any) -> Failure:
    return from_response(status, {}, body if isinstance(body, bytes) else json.dumps(body).encode())


INSIDE = [
    (
        {"base_resp": {"status_code": 1008, "status_msg": "insufficient balance"}},
        QUOTA,
        "insufficient balance",
    ),
    ({"base_resp": {"status_code": 1002, "status_msg": "限流"}, "choices": None}, THROTTLE, "限流"),
    ({"base_resp": {"status_code": 1004, "status_msg": "login fail"}}, AUTH, "login fail"),
    ({"base_resp": {"status_code": 1026, "status_msg": "sensitive"}}, REQUEST, "sensitive"),
    ({"base_resp": {"status_code": 1000, "status_msg": "unknown"}}, TRANSIENT, "unknown"),
    ({"code": 1302, "msg": "too fast", "success": False}, THROTTLE, "too fast"),
    ({"code": 1113, "msg": "欠费", "success": False}, QUOTA, "欠费"),
    ({"code": 500, "msg": "404 NOT_FOUND", "success": False}, TRANSIENT, "404 NOT_FOUND"),
    ({"code": 401, "msg": "who are you", "success": False}, AUTH, "who are you"),
    ({"success": False}, TRANSIENT, "an error without a reason"),
    ({"detail": "Rate limit exceeded: 5 per 1 minute"}, THROTTLE, "Rate limit exceeded: 5 per 1 minute"),
    ({"error": "insufficient balance"}, QUOTA, "insufficient balance"),
    ({"error": "rate_limit_exceeded"}, THROTTLE, "rate_limit_exceeded"),
    ({"error": "Unauthorized", "message": "no key", "status": 401}, AUTH, "Unauthorized: no key"),
    ({"errors": [{"message": "no money", "code": "insufficient_quota"}]}, QUOTA, "no money"),
    ({"errors": ["too many requests", "really"]}, THROTTLE, "too many requests; really"),
    ({"errors": {"code": 429, "message": "slow"}}, THROTTLE, "slow"),
    (
        {"fault": {"faultstring": "Quota violation", "detail": {"errorcode": "x"}}},
        TRANSIENT,
        "Quota violation",
    ),
    ({"error_code": 17, "error_msg": "Open api daily request limit reached"}, TRANSIENT, "daily request"),
    ({"object": "error", "message": "bad", "type": "BadRequestError", "code": 400}, REQUEST, "bad"),
    (
        {"type": "https://x.test/limit", "title": "Too Many Requests", "status": 429, "detail": "wait"},
        THROTTLE,
        "wait",
    ),
    ({"statusCode": 402, "message": "pay"}, QUOTA, "pay"),
    ({"__type": "ThrottlingException", "message": "slow"}, THROTTLE, "slow"),
    ({"Message": "User is not authorized", "__type": "AccessDeniedException"}, AUTH, "not authorized"),
    ([{"error": {"code": 429, "message": "slow", "status": "RESOURCE_EXHAUSTED"}}], THROTTLE, "slow"),
    ({"error": {"error": {"message": "deep", "code": "invalid_api_key"}}}, AUTH, "deep"),
]


@pytest.mark.case("wire", "error-in-200")
@pytest.mark.parametrize(("document", "kind", "words"), INSIDE)
def test_an_error_in_a_200_is_told_by_its_body_in_any_shape(
    document: Any, kind: FailureKind, words: str
) -> None:
    failure = failure_in(document, {})
    assert failure is not None
    assert (failure.kind, failure.status) == (kind, 200)
    assert words in failure.message
    assert from_body(document, {}).kind is kind


@pytest.mark.case("wire", "error-in-200")
@pytest.mark.parametrize("dialect", SPEECH)
@pytest.mark.parametrize(("document", "kind", "words"), INSIDE)
async def test_an_error_in_a_stream_is_told_by_its_body_in_any_shape(
    dialect: str, document: Any, kind: FailureKind, words: str
) -> None:
    """It may be of no event that the dialect has, and come first or behind a part of the answer."""
    speech = SPEECH[dialect]
    for before in (b"", speech.before + speech.piece("a part")):
        llm = speech.make(Canned(answer(before + event(document))), streaming=True)
        with pytest.raises(Failure) as caught:
            await llm.ainvoke("hi")
        assert (caught.value.kind, words in caught.value.message) == (kind, True)


@pytest.mark.case("wire", "error-in-200")
@pytest.mark.parametrize(
    "document",
    [
        {
            "choices": [{"message": {"content": "x"}}],
            "base_resp": {"status_code": 0, "status_msg": "success"},
        },
        {"choices": [{"message": {"content": "x"}}], "message": "ok"},
        {"choices": [], "error": None},
        {"type": "message", "content": [{"type": "text", "text": "x"}]},
        {"id": "r", "output": [{}], "error": None, "status": "completed"},
        {"code": 0, "msg": "success", "id": 1},
        {"code": "200", "message": "OK"},
        {},
        [],
        "text",
        7,
        None,
    ],
)
def test_an_answer_is_no_error_whatever_stands_beside_it(document: Any) -> None:
    assert failure_in(document, {}) is None


@pytest.mark.case("wire", "raw-reason")
@for_each("way", WAYS)
@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ("upstream is out of order", "upstream is out of order"),
        (
            '{"error":{"message":"context is 9000 tokens","code":"context_length_exceeded"}}',
            "context is 9000 tokens",
        ),
        ({"error": {"message": "as an object"}}, "as an object"),
        ('{"error":{"message":"{\\"error\\": {\\"message\\": \\"twice\\"}}"}}', "twice"),
        ("[" * 2000, "[[["),
    ],
)
async def test_what_a_server_passes_on_of_another_is_shown(way: Way, raw: Any, words: str) -> None:
    error = {
        "message": "Provider returned error",
        "code": 400,
        "metadata": {"raw": raw, "provider_name": "P"},
    }
    failure = await refused(way, 400, error)
    if way.dialect == "responses" and way.inside and way.streaming:
        assert words in failure.message
        return
    assert failure.kind is REQUEST
    assert failure.message.startswith(f"Provider returned error: {words}")
    assert failure.of_content == ("9000" in words)


def test_a_message_that_is_a_document_is_read() -> None:
    failure = answered(
        400, {"error": {"message": '{"error": {"message": "inner", "code": "context_length"}}'}}
    )
    assert (failure.message, failure.code, failure.of_content) == ("inner", "context_length", True)


def test_a_request_is_compared_as_it_is_spoken_however_it_is_escaped() -> None:
    assert spoken(b'{"a": "Raise\\u0020my \\"LIMIT\\"\\n\\u00e9"}') == '{"a": "raise my "limit" \u00e9"}'


FIELDS = [
    *("error", "errors", "message", "msg", "code", "type", "status", "detail", "details", "base_resp"),
    *("success", "metadata", "raw", "violations", "retryDelay", "retry_after_ms", "seconds", "nanos", "loc"),
    *("param", "headers", "status_code", "fault", "reason", "retry-after"),
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(FIELDS), inner),
    max_leaves=12,
)


@given(JSON, st.integers(100, 600))
def test_no_document_makes_it_raise(document: Any, status: int) -> None:
    found = failure_in(document, {})
    for failure in (found, from_body(document, {}), answered(status, json.dumps(document).encode())):
        if failure is not None:
            failure.message.encode()
            assert failure.message
            assert failure.retry_after is None or 0 < failure.retry_after < 1e7
            failure.discount(json.dumps(document).encode())
            assert failure.message
