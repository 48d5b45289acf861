"""Who wants to know when a request is written is told, and can hold it back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from llmdash.llms.openai import ChatOpenAI
from llmdash.llms.transport.http import HttpClient
from llmdash.llms.transport.sending import SENDING
from tests.simulated import Simulated


async def test_a_request_is_announced_once_it_has_its_connection_and_may_be_held_back(
    simulator: Callable[..., Simulated],
) -> None:
    sim = simulator()
    client = HttpClient()
    llm = ChatOpenAI("sim-small", api_key=sim.keys[0], base_url=sim.base_url, client=client)
    announced: list[str] = []

    async def ask(text: str) -> str:
        def about_to_send() -> None:
            announced.append(text)
            if text == "held back":
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
