"""Answers that are more than text: the last Delta bears the message as the dialect has it."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from llmdash.llms.messages import Delta
from llmdash.llms.wire.anthropic import MessageReader
from llmdash.llms.wire.chat import ChatReader, CompletionReader
from llmdash.llms.wire.chat_message import MOST_PARTS
from llmdash.llms.wire.content_blocks import MOST_BLOCKS
from llmdash.llms.wire.failures import FailureKind
from llmdash.llms.wire.responses import ResponsesReader
from tests.llms.canned import DONE, chunk, part
from tests.llms.wire.speakers import SPEAKERS, read
from tests.llms.wire.wires import MESSAGE_START, MESSAGE_STOP, message_end, response, said, text_delta, typed

ARGUMENTS = '{"city": "Oslo"}'


def call(identity: str = "c1", name: str = "weather", arguments: Any = ARGUMENTS) -> dict[str, Any]:
    return {"id": identity, "type": "function", "function": {"name": name, "arguments": arguments}}


def calling(*pieces: Any, end: str = "tool_calls") -> Delta:
    """The last Delta of a stream with these pieces of tool calls."""
    return read(ChatReader({}, str), *(part(tool_calls=[piece]) for piece in pieces), chunk(finish=end)).last


def in_pieces(*fields: dict[str, Any], **first: Any) -> list[dict[str, Any]]:
    """A call whose arguments come a few letters at a time, each piece with these fields."""
    head = {**first, "function": {"name": "weather", "arguments": ""}}
    tails = [{"function": {"arguments": ARGUMENTS[at : at + 3]}} for at in range(0, len(ARGUMENTS), 3)]
    return [{**piece, **(fields[0] if fields else {})} for piece in (head, *tails)]


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param(in_pieces({"index": 0}, id="c1", type="function"), id="by index"),
        pytest.param(in_pieces(id="c1"), id="no index"),
        pytest.param(in_pieces({"id": "c1"}), id="no index, id in each"),
        pytest.param(in_pieces({"index": 0, "id": "c1", "type": "function"}), id="all in each"),
        pytest.param([{"index": 0, **call()}], id="whole"),
        pytest.param([call()], id="whole, no index"),
        pytest.param([call(arguments=json.loads(ARGUMENTS))], id="arguments as an object"),
        pytest.param([{"index": None, **call()}, {"function": {"name": "", "arguments": None}}], id="nulls"),
    ],
)
def test_the_pieces_of_a_tool_call_are_joined(pieces: list[dict[str, Any]]) -> None:
    last = calling(*pieces)
    assert last.message == {"role": "assistant", "content": None, "tool_calls": [call()]}
    assert (last.finish_reason, last.flags) == ("tool_calls", ())


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param(
            [
                {"index": 0, "id": "c1", "function": {"name": "weather", "arguments": ARGUMENTS[:5]}},
                {"index": 1, "id": "c2", "function": {"name": "weather", "arguments": ARGUMENTS[:7]}},
                {"index": 0, "function": {"arguments": ARGUMENTS[5:]}},
                {"index": 1, "function": {"arguments": ARGUMENTS[7:]}},
            ],
            id="interleaved by index",
        ),
        pytest.param([call("c1"), call("c2")], id="whole, no index"),
        pytest.param([{"index": 0, **call("c1")}, {"index": 0, **call("c2")}], id="whole, index always 0"),
        pytest.param([*in_pieces(id="c1"), *in_pieces(id="c2")], id="in pieces, no index"),
        pytest.param(
            [
                {"id": "c1", "function": {"name": "weather", "arguments": ARGUMENTS[:5]}},
                {"id": "c2", "function": {"name": "weather", "arguments": ARGUMENTS[:7]}},
                {"id": "c1", "function": {"arguments": ARGUMENTS[5:]}},
                {"id": "c2", "function": {"arguments": ARGUMENTS[7:]}},
            ],
            id="interleaved by id",
        ),
    ],
)
def test_several_tool_calls_are_told_apart(pieces: list[dict[str, Any]]) -> None:
    message = calling(*pieces).message
    assert message is not None
    assert message["tool_calls"] == [call("c1"), call("c2")]


def test_calls_without_index_and_id_are_told_apart_by_a_name_after_a_whole_call() -> None:
    plain = {"function": {"name": "weather", "arguments": ARGUMENTS}}
    message = calling(plain, plain).message
    assert message is not None
    assert message["tool_calls"] == [{"type": "function", **plain}] * 2


def test_text_goes_with_the_calls_and_stays_the_text() -> None:
    found = read(ChatReader({}, str), chunk("Let me "), chunk("see."), part(tool_calls=[call()]), DONE)
    assert found.text == "Let me see."
    assert found.last.message == {"role": "assistant", "content": "Let me see.", "tool_calls": [call()]}
    assert found.last.finish_reason is None


@pytest.mark.parametrize("name", ["chat", "messages"])
def test_text_alone_has_no_message(name: str) -> None:
    speaker = SPEAKERS[name]
    for body in (speaker.stream("Hi", reason="stop"), speaker.document("Hi", "stop")):
        assert read(speaker.reader({}, str), body).last.message is None


def test_a_stream_that_breaks_within_a_tool_call_is_truncated() -> None:
    body = b"".join(part(tool_calls=[piece]) for piece in in_pieces({"index": 0}, id="c1"))
    whole = body + chunk(finish="tool_calls")
    for end in range(len(whole) - 4):
        failure = read(ChatReader({}, str), whole[:end]).failure
        assert failure is not None
        assert failure.kind is FailureKind.TRANSIENT


def test_pieces_of_a_call_behind_a_finish_reason_reopen_the_answer() -> None:
    reader = ChatReader({}, str)
    list(reader.feed(part(content="Hi") + chunk(finish="stop"), 1.0))
    assert reader.finished
    list(reader.feed(part(tool_calls=[call()]), 1.0))
    assert (reader.finished, reader.heard) == (False, True)


def test_a_plain_message_is_kept_as_it_came() -> None:
    said = {"role": "assistant", "content": None, "tool_calls": [call()], "extra": {"sealed": "x"}}
    body = json.dumps({"choices": [{"index": 0, "message": said, "finish_reason": "tool_calls"}]}).encode()
    last = read(ChatReader({}, str), body).last
    assert (last.message, last.flags) == (said, ())


def test_half_a_surrogate_pair_in_a_call_is_replaced() -> None:
    odd = call(arguments='{"a": "\ud83d"}')
    streamed = read(ChatReader({}, str), part(tool_calls=[odd]), DONE).last.message
    plain = json.dumps({"choices": [{"message": {"tool_calls": [odd]}, "finish_reason": "stop"}]}).encode()
    for message in (streamed, read(ChatReader({}, str), plain).last.message):
        assert "\N{REPLACEMENT CHARACTER}" in json.dumps(message, ensure_ascii=False).encode().decode()


def test_other_content_of_a_chat_message_is_joined_too() -> None:
    old = [
        part(function_call={"name": "f"}),
        part(function_call={"arguments": "{"}),
        part(function_call={"arguments": "}"}),
    ]
    message = read(ChatReader({}, str), *old, chunk(finish="function_call")).last.message
    assert message == {
        "role": "assistant",
        "content": None,
        "function_call": {"name": "f", "arguments": "{}"},
    }

    sound = [base64.b64encode(piece).decode() for piece in (b"ab", b"c", b"def")]
    pieces = [part(audio={"id": "a1", "transcript": "Hi"}), *(part(audio={"data": one}) for one in sound)]
    message = read(ChatReader({}, str), *pieces, chunk(finish="stop")).last.message
    assert message is not None
    assert (message["audio"]["id"], message["audio"]["transcript"]) == ("a1", "Hi")
    assert base64.b64decode(message["audio"]["data"]) == b"abcdef"

    image = {"type": "image_url", "image_url": {"url": "data:,"}}
    message = read(
        ChatReader({}, str), chunk("Look"), part(images=[image]), chunk(finish="stop")
    ).last.message
    assert message == {"role": "assistant", "content": "Look", "images": [image]}
    parts = [{"type": "text", "text": "Look"}, image]
    message = read(ChatReader({}, str), part(content=parts), chunk(finish="stop")).last.message
    assert message == {"role": "assistant", "content": parts}


def test_pieces_that_are_no_calls_are_left_out_and_break_nothing() -> None:
    odd = [
        part(tool_calls="x"),
        part(tool_calls=[7]),
        part(function_call="f"),
        part(audio=[1]),
        part(audio={"data": "="}),
    ]
    found = read(ChatReader({}, str), *odd, part(audio={"data": "?"}), chunk("Hi", "stop"))
    assert found.text == "Hi"
    assert found.last.message is not None
    assert "tool_calls" not in found.last.message


def test_reasoning_in_parts_of_the_content_is_reasoning() -> None:
    parts = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
        {"type": "text", "text": "Hi"},
    ]
    found = read(ChatReader({}, str), part(content=parts), chunk(finish="stop"))
    assert (found.deltas[0].reasoning, found.text, found.last.message) == ("hm", "Hi", None)


def test_a_flood_of_parts_is_malformed() -> None:
    calls = part(tool_calls=[call(f"c{number}") for number in range(MOST_PARTS + 1)])
    blocks = [
        typed("content_block_start", index=n, content_block={"type": "text"}) for n in range(MOST_BLOCKS + 1)
    ]
    texts = [added(n, "text_delta", text="a") for n in range(MOST_BLOCKS + 1)]
    for found in (
        read(ChatReader({}, str), calls),
        read(MessageReader({}, str), *blocks),
        read(MessageReader({}, str), *texts),
    ):
        assert found.failure is not None
        assert "more than 1,000" in found.failure.message


def test_a_message_nested_too_deeply_to_be_stored_is_malformed() -> None:
    deep: Any = "x"
    for _ in range(400):
        deep = [deep]
    calls = {"choices": [{"message": {"tool_calls": [call()], "extra": deep}, "finish_reason": "tool_calls"}]}
    failure = read(ChatReader({}, str), json.dumps(calls).encode()).failure
    assert failure is not None
    assert "malformed" in failure.message


PROBABLE: dict[str, Any] = {
    "content": [{"token": "Hel", "logprob": -0.1, "top_logprobs": []}],
    "refusal": None,
}
LESS_PROBABLE: dict[str, Any] = {
    "content": [{"token": "lo", "logprob": -0.7, "top_logprobs": []}],
    "refusal": None,
}
SOURCE = {"type": "url_citation", "url_citation": {"url": "https://x.example", "title": "x"}}


def choices(*choice: dict[str, Any], **beside: Any) -> bytes:
    return json.dumps({"choices": [*choice], **beside}).encode()


def event(*choice: dict[str, Any], **beside: Any) -> bytes:
    return b"data: " + choices(*choice, **beside) + b"\n\n"


def test_probabilities_come_with_the_message_streamed_and_plain() -> None:
    joined = {"content": PROBABLE["content"] + LESS_PROBABLE["content"], "refusal": None}
    pieces = [
        event({"delta": {"content": "Hel"}, "logprobs": PROBABLE}),
        event({"delta": {"content": "lo"}, "logprobs": LESS_PROBABLE}),
        event({"delta": {}, "logprobs": None, "finish_reason": "stop"}),
    ]
    streamed = read(ChatReader({}, str), *pieces, DONE).last.message
    assert streamed == {"role": "assistant", "content": "Hello", "logprobs": joined}
    said = {"role": "assistant", "content": "Hello"}
    plain = choices({"message": said, "logprobs": joined, "finish_reason": "stop"})
    assert read(ChatReader({}, str), plain).last.message == streamed


def test_probabilities_of_a_text_completion_are_joined_list_by_list() -> None:
    one = {"tokens": ["Hel"], "token_logprobs": [-0.1], "top_logprobs": None, "text_offset": [0]}
    two = {"tokens": ["lo"], "token_logprobs": [-0.7], "top_logprobs": None, "text_offset": [3]}
    both = {"tokens": ["Hel", "lo"], "token_logprobs": [-0.1, -0.7], "text_offset": [0, 3]}
    pieces = [event({"text": "Hel", "logprobs": one}), event({"text": "lo", "logprobs": two})]
    found = read(CompletionReader({}, str), *pieces, event({"text": "", "finish_reason": "stop"}), DONE)
    message = found.last.message
    assert message is not None
    assert message["content"] == "Hello"
    assert {name: value for name, value in message["logprobs"].items() if value is not None} == both
    plain = choices({"text": "Hello", "logprobs": both, "finish_reason": "stop"})
    assert read(CompletionReader({}, str), plain).last.message == message | {"logprobs": both}


def test_sources_come_with_the_message_streamed_and_plain() -> None:
    pieces = [
        event({"delta": {"content": "Hello"}}, citations=["https://x.example"]),
        event({"delta": {"annotations": [SOURCE]}}, citations=["https://x.example", "https://y.example"]),
        event({"delta": {}, "finish_reason": "stop"}),
    ]
    said = {"role": "assistant", "content": "Hello", "annotations": [SOURCE]}
    whole = {**said, "citations": ["https://x.example", "https://y.example"]}
    assert read(ChatReader({}, str), *pieces).last.message == whole
    plain = choices({"message": said, "finish_reason": "stop"}, citations=whole["citations"])
    assert read(ChatReader({}, str), plain).last.message == whole

    cited = {"type": "text", "text": "Hello", "citations": [{"url": "x"}]}
    blocks = [
        MESSAGE_START,
        begun(0, type="text", text=""),
        added(0, "text_delta", text="Hello"),
        added(0, "citations_delta", citation={"url": "x"}),
        message_end("end_turn"),
    ]
    message = {"role": "assistant", "content": [cited]}
    assert read(MessageReader({}, str), *blocks, MESSAGE_STOP).last.message == message
    plain = json.dumps({"content": [cited], "stop_reason": "end_turn"}).encode()
    assert read(MessageReader({}, str), plain).last.message == message

    item = {"type": "message", "content": [{"type": "output_text", "text": "Hello", "annotations": [SOURCE]}]}
    end = typed("response.completed", response=response(output=[item]))
    for body in (
        typed("response.output_text.delta", delta="Hello") + end,
        json.dumps(response(output=[item])).encode(),
    ):
        assert read(ResponsesReader({}, str), body).last.message == {"output": [item]}


def test_what_is_said_about_a_text_makes_no_answer_of_it() -> None:
    nothing = event({"delta": {"annotations": [SOURCE]}, "logprobs": PROBABLE}, citations=["x"])
    found = read(ChatReader({}, str), nothing, DONE)
    assert found.failure is not None
    assert "no answer" in found.failure.message


@pytest.mark.parametrize("odd", ["x", 7, [1], {"content": 7}, {"content": [1]}, {"a": {"b": [1]}}])
def test_odd_probabilities_break_nothing(odd: Any) -> None:
    pieces = [event({"delta": {"content": "a"}, "logprobs": each}) for each in (odd, PROBABLE, odd)]
    found = read(ChatReader({}, str), *pieces, chunk(finish="stop"))
    assert found.text == "aaa"
    assert found.last.message is not None


# Responses

ITEM = {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": ARGUMENTS}


@pytest.mark.parametrize("listed", [True, False], ids=["in the response", "only as items"])
def test_a_response_that_calls_tools_bears_its_output(listed: bool) -> None:
    items = [*response(text="Let me see.")["output"], ITEM]
    pieces = [typed("response.output_item.done", item=item) for item in items]
    end = typed("response.completed", response=response(output=items if listed else []))
    found = read(ResponsesReader({}, str), said("Let me see."), *pieces, end)
    assert (found.text, found.last.message, found.last.flags) == ("Let me see.", {"output": items}, ())
    unsaid = read(ResponsesReader({}, str), *pieces, end)
    assert (unsaid.text, unsaid.last.message) == ("Let me see.", {"output": items})


def test_a_plain_response_that_calls_tools_bears_its_output() -> None:
    last = read(ResponsesReader({}, str), json.dumps(response(output=[ITEM])).encode()).last
    assert (last.message, last.flags) == ({"output": [ITEM]}, ())
    picture = {"type": "message", "content": [{"type": "output_image", "data": "x"}, 7]}
    last = read(ResponsesReader({}, str), json.dumps(response(output=[picture, 7])).encode()).last
    assert last.message == {"output": [picture, 7]}
    assert read(ResponsesReader({}, str), json.dumps(response()).encode()).last.message is None


# Messages

TOOL = {"type": "tool_use", "id": "t1", "name": "weather", "input": {"city": "Oslo"}}


def added(index: int, kind: str, **fields: Any) -> bytes:
    return typed("content_block_delta", index=index, delta={"type": kind, **fields})


def begun(index: int, **block: Any) -> bytes:
    return typed("content_block_start", index=index, content_block=block)


def test_a_message_that_uses_tools_bears_its_blocks() -> None:
    """With the signature of its thoughts, without which the server does not take it back."""
    body = [
        MESSAGE_START,
        begun(0, type="thinking", thinking="", signature=""),
        added(0, "thinking_delta", thinking="h"),
        added(0, "thinking_delta", thinking="m"),
        added(0, "signature_delta", signature="sealed"),
        begun(1, type="text", text=""),
        added(1, "text_delta", text="Let me "),
        added(1, "text_delta", text="see."),
        added(1, "citations_delta", citation={"url": "x"}),
        begun(2, type="tool_use", id="t1", name="weather", input={}),
        added(2, "input_json_delta", partial_json=""),
        *(added(2, "input_json_delta", partial_json=piece) for piece in ('{"ci', 'ty": "Os', 'lo"}')),
        begun(3, type="tool_use", id="t2", name="now", input={}),
        message_end("tool_use"),
    ]
    found = read(MessageReader({}, str), *body, MESSAGE_STOP)
    assert found.last.message == {
        "role": "assistant",
        "content": [
            {"type": "thinking", "thinking": "hm", "signature": "sealed"},
            {"type": "text", "text": "Let me see.", "citations": [{"url": "x"}]},
            TOOL,
            {"type": "tool_use", "id": "t2", "name": "now", "input": {}},
        ],
    }
    assert (found.text, found.last.flags) == ("Let me see.", ())
    for end in range(len(body) - 1):
        cut = read(MessageReader({}, str), *body[:end])
        assert cut.failure is not None


def test_blocks_that_come_mixed_or_unannounced_are_kept_apart() -> None:
    body = [
        added(0, "text_delta", text="a"),
        added(1, "text_delta", text="x"),
        added(0, "text_delta", text="b"),
        begun(2, type="tool_use", id="t1", name="weather", input={}),
        added(2, "input_json_delta", partial_json='{"city": "Os'),
        typed("content_block_start", index=3, content_block="odd"),
        message_end("max_tokens"),
        MESSAGE_STOP,
    ]
    message = read(MessageReader({}, str), *body).last.message
    assert message is not None
    assert message["content"] == [
        {"type": "text", "text": "ab"},
        {"type": "text", "text": "x"},
        {**TOOL, "input": '{"city": "Os'},
    ]


def test_a_plain_message_that_uses_tools_bears_its_blocks() -> None:
    blocks = [{"type": "text", "text": "Let me see."}, TOOL]
    body = json.dumps({"content": blocks, "stop_reason": "tool_use"}).encode()
    last = read(MessageReader({}, str), body).last
    assert (last.text, last.message) == ("Let me see.", {"role": "assistant", "content": blocks})


def test_a_piece_of_a_tool_call_is_content_that_keeps_the_stream_alive() -> None:
    reader = MessageReader({}, str)
    list(reader.feed(MESSAGE_START + text_delta("Hi") + message_end("tool_use"), 1.0))
    assert reader.finished
    list(reader.feed(added(1, "input_json_delta", partial_json="{"), 1.0))
    assert (reader.finished, reader.heard) == (False, True)
