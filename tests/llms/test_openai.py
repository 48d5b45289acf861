"""Chat completions over a canned network: what is sent, and what is made of what comes back."""

from __future__ import annotations

from typing import Any

import pytest

from llmdash.llms.messages import Message, Usage
from llmdash.llms.openai import ChatOpenAI
from llmdash.llms.transport.http import HttpClient
from llmdash.llms.wire.failures import Failure, FailureKind
from tests.llms.canned import DONE, KEY, Canned, answer, chat, chunk, document, event, part, usage

WHOLE = answer(chunk(""), chunk("Hel"), chunk("lo"), chunk(finish="stop"), usage(5, 2), DONE)


async def failure_of(transport: Canned, **options: Any) -> Failure:
    with pytest.raises(Failure) as caught:
        await chat(transport, **options).ainvoke("hi")
    return caught.value


async def test_a_stream_becomes_text_reason_and_usage() -> None:
    generation = await chat(Canned(WHOLE)).ainvoke("hi")
    assert (generation.text, generation.finish_reason) == ("Hello", "stop")
    assert generation.usage == Usage(5, 2)


async def test_the_request_asks_for_a_stream_and_its_usage() -> None:
    transport = Canned(WHOLE)
    await chat(transport, temperature=0.5).ainvoke("hi", stop=["\n"], max_tokens=7, seed=None)
    assert transport.bodies() == [
        {
            "model": "m",
            "messages": [{"role": "user", "content": "hi"}],
            "temperature": 0.5,
            "max_tokens": 7,
            "stop": ["\n"],
            "stream": True,
            "stream_options": {"include_usage": True},
        }
    ]


async def test_the_headers_carry_the_key_and_refuse_compression() -> None:
    transport = Canned(WHOLE)
    await chat(transport).ainvoke("hi")
    headers = transport.requests[0].headers
    assert headers["authorization"] == f"Bearer {KEY}"
    assert headers["content-type"] == "application/json"
    assert headers["accept-encoding"] == "identity"


async def test_a_conversation_goes_out_as_it_is() -> None:
    transport = Canned(WHOLE)
    await chat(transport).ainvoke([Message("system", "be brief"), Message("user", "hi \N{SNOWMAN}")])
    assert transport.bodies()[0]["messages"] == [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": "hi \N{SNOWMAN}"},
    ]


@pytest.mark.parametrize("by_call", [True, False])
async def test_a_plain_answer_is_asked_for_without_a_word_of_streams(by_call: bool) -> None:
    told = {"choices": [{"message": {"content": "Hello"}, "finish_reason": "length"}]}
    transport = Canned(document({**told, "usage": {"prompt_tokens": 3, "completion_tokens": 1}}))
    llm = chat(transport, streaming=by_call)
    options: dict[str, Any] = {"stream": False} if by_call else {}
    generation = await llm.ainvoke("hi", **options)
    assert (generation.text, generation.finish_reason, generation.usage) == ("Hello", "length", Usage(3, 1))
    assert not {"stream", "stream_options"} & set(transport.bodies()[0])


@pytest.mark.parametrize(
    ("base_url", "asked"),
    [
        ("https://llm.test/v1", "https://llm.test/v1/chat/completions"),
        ("https://llm.test/v1/", "https://llm.test/v1/chat/completions"),
        ("https://llm.test", "https://llm.test/chat/completions"),
        ("https://llm.test/v1/chat/completions", "https://llm.test/v1/chat/completions"),
        ("https://llm.test/v1/chat/completions/", "https://llm.test/v1/chat/completions"),
        ("https://llm.test/d/x?api-version=1", "https://llm.test/d/x/chat/completions?api-version=1"),
    ],
)
async def test_a_base_url_may_be_written_in_many_ways(base_url: str, asked: str) -> None:
    transport = Canned(WHOLE)
    await chat(transport, base_url=base_url).ainvoke("hi")
    assert str(transport.requests[0].url) == asked


def test_key_and_base_url_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")
    assert ChatOpenAI().url == "http://127.0.0.1:1/v1/chat/completions"
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(ValueError, match="OPENAI_API_KEY"):
        ChatOpenAI()


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param([chunk("Hello"), chunk(finish="stop")], id="no [DONE]"),
        pytest.param([chunk("Hello"), DONE], id="no finish reason, but [DONE]"),
        pytest.param([chunk("Hello", "stop")], id="text and finish reason in one chunk"),
        pytest.param([b": ping\n\n", b"\n\n", b"", chunk("Hello", "stop")], id="pings and blank lines"),
        pytest.param([b"event: ping\ndata: {}\n\n", chunk("Hello", "stop")], id="an unknown event"),
        pytest.param([chunk("Hello", "stop"), b"data: {nonsense\n\n"], id="nonsense behind the end"),
        pytest.param([chunk("Hello"), DONE, b"data: {nonsense\n\n"], id="nonsense behind [DONE]"),
        pytest.param([chunk("Hello", "stop"), OSError("reset")], id="a reset behind the end"),
        pytest.param([event({"choices": []}), chunk("Hello", "stop")], id="empty choices first"),
        pytest.param([part(role="assistant"), chunk("Hello", "stop")], id="role alone first"),
        pytest.param([part(content=None), chunk("Hello", "stop")], id="content null"),
        pytest.param([part(content=[{"type": "text", "text": "Hello"}]), DONE], id="a list of parts"),
        pytest.param([part(refusal="Hello"), DONE], id="a refusal"),
        pytest.param([chunk("Hello", "stop", error=None), DONE], id="error null"),
        pytest.param([chunk("Hello", "stop", usage="many"), DONE], id="usage that is no usage"),
        pytest.param(
            [
                event(
                    {
                        "choices": [
                            {"index": n, "delta": {"content": text}} for n, text in ((1, "x"), (0, "Hello"))
                        ]
                    }
                ),
                chunk(finish="stop"),
            ],
            id="another candidate",
        ),
        pytest.param(
            [b'\xef\xbb\xbf{"choices": [{"message": {"content": "Hello"}}]}'], id="JSON, with a BOM"
        ),
        pytest.param([b" \n", b'{"choices": [{"message": ', b'{"content": "Hello"}}]}'], id="JSON in pieces"),
    ],
)
async def test_servers_differ_and_the_answer_is_the_same(pieces: list[bytes]) -> None:
    generation = await chat(Canned(answer(*pieces))).ainvoke("hi")
    assert generation.text == "Hello"
    assert generation.finish_reason in ("stop", None)


