"""Who wants to know when a request is written is told, and can hold it back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from llmdash.llms.openai import ChatOpenAI
from llmdash.llms.transport.http import HttpClient
from llmdash.llms.transport.sending import SENDING
from tests.arrivals import arrivals
from tests.simulated import Simulated
from tests.waiting import wait_for


async def test_a_request_is_announced_when_it_is_written_and_may_be_held_back(
    simulator: Callable[..., Simulated],
) -> None:
    sim = simulator()
    client = HttpClient()
    llm = ChatOpenAI("sim-small", api_key=sim.keys[0], base_url=sim.base_url, client=client)
    announced: list[str] = []

    async def ask(text: str) -> str:
        asking = asyncio.current_task()
        assert asking is not None

        def about_to_send() -> None:
            announced.append(text)
            if text == "held back":
                asking.cancel()
                raise asyncio.CancelledError

        SENDING.set(about_to_send)
        return "".join([delta.text async for delta in llm.deltas(text)])

    try:
        assert await asyncio.create_task(ask("one"))
        with pytest.raises(asyncio.CancelledError):
            await asyncio.create_task(ask("held back"))
        assert await asyncio.create_task(ask("two"))
        assert "".join([delta.text async for delta in llm.deltas("nobody asks")])
    finally:
        await client.aclose()
    assert announced == ["one", "held back", "two"]
    assert sim.stats()["by_key"][sim.keys[0]]["ok"] == 3
    assert llm.says_when_sent


async def test_of_many_requests_at_once_each_is_written_before_the_next_is_announced() -> None:
    """A worker that is stopped between the two sends one request too late, not a batch of them."""
    client, announced = HttpClient(), 0
    with arrivals(0.0) as server:
        llm = ChatOpenAI("m", api_key="k", base_url=server.base_url, client=client)

        def about_to_send() -> None:
            nonlocal announced
            wait_for(lambda: len(server.times) == announced, f"{announced} requests")
            announced += 1

        SENDING.set(about_to_send)
        try:
            for _ in range(2):  # on new connections, and on those
                await asyncio.gather(*[llm.ainvoke("?", stream=False) for _ in range(8)])
        finally:
            await client.aclose()
    assert announced == len(server.times) == 16
