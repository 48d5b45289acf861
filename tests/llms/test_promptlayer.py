"""Every answer is reported once, and a report that fails costs nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, cast

import httpx
import pytest

from llmdash.llms.promptlayer import PromptLayerChatOpenAI, PromptLayerOpenAI
from llmdash.llms.transport.http import HttpClient
from llmdash.llms.wire.failures import Failure
from tests.llms.canned import KEY, Body, Canned, answer, document
from tests.llms.models import ANSWER, QUESTION
from tests.llms.wire.wires import WIRES
from tests.simulated import Simulated

PL_KEY = "pl-canary-0123456789abcdef"
SAID = answer(*WIRES["completions"].stream)


def model(transport: httpx.AsyncBaseTransport, **settings: Any) -> PromptLayerOpenAI:
    settings = {"max_retries": 0, "return_pl_id": True, "promptlayer_base_url": "https://pl.test", **settings}
    return PromptLayerOpenAI(
        "m",
        api_key=KEY,
        base_url="https://llm.test/v1",
        promptlayer_api_key=PL_KEY,
        client=HttpClient(transport=transport),
        **settings,
    )


async def test_a_report_tells_of_the_call_and_its_answer() -> None:
    transport = Canned(SAID, document({"success": True, "request_id": 7}))
    llm = model(transport, pl_tags=["a", "b"], temperature=0.5)
    found = (await llm.agenerate(["hi"], stop=["x"])).generations[0][0]
    assert found.generation_info == {"finish_reason": "stop", "pl_request_id": 7}
    assert str(transport.requests[1].url) == "https://pl.test/track-request"
    report = transport.bodies()[1]
    begun, ended = report.pop("request_start_time"), report.pop("request_end_time")
    assert ended >= begun > 1e9
    assert report.pop("request_response").pop("created") > 1e9
    assert report == {
        "function_name": "openai.OpenAI.completions.create",
        "provider_type": "openai",
        "args": [],
        "kwargs": {"model": "m", "prompt": "hi", "temperature": 0.5, "max_tokens": 256, "stop": ["x"]},
        "tags": ["a", "b"],
        "metadata": {},
        "api_key": PL_KEY,
    }


async def test_the_key_of_the_model_goes_to_its_own_server_only() -> None:
    transport = Canned(SAID, document({"request_id": 7}))
    await model(transport).ainvoke("hi")
    told = str(transport.requests[1].headers) + transport.requests[1].content.decode()
    assert KEY not in told
    assert PL_KEY not in str(transport.requests[0].headers) + transport.requests[0].content.decode()


async def test_the_report_comes_behind_all_chunks() -> None:
    transport = Canned(SAID, document({"request_id": 7}))
    requests = [len(transport.requests) async for delta in model(transport).deltas("hi") if delta.text]
    assert (requests, len(transport.requests)) == ([1, 1], 2)


@pytest.mark.parametrize(
    ("reply", "word"),
    [
        (document({"success": False, "message": f"no {PL_KEY}"}, status=500), "500"),
        (document({"message": "who?"}, status=401), "who?"),
        (answer(status=302, location="https://elsewhere.test"), "redirects"),
        (answer(b"<html>", status=502), "HTML"),
    ],
)
async def test_a_report_that_fails_is_counted_and_fails_nothing(
    reply: Callable[[], httpx.Response], word: str
) -> None:
    llm = model(Canned(SAID, reply))
    (found,) = (await llm.agenerate(["hi"])).generations[0]
    assert (found.text, found.flags) == ("Hello", ("unreported",))
    assert (llm.reports.sent, llm.reports_failed) == (1, 1)
    assert word in str(llm.reports.last_error)
    assert "https://pl.test/track-request" in str(llm.reports.last_error)
    assert PL_KEY not in str(llm.reports.last_error)


class Unreachable(Canned):
    """Its first request is answered, the others find nobody."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.requests:
            raise httpx.ConnectError("nobody there")
        return await super().handle_async_request(request)


async def test_a_promptlayer_that_is_not_there_fails_nothing() -> None:
    llm = model(Unreachable(SAID))
    found = (await llm.agenerate(["hi"])).generations[0][0]
    assert (found.text, found.generation_info) == ("Hello", {"finish_reason": "stop"})
    assert (llm.reports_failed, "nobody there" in str(llm.reports.last_error)) == (1, True)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"nonsense", b"[" * 70_000])
async def test_a_reply_without_a_number_gives_none(body: bytes) -> None:
    llm = model(Canned(SAID, answer(body)))
    found = (await llm.agenerate(["hi"])).generations[0][0]
    assert found.generation_info == {"finish_reason": "stop"}


async def test_what_was_odd_about_an_answer_stays_known_where_its_report_fails() -> None:
    cut = answer(*(piece.replace(b'"stop"', b'"length"') for piece in WIRES["completions"].stream))
    llm = model(Canned(cut, answer(status=500)))
    assert [delta.flags async for delta in llm.deltas("hi") if delta.flags][-1] == ("length", "unreported")


async def test_a_call_that_fails_is_not_reported() -> None:
    transport = Canned(document({"error": {"message": "no"}}, status=400))
    llm = model(transport)
    with pytest.raises(Failure):
        await llm.ainvoke("hi")
    assert (len(transport.requests), llm.reports.sent) == (1, 0)


async def test_a_stream_that_is_left_early_is_closed_and_not_reported() -> None:
    transport = Canned(SAID)
    stream = model(transport).astream("hi")
    assert await anext(stream) == "Hel"
    await stream.aclose()
    assert len(transport.requests) == 1
    assert cast("Body", transport.given[0].stream).closed


def test_key_and_address_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROMPTLAYER_API_KEY", PL_KEY)
    monkeypatch.setenv("PROMPTLAYER_BASE_URL", "http://127.0.0.1:1/")
    assert PromptLayerOpenAI(api_key=KEY).reports.url == "http://127.0.0.1:1/track-request"
    monkeypatch.delenv("PROMPTLAYER_BASE_URL")
    assert PromptLayerChatOpenAI(api_key=KEY).reports.url == "https://api.promptlayer.com/track-request"
    monkeypatch.delenv("PROMPTLAYER_API_KEY")
    with pytest.raises(ValueError, match="give promptlayer_api_key, or set PROMPTLAYER_API_KEY"):
        PromptLayerOpenAI(api_key=KEY)


def test_the_simulator_takes_the_reports_of_both(simulator: Callable[..., Simulated]) -> None:
    simulated = simulator()
    settings: dict[str, Any] = {
        "api_key": simulated.keys[0],
        "base_url": simulated.base_url,
        "promptlayer_api_key": PL_KEY,
        "promptlayer_base_url": simulated.root,
    }
    for kind in (PromptLayerOpenAI, PromptLayerChatOpenAI):
        llm = kind("sim-small", **settings)
        assert llm.generate([QUESTION]).generations[0][0].text == ANSWER
        assert (llm.reports.sent, llm.reports_failed, llm.reports.last_error) == (1, 0, None)
    reports = simulated.fetch("/__sim__/tracked").json["reports"]
    assert [report["function_name"] for report in reports] == [
        "openai.OpenAI.completions.create",
        "openai.OpenAI.chat.completions.create",
    ]
    assert all(ANSWER in json.dumps(report["request_response"]) for report in reports)