async def test_json_in_answer_to_a_stream_is_taken_whatever_its_content_type() -> None:
    body = {"choices": [{"message": {"content": "Hello"}, "finish_reason": "stop"}]}
    for kind in ("application/json", "text/event-stream", "text/plain"):
        transport = Canned(answer(event(body)[6:], content_type=kind))
        assert (await chat(transport).ainvoke("hi")).text == "Hello"


async def test_a_stream_labelled_json_is_still_a_stream() -> None:
    transport = Canned(answer(chunk("Hello", "stop"), content_type="application/json"))
    assert (await chat(transport).ainvoke("hi")).text == "Hello"


@pytest.mark.parametrize("usages", [[usage(5, 2)], [usage(5, 1), usage(5, 2)]])
async def test_the_last_usage_counts(usages: list[bytes]) -> None:
    generation = await chat(Canned(answer(chunk("x", "stop"), *usages, DONE))).ainvoke("hi")
    assert generation.usage == Usage(5, 2)


async def test_usage_beside_choices_is_taken() -> None:
    counts = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}
    generation = await chat(Canned(answer(chunk("x", "stop", usage=counts), DONE))).ainvoke("hi")
    assert generation.usage == Usage(5, 2)


@pytest.mark.parametrize("count", [-1, True, 1.5, "seven", "9" * 17, None, 2**60])
async def test_counts_that_are_none_are_no_usage(count: object) -> None:
    counts = {"prompt_tokens": 1, "completion_tokens": count}
    generation = await chat(Canned(answer(chunk("x", "stop", usage=counts), DONE))).ainvoke("hi")
    assert (generation.text, generation.usage) == ("x", None)


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
async def test_reasoning_is_content_but_not_text(name: str) -> None:
    llm = chat(Canned(answer(part(**{name: "hm"}), chunk("yes", "stop"))))
    deltas = [delta async for delta in llm.deltas("hi")]
    assert [delta.reasoning for delta in deltas] == ["hm", "", ""]
    assert deltas[0].has_content
    assert [delta.text async for delta in llm.astream("hi")] == ["yes", ""]


async def test_an_emoji_cut_in_two_by_the_server_is_joined() -> None:
    pieces = [
        b'data: {"choices":[{"delta":{"content":"%s"}}]}\n\n' % half for half in (rb"a\ud83d", rb"\ude00b")
    ]
    generation = await chat(Canned(answer(*pieces, DONE))).ainvoke("hi")
    assert generation.text == "a\N{GRINNING FACE}b"


async def test_half_an_emoji_that_stays_alone_becomes_a_replacement_character() -> None:
    pieces = [b'data: {"choices":[{"delta":{"content":"a\\ud83d"}}]}\n\n', chunk("b"), chunk(finish="stop")]
    generation = await chat(Canned(answer(*pieces))).ainvoke("hi")
    assert generation.text == "a\N{REPLACEMENT CHARACTER}b"


async def test_stream_options_are_dropped_once_a_server_refuses_them() -> None:
    refusal = document({"error": {"message": "Unknown argument: stream_options"}}, status=400)
    transport = Canned(refusal, WHOLE)
    client = HttpClient(transport=transport)
    for key in (KEY, KEY + "x"):
        llm = ChatOpenAI("m", api_key=key, base_url="https://llm.test/v1", client=client)
        assert (await llm.ainvoke("hi")).text == "Hello"
    assert ["stream_options" in body for body in transport.bodies()] == [True, False, False]


async def test_a_refusal_that_only_echoes_stream_options_is_raised_and_not_learned() -> None:
    """A server that repeats the whole request in its error must not cost the run its token counts."""
    refusal = document({"error": {"message": "bad model in {stream_options: ...}"}}, status=400)
    transport = Canned(refusal, refusal, WHOLE)
    llm = chat(transport)
    with pytest.raises(Failure) as caught:
        await llm.ainvoke("hi")
    assert caught.value.kind is FailureKind.REQUEST
    await llm.ainvoke("hi")
    assert ["stream_options" in body for body in transport.bodies()] == [True, False, True]


async def test_a_404_names_the_address_that_was_asked() -> None:
    failure = await failure_of(Canned(document({"detail": "Not Found"}, status=404)))
    assert failure.kind is FailureKind.REQUEST
    assert "https://llm.test/v1/chat/completions" in failure.message


async def test_a_redirect_is_not_followed_and_says_where_it_leads() -> None:
    transport = Canned(answer(status=301, location="https://other.test/v1"))
    failure = await failure_of(transport)
    assert failure.kind is FailureKind.CONFIG
    assert "https://other.test/v1" in failure.message
    assert len(transport.requests) == 1
