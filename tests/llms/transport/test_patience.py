"""How long the first byte and the first content are waited for, and what is said of a longer call."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest

from llmdash.llms import ChatOpenAI, Failure, FailureKind
from llmdash.llms.transport.http import HttpClient
from llmdash.llms.transport.timeouts import Timeouts
from tests.engine.virtual_time import now, virtual_time
from tests.llms.canned import DONE, KEY, Canned, answer, chunk
from tests.llms.raw_server import overrun, raw_server, send_and_stall, serving
from tests.llms.transport.held_clock import HeldClock
from tests.llms.wire.refusals import SPEECH

PING = b": ping\n\n"


class Late(httpx.AsyncBaseTransport):
    """Takes `head_s` for the headers, then sends the pieces of a Canned answer, with waits between them."""

    def __init__(self, head_s: float, *pieces: bytes | float) -> None:
        self._head_s = head_s
        self._canned = Canned(answer(*pieces))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(self._head_s)
        return await self._canned.handle_async_request(request)


async def ask(dialect: str, transport: httpx.AsyncBaseTransport, limits: Timeouts, **settings: Any) -> str:
    client = HttpClient(timeouts=limits, transport=transport)
    found = await SPEECH[dialect].make(transport, client=client, **settings).agenerate(["hi"])
    return found.generations[0][0].text


def stream(dialect: str) -> tuple[bytes, ...]:
    speech = SPEECH[dialect]
    return speech.before, speech.piece("Hello"), speech.after


@pytest.mark.case("wire", "slow-first")
@pytest.mark.parametrize("dialect", list(SPEECH))
@pytest.mark.parametrize(
    ("settings", "patience"),
    [
        ({}, 120.0),
        ({"streaming": False}, 600.0),
        ({"reasoning_effort": "low"}, 600.0),
        ({"reasoning": {"effort": "high"}}, 600.0),
        ({"thinking": {"type": "enabled", "budget_tokens": 9}}, 600.0),
        ({"enable_thinking": True}, 600.0),
        ({"reasoning_effort": "none"}, 120.0),
        ({"thinking": {"type": "disabled"}}, 120.0),
        ({"enable_thinking": False}, 120.0),
    ],
)
def test_the_first_byte_is_waited_for_longer_where_all_the_work_comes_before_it(
    dialect: str, settings: dict[str, Any], patience: float
) -> None:
    @virtual_time
    async def scenario() -> None:
        limits = Timeouts(total=3600.0)
        whole = (json.dumps(SPEECH[dialect].document("Hello")).encode(),)
        pieces = stream(dialect) if settings.get("streaming", True) else whole
        assert await ask(dialect, Late(patience - 1.0, *pieces), limits, **settings) == "Hello"
        began = now()
        with pytest.raises(Failure) as caught:
            await ask(dialect, Late(patience + 1.0, *pieces), limits, **settings)
        assert now() - began == pytest.approx(patience, abs=0.51)
        assert caught.value.kind is FailureKind.TRANSIENT
        assert caught.value.may_be_billed
        assert caught.value.message == f"no answer within {patience:g} s; more time: first_byte_timeout"

    scenario()


@pytest.mark.case("wire", "slow-first")
@pytest.mark.parametrize("settings", [{}, {"streaming": False}])
def test_a_time_that_is_set_holds_for_all(settings: dict[str, Any]) -> None:
    @virtual_time
    async def scenario() -> None:
        with pytest.raises(Failure, match="no answer within 300 s; more time: first_byte_timeout"):
            await ask("chat", Late(301.0), Timeouts(first_byte=300.0), **settings)

    scenario()


@virtual_time
async def test_where_the_total_is_the_limit_the_message_names_it_too() -> None:
    names = "first_byte_timeout and total_timeout"
    with pytest.raises(Failure, match=f"no answer within 600 s; more time: {names}"):
        await ask("chat", Late(601.0), Timeouts(), streaming=False)
    with pytest.raises(Failure, match="no answer within 50 s; more time: total_timeout"):
        await ask("chat", Late(601.0), Timeouts(total=50.0))


@pytest.mark.parametrize("ping", [PING, b"\n", b" "])
def test_pings_keep_the_wait_for_the_first_content_alive(ping: bytes) -> None:
    @virtual_time
    async def scenario() -> None:
        pings: list[bytes | float] = [50.0, ping] * 10
        assert await ask("chat", Late(1.0, *pings, *stream("chat")), Timeouts()) == "Hello"
        document = json.dumps(SPEECH["chat"].document("Hello")).encode()
        if ping != PING:
            assert await ask("chat", Late(1.0, *pings, document), Timeouts(), streaming=False) == "Hello"
        with pytest.raises(Failure, match="no end within 600 s") as caught:
            await ask("chat", Late(1.0, *pings, *pings, *stream("chat")), Timeouts())
        assert caught.value.may_be_billed

    scenario()


@virtual_time
async def test_pings_that_end_leave_the_time_of_a_stall() -> None:
    began = now()
    with pytest.raises(Failure, match="stalled"):
        await ask("chat", Late(1.0, 100.0, PING, 50.0, PING, 1e6), Timeouts())
    assert now() - began == pytest.approx(1.0 + 100.0 + 50.0 + 60.0, abs=0.51)


@virtual_time
async def test_after_the_first_content_pings_count_for_nothing() -> None:
    began = now()
    pings: list[bytes | float] = [9.0, PING] * 60
    with pytest.raises(Failure, match="stalled: no content for 60 s") as caught:
        await ask("chat", Late(1.0, chunk("Hel"), *pings, DONE), Timeouts())
    assert now() - began == pytest.approx(1.0 + 60.0, abs=0.51)
    assert not caught.value.may_be_billed


async def failure_at(
    base_url: str, limits: Timeouts, prompt: str = "hi", client: HttpClient | None = None
) -> Failure:
    client = client or HttpClient(timeouts=limits)
    try:
        with pytest.raises(Failure) as caught:
            await ChatOpenAI("m", api_key=KEY, base_url=base_url, client=client, max_retries=0).ainvoke(
                prompt
            )
        return caught.value
    finally:
        await client.aclose()


@pytest.mark.case("wire", "slow-first")
async def test_what_was_sent_whole_may_be_billed() -> None:
    limits = Timeouts(first_byte=0.5)
    for prompt in ("hi", "x" * 1_000_000):
        clock = HeldClock()
        async with raw_server(clock.go_on_with(send_and_stall(b""))) as server:
            failure = await failure_at(server.base_url, limits, prompt, clock.client(limits))
            assert "no answer" in failure.message
            assert failure.may_be_billed


@pytest.mark.case("wire", "slow-first")
async def test_what_was_not_sent_is_not_billed() -> None:
    async def accept_and_read_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reader._transport.pause_reading()  # type: ignore[attr-defined]
        await asyncio.sleep(0.5)

    async with serving(accept_and_read_nothing) as port:
        failure = await failure_at(f"http://127.0.0.1:{port}/v1", Timeouts(first_byte=0.2), "x" * 40_000_000)
    assert (failure.kind, failure.may_be_billed) == (FailureKind.TRANSIENT, False)


@pytest.mark.parametrize("limits", [Timeouts(connect=0.05), Timeouts(connect=10.0, first_byte=0.05)])
async def test_a_connection_that_was_not_made_bills_nothing(limits: Timeouts) -> None:
    with overrun() as port:
        failure = await failure_at(f"http://127.0.0.1:{port}/v1", limits)
    assert (failure.kind, failure.may_be_billed) == (FailureKind.TRANSIENT, False)
