"""Every fault of real servers is served by its name: streamed and plain, in each dialect it can occur in."""

from __future__ import annotations

import asyncio
import json
import re
import time
from typing import Any

import pytest

from llmdash.simulator.faults.registry import FAULTS
from tests.simulated import Reply
from tests.simulator.frames import PATHS
from tests.simulator.in_process import InProcess

EVERY = tuple(PATHS)
OPENAI = ("chat", "completions", "responses")
CHUNKED = ("chat", "completions")
MODES = pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
REASON = re.compile(rb'"(?:finish_reason|stop_reason|reason)":"([a-z_]*)"')


def in_dialects(names: tuple[str, ...]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("dialect", names)


def contents(reply: Reply) -> list[dict[str, Any]]:
    """The JSON objects of a stream's data, or the one of a plain answer."""
    if reply.headers["content-type"] == "application/json":
        return [reply.json]
    lines = [line for line in reply.body.decode().split("\n") if line.startswith("data: {")]
    return [json.loads(line[6:]) for line in lines]


def usages(reply: Reply) -> list[dict[str, Any]]:
    """Every usage in an answer, wherever it is."""
    return list(found("usage", contents(reply)))


def found(name: str, value: Any) -> Any:
    """Every object of this name within a value."""
    if isinstance(value, list):
        for each in value:
            yield from found(name, each)
    elif isinstance(value, dict):
        if isinstance(value.get(name), dict):
            yield value[name]
        for each in value.values():
            yield from found(name, each)


def text_of(reply: Reply) -> str:
    """All text in the chunks, messages and blocks of an answer."""
    texts = []
    for content in contents(reply):
        for choice in content.get("choices", ()):
            said = choice.get("delta") or choice.get("message") or choice
            texts.append(said.get("content") or said.get("text") or "")
        delta = content.get("delta")
        if isinstance(delta, str) and content["type"] == "response.output_text.delta":
            texts.append(delta)
        elif isinstance(delta, dict):
            texts.append(delta.get("text", ""))
        texts += [block.get("text", "") for block in content.get("content", ())]
        for item in content.get("output", ()):
            texts += [part["text"] for part in item.get("content", ())]
    return "".join(texts)


async def whole_answer(dialect: str, **fields: Any) -> str:
    """What a simulator without faults says first."""
    return text_of(await InProcess().ask(dialect, **fields))


@pytest.mark.case("wire", "odd-finish")
@pytest.mark.parametrize("reason", ["insufficient_system_resource", "abort"])
@MODES
@in_dialects(EVERY)
async def test_an_odd_finish_after_three_chunks_and_asked_again_all(
    dialect: str, stream: bool, reason: str
) -> None:
    running = InProcess(faults={f"odd-finish:{reason}": 1.0})
    part, whole, again = [await running.ask(dialect, stream=stream) for _ in range(3)]
    assert reason.encode() in REASON.findall(part.body)
    assert 0 < len(text_of(part)) < len(text_of(whole))
    assert reason.encode() not in whole.body
    assert reason.encode() in again.body
    stats = await running.report("/__sim__/stats")
    assert stats["faults"] == {"odd-finish": 2}
    assert (stats["by_key"]["key-b"]["errors"], stats["by_key"]["key-b"]["ok"]) == (2, 1)


@pytest.mark.case("wire", "error-finish-plain")
@pytest.mark.parametrize(("variant", "message"), [("bare", ""), ("error", "The upstream model failed.")])
@MODES
@in_dialects(CHUNKED)
async def test_the_finish_reason_error_has_its_error_beside_it(
    dialect: str, stream: bool, variant: str, message: str
) -> None:
    reply = await InProcess(faults={f"error-finish-plain:{variant}": 1.0}).ask(dialect, stream=stream)
    ends = [choice for content in contents(reply) for choice in content["choices"] if choice["finish_reason"]]
    assert [choice["finish_reason"] for choice in ends] == ["error"]
    assert ends[0].get("error", {}).get("message", "") == message
    assert 0 < len(text_of(reply)) < len(await whole_answer(dialect, stream=stream))


@pytest.mark.case("wire", "error-finish-plain")
@MODES
async def test_a_failed_response_says_why(stream: bool) -> None:
    reply = await InProcess(faults={"error-finish-plain:error": 1.0}).ask("responses", stream=stream)
    last = contents(reply)[-1]
    response = last.get("response", last)
    assert (response["status"], response["error"]["message"]) == ("failed", "The upstream model failed.")
    assert not stream or b"event: response.failed" in reply.body


@pytest.mark.case("wire", "error-finish-plain")
@MODES
@in_dialects(CHUNKED)
async def test_a_400_in_a_choice_is_the_prompts_own(dialect: str, stream: bool) -> None:
    running = InProcess(faults={"error-finish-plain:bad-request": 1.0})
    for _ in range(2):
        assert b'"code":400' in (await running.ask(dialect, stream=stream)).body


@pytest.mark.case("wire", "finish-each-slow")
@in_dialects(CHUNKED)
async def test_every_chunk_stops_and_the_text_goes_on(dialect: str) -> None:
    began = time.monotonic()
    reply = await InProcess(faults={"finish-each-slow:0.02": 1.0}).ask(dialect, stream=True)
    assert time.monotonic() - began > 0.1
    said = [choice for content in contents(reply) for choice in content["choices"]]
    assert {choice["finish_reason"] for choice in said if choice.get("text") or choice.get("delta")} == {
        "stop",
        None,
    } - ({None} if dialect == "completions" else set())
    assert sum(choice["finish_reason"] == "stop" for choice in said) >= 10
    assert text_of(reply) == await whole_answer(dialect, stream=True)


@pytest.mark.case("wire", 'finish-"null"')
@pytest.mark.parametrize(("variant", "reason"), [("null", "null"), ("empty", "")])
@MODES
@in_dialects(CHUNKED)
async def test_nothing_is_said_as_a_word(dialect: str, stream: bool, variant: str, reason: str) -> None:
    reply = await InProcess(faults={f"finish-null:{variant}": 1.0}).ask(dialect, "1 + 2 x 3?", stream=stream)
    reasons = [choice["finish_reason"] for content in contents(reply) for choice in content["choices"]]
    assert reason in reasons
    assert reasons[-1] == ("stop" if stream else reason)
    assert text_of(reply) == "1 + 2 x 3 = 7."


@pytest.mark.case("wire", "index-counts")
@in_dialects(CHUNKED)
async def test_the_index_of_the_only_choice_grows(dialect: str) -> None:
    reply = await InProcess(faults={"index-counts": 1.0}).ask(dialect, stream=True)
    indexes = [choice["index"] for content in contents(reply) for choice in content["choices"]]
    assert indexes == list(range(len(indexes)))
    assert len(indexes) > 5


@pytest.mark.case("wire", "error-field")
@in_dialects(EVERY)
async def test_an_error_in_a_field_of_its_own(dialect: str) -> None:
    reply = await InProcess(faults={"error-field": 1.0}).ask(dialect, stream=True)
    field, done = reply.body.decode().removesuffix("\n\n").split("\n\n")
    assert "overloaded" in json.loads(field.removeprefix("error: "))["error"]["message"]
    assert done == "data: [DONE]"


@pytest.mark.case("wire", "done-only")
@in_dialects(EVERY)
async def test_a_stream_that_only_ends(dialect: str) -> None:
    running = InProcess(faults={"done-only": 1.0})
    reply = await running.ask(dialect, stream=True)
    if dialect == "messages":
        assert [content["type"] for content in contents(reply)] == ["message_start", "message_stop"]
    else:
        assert reply.body == b"data: [DONE]\n\n"
    assert text_of(await running.ask(dialect, stream=True))


@pytest.mark.case("wire", "no-choices")
@MODES
@in_dialects(CHUNKED)
async def test_no_choices_at_all_and_the_prompt_is_billed_each_time(dialect: str, stream: bool) -> None:
    running = InProcess(faults={"no-choices": 1.0})
    for _ in range(2):
        reply = await running.ask(dialect, stream=stream)
        (only,) = contents(reply)
        assert only["choices"] == []
        assert only["usage"]["prompt_tokens"] == 12
        assert not stream or reply.body.endswith(b"data: [DONE]\n\n")


@pytest.mark.case("wire", "empty-completed")
@MODES
async def test_a_response_is_completed_without_output(stream: bool) -> None:
    reply = await InProcess(faults={"empty-completed": 1.0}).ask("responses", stream=stream)
    last = contents(reply)[-1]
    response = last.get("response", last)
    assert (response["status"], response["output"]) == ("completed", [])
    assert b"delta" not in reply.body


@pytest.mark.case("wire", "reasoning-only")
@MODES
@in_dialects(("chat", "responses", "messages"))
async def test_ten_chunks_of_reasoning_and_no_answer(dialect: str, stream: bool) -> None:
    reply = await InProcess(faults={"reasoning-only": 1.0}).ask(dialect, stream=stream)
    assert text_of(reply) == ""
    assert b"is asked" in reply.body.replace(b'"},"', b"") or reply.body.count(b"delta") >= 10
    (reason,) = {each for each in REASON.findall(reply.body) if each} or {b"completed"}
    assert reason in (b"stop", b"end_turn", b"completed")


@pytest.mark.case("wire", "two-resets")
@MODES
@in_dialects(OPENAI)
async def test_of_two_resets_the_one_that_is_used_up_is_true(dialect: str, stream: bool) -> None:
    running = InProcess(faults={"two-resets": 1.0})
    reply = await running.ask(dialect, stream=stream)
    assert reply.status == 429
    assert "retry-after" not in reply.headers
    assert reply.headers["x-ratelimit-remaining-requests"] == "14120"
    assert reply.headers["x-ratelimit-reset-requests"] == "33011s"
    assert reply.headers["x-ratelimit-remaining-tokens"] == "0"
    assert reply.headers["x-ratelimit-reset-tokens"] == "4.000s"
    running.now = 3.9
    inside = await running.ask(dialect, "Another prompt", stream=stream)
    assert (inside.status, inside.headers["x-ratelimit-reset-tokens"]) == (429, "0.100s")
    running.now = 4.0
    assert (await running.ask(dialect, stream=stream)).status == 200


@pytest.mark.case("wire", "body-hint")
@pytest.mark.parametrize(
    ("variant", "words", "rest_s"),
    [
        ("retry-delay", b'"retryDelay":"2s"', 2.0),
        ("words", b"try again in 1.52s", 1.52),
        ("minutes", b"in 1m30s", 90),
    ],
)
@MODES
@in_dialects(OPENAI)
async def test_the_wait_is_in_the_body_alone_and_meant(
    dialect: str, stream: bool, variant: str, words: bytes, rest_s: float
) -> None:
    running = InProcess(faults={f"body-hint:{variant}": 1.0})
    reply = await running.ask(dialect, stream=stream)
    assert (reply.status, words in reply.body, "retry-after" in reply.headers) == (429, True, False)
    running.now = rest_s - 0.01
    assert (await running.ask(dialect, stream=stream)).status == 429
    running.now = rest_s
    assert (await running.ask(dialect, stream=stream)).status == 200


@pytest.mark.case("wire", "body-hint")
async def test_anthropics_body_has_the_wait_in_words() -> None:
    reply = await InProcess(faults={"body-hint": 1.0}).ask("messages")
    assert reply.json["error"]["type"] == "rate_limit_error"
    assert "try again in 1.52s" in reply.json["error"]["message"]


@pytest.mark.case("wire", "day-quota-body")
@MODES
@in_dialects(EVERY)
async def test_the_quota_of_a_day_is_in_the_body(dialect: str, stream: bool) -> None:
    running = InProcess(faults={"day-quota-body": 1.0})
    for _ in range(3):
        reply = await running.ask(dialect, stream=stream)
        assert reply.status == 429
        assert b"PerDay" in reply.body or b"requests per day" in reply.body
    assert (await running.ask(dialect, key="key-a", stream=stream)).status == 200


@pytest.mark.case("wire", "key-400")
@pytest.mark.parametrize(
    ("dialect", "variant", "words"),
    [
        *[(name, "google", b'"reason":"API_KEY_INVALID"') for name in OPENAI],
        *[(name, "google-list", b'[{"error":{"code":400') for name in OPENAI],
        *[(name, "arrearage", b'"code":"Arrearage"') for name in OPENAI],
        ("messages", "credit", b"credit balance is too low"),
        ("messages", "usage-limit", b"regain access on 2099-01-01"),
        ("messages", "disabled", b"organization has been disabled"),
    ],
)
@MODES
async def test_a_bad_key_is_a_400(dialect: str, variant: str, words: bytes, stream: bool) -> None:
    running = InProcess(faults={f"key-400:{variant}": 1.0})
    bad = await running.ask(dialect, stream=stream)
    assert (bad.status, words in bad.body) == (400, True)
    assert (await running.ask(dialect, key="key-a", stream=stream)).status == 200


@pytest.mark.case("wire", "model-404-key")
@MODES
@in_dialects(EVERY)
async def test_one_key_has_no_access_to_the_model(dialect: str, stream: bool) -> None:
    running = InProcess(faults={"model-404-key": 1.0})
    bad = await running.ask(dialect, stream=stream)
    assert (bad.status, bad.json["error"].get("code", bad.json["error"]["type"])) == (
        404,
        "not_found_error" if dialect == "messages" else "model_not_found",
    )
    assert (await running.ask(dialect, key="key-a", stream=stream)).status == 200


@pytest.mark.case("wire", "money-403")
@pytest.mark.parametrize(
    ("variant", "status", "words"),
    [("balance", 403, "balance"), ("quota", 401, "quota"), ("overdue", 403, "overdue")],
)
@MODES
@in_dialects(EVERY)
async def test_one_key_has_no_money(
    dialect: str, stream: bool, variant: str, status: int, words: str
) -> None:
    running = InProcess(faults={f"money-403:{variant}": 1.0})
    bad = await running.ask(dialect, stream=stream)
    assert bad.status == status
    assert words in bad.json["error"]["message"].lower()
    assert (await running.ask(dialect, key="key-a", stream=stream)).status == 200


@pytest.mark.case("wire", "spend-code")
@pytest.mark.parametrize(
    ("variant", "code"),
    [
        ("credit", "credit_balance_exhausted"),
        ("spend-limit", "organization_spend_limit_exceeded"),
        ("usage-limit", "organization_usage_limit_exceeded"),
        ("enforced", "enforced_spend_limit_reached"),
        ("numeric", "1113"),
    ],
)
@MODES
@in_dialects(EVERY)
async def test_the_code_of_a_429_says_that_the_money_is_spent(
    dialect: str, stream: bool, variant: str, code: str
) -> None:
    reply = await InProcess(faults={f"spend-code:{variant}": 1.0}).ask(dialect, stream=stream)
    assert (reply.status, reply.json["error"]["code"]) == (429, code)


@pytest.mark.case("wire", "error-in-200")
@pytest.mark.parametrize(
    ("variant", "name"),
    [("base-resp", "base_resp"), ("code-msg", "msg"), ("detail", "detail"), ("string", "error")],
)
@MODES
@in_dialects(EVERY)
async def test_a_200_has_an_error_for_a_body(dialect: str, stream: bool, variant: str, name: str) -> None:
    running = InProcess(faults={f"error-in-200:{variant}": 1.0})
    reply = await running.ask(dialect, stream=stream)
    (content,) = contents(reply)
    assert (reply.status, name in content) == (200, True)
    assert (await running.report("/__sim__/stats"))["by_key"]["key-b"]["errors"] == 1


@pytest.mark.case("wire", "poison-prompt")
@pytest.mark.parametrize("variant", ["plain", "hint"])
@MODES
@in_dialects(EVERY)
async def test_a_prompt_that_is_too_large_is_a_429_for_ever(dialect: str, stream: bool, variant: str) -> None:
    running = InProcess(faults={f"poison-prompt:{variant}": 1.0})
    for key in ("key-a", "key-b", "key-a"):
        reply = await running.ask(dialect, key=key, stream=stream)
        assert (reply.status, "retry-after" in reply.headers) == (429, variant == "hint")


@pytest.mark.case("wire", "slow-down")
@pytest.mark.parametrize("status", [429, 503])
@MODES
@in_dialects(EVERY)
async def test_requests_grew_too_fast(dialect: str, stream: bool, status: int) -> None:
    running = InProcess(faults={f"slow-down:{status}": 1.0})
    reply = await running.ask(dialect, stream=stream)
    assert (reply.status, reply.json["error"]["code"]) == (status, "slow_down")
    assert (await running.ask(dialect, stream=stream)).status == 200


@pytest.mark.case("wire", "empty-data")
@pytest.mark.parametrize(
    ("variant", "data"),
    [("blank", b"data:\n\n"), ("heartbeat", b"event: heartbeat\ndata: ping\n\n"), ("date", b"data: 2025-")],
)
@in_dialects(EVERY)
async def test_events_without_json_come_between(dialect: str, variant: str, data: bytes) -> None:
    reply = await InProcess(faults={f"empty-data:{variant}": 1.0}).ask(dialect, stream=True)
    assert reply.body.count(data) > 5
    assert text_of(reply) == await whole_answer(dialect, stream=True)


@pytest.mark.case("wire", "done-variants")
@pytest.mark.parametrize(("variant", "end"), [("blank", b"\n\ndata: [DONE] \n\n"), ("cut", b"data: [DONE]")])
@in_dialects(CHUNKED)
async def test_the_terminator_is_nearly_right(dialect: str, variant: str, end: bytes) -> None:
    reply = await InProcess(faults={f"done-variants:{variant}": 1.0}).ask(dialect, stream=True)
    assert reply.body.endswith(end)
    assert reply.body.count(b"[DONE]") == 1


@pytest.mark.case("wire", "bare-error-mid")
@in_dialects(EVERY)
async def test_an_error_without_a_field_ends_a_stream(dialect: str) -> None:
    running = InProcess(faults={"bare-error-mid": 1.0})
    reply = await running.ask(dialect, stream=True)
    last = reply.body.decode().removesuffix("\n\n").rpartition("\n\n")[2]
    assert "overloaded" in json.loads(last)["error"]["message"]
    assert 0 < len(text_of(reply)) < len(text_of(await running.ask(dialect, stream=True)))


@pytest.mark.case("wire", "single-newline")
@in_dialects(EVERY)
async def test_one_line_feed_parts_the_events(dialect: str) -> None:
    reply = await InProcess(faults={"single-newline": 1.0}).ask(dialect, stream=True)
    assert b"\n\n" not in reply.body
    assert text_of(reply) == await whole_answer(dialect, stream=True)


@pytest.mark.case("wire", "usage-total")
@MODES
@in_dialects(CHUNKED)
async def test_the_reasoning_is_outside_of_the_completion(dialect: str, stream: bool) -> None:
    options: dict[str, Any] = {"stream_options": {"include_usage": True}} if stream else {}
    reply = await InProcess(faults={"usage-total": 1.0}).ask(dialect, stream=stream, **options)
    assert usages(reply)[-1] == {
        "prompt_tokens": 32,
        "completion_tokens": 9,
        "total_tokens": 2041,
        "completion_tokens_details": {"reasoning_tokens": 2000},
    }


@pytest.mark.case("wire", "usage-total")
@MODES
async def test_the_reasoning_is_outside_of_the_output_of_a_response(stream: bool) -> None:
    spent = usages(await InProcess(faults={"usage-total": 1.0}).ask("responses", stream=stream))[-1]
    assert (spent["input_tokens"], spent["output_tokens"], spent["total_tokens"]) == (32, 9, 2041)
    assert spent["output_tokens_details"] == {"reasoning_tokens": 2000}


@pytest.mark.case("wire", "cached-tokens")
@MODES
@in_dialects(EVERY)
async def test_most_of_the_prompt_was_in_the_cache(dialect: str, stream: bool) -> None:
    options: dict[str, Any] = (
        {"stream_options": {"include_usage": True}} if stream and dialect in CHUNKED else {}
    )
    reply = await InProcess(faults={"cached-tokens": 1.0}).ask(dialect, stream=stream, **options)
    spent = usages(reply)[-1]
    if dialect == "messages":
        assert (spent["input_tokens"], spent["cache_read_input_tokens"]) == (80, 1500)
        assert spent["cache_creation_input_tokens"] == 420
    else:
        into = "input" if dialect == "responses" else "prompt"
        assert spent[f"{into}_tokens"] == 2000
        assert spent[f"{into}_tokens_details"] == {"cached_tokens": 1920}


@pytest.mark.case("wire", "no-max-tokens")
@MODES
async def test_max_tokens_is_not_supported_and_its_other_name_is(stream: bool) -> None:
    running = InProcess(faults={"no-max-tokens": 1.0})
    reply = await running.ask("chat", stream=stream, max_tokens=9)
    error = reply.json["error"]
    assert (reply.status, error["code"], error["param"]) == (400, "unsupported_parameter", "max_tokens")
    assert "max_completion_tokens" in error["message"]
    assert (await running.ask("chat", stream=stream, max_completion_tokens=9)).status == 200
    assert (await running.ask("chat", stream=stream, max_tokens=9)).status == 400


@pytest.mark.case("wire", "no-max-tokens")
@pytest.mark.parametrize(
    ("variant", "fields", "dialects"),
    [
        ("stream_options", {"stream": True, "stream_options": {"include_usage": True}}, CHUNKED),
        ("temperature", {"temperature": 0.2}, EVERY),
        ("stream", {"stream": True}, EVERY),
    ],
)
async def test_other_fields_are_not_supported_on_demand(
    variant: str, fields: dict[str, Any], dialects: tuple[str, ...]
) -> None:
    for dialect in dialects:
        running = InProcess(faults={f"no-max-tokens:{variant}": 1.0})
        refused = await running.ask(dialect, **fields)
        assert (refused.status, variant in refused.body.decode()) == (400, True)
        assert (await running.ask(dialect)).status == 200


@pytest.mark.case("wire", "raw-reason")
@MODES
@in_dialects(EVERY)
async def test_the_reason_is_in_the_metadata_alone(dialect: str, stream: bool) -> None:
    reply = await InProcess(faults={"raw-reason": 1.0}).ask(dialect, stream=stream)
    error = reply.json["error"]
    assert (reply.status, error["message"]) == (400, "Provider returned error")
    assert json.loads(error["metadata"]["raw"])["error"]["message"] == "temperature: range: 0..1"


@pytest.mark.case("wire", "filter-heavy")
@MODES
@in_dialects(EVERY)
async def test_a_prompt_that_is_filtered_is_filtered_each_time(dialect: str, stream: bool) -> None:
    running = InProcess(faults={"filter-heavy": 0.7})
    first = [await running.ask(dialect, f"Prompt {number}", stream=stream) for number in range(30)]
    again = [await running.ask(dialect, f"Prompt {number}", stream=stream) for number in range(30)]

    def refused(reply: Reply) -> bool:
        return b"content_filter" in reply.body or b'"refusal"' in reply.body.replace(b'"refusal":', b"")

    assert [refused(reply) for reply in first] == [refused(reply) for reply in again]
    assert 12 <= sum(map(refused, first)) <= 28
    statuses = {reply.status for reply in first if refused(reply)}
    assert statuses == ({200} if dialect == "messages" else {200, 400})


@pytest.mark.case("wire", "slow-first")
@MODES
@in_dialects(EVERY)
async def test_the_first_byte_is_late_each_time(dialect: str, stream: bool) -> None:
    running = InProcess(faults={"slow-first:30": 1.0})
    for _ in range(2):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(running.ask(dialect, stream=stream), 0.05)


@pytest.mark.case("wire", "slow-first")
@MODES
async def test_a_late_answer_is_whole(stream: bool) -> None:
    late = await InProcess(faults={"slow-first:0.05": 1.0}).ask("chat", stream=stream)
    assert text_of(late) == await whole_answer("chat", stream=stream)


@pytest.mark.case("wire", "model-503")
@MODES
@in_dialects(EVERY)
async def test_a_wrong_model_is_a_503(dialect: str, stream: bool) -> None:
    running = InProcess(faults={"model-503": 1.0})
    for _ in range(2):
        reply = await running.ask(dialect, stream=stream)
        assert (reply.status, reply.json["error"]["code"]) == (503, "model_not_found")
        assert "model m " in reply.json["error"]["message"]


def test_every_fault_says_what_it_is_and_can_occur_somewhere() -> None:
    for name, fault in FAULTS.items():
        assert (fault.name, bool(fault.about)) == (name, True)
        assert fault.variants
        assert any(not variant.asked_only for variant in fault.variants.values())
