"""Streams of llmdash and the peers, run by the interpreter that has them.

`peer_streams.py PEER BASE_URL STREAMS TIMES` reads so many streams at once, and that so many times; it prints
JSON: chunks a second, and microseconds of processor time a chunk.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

PROMPT = 'Calculate 12 + 7 x 93 and answer in JSON: {"expression": "12 + 7 x 93", "result": ?}'
_MESSAGES = [{"role": "user", "content": PROMPT}]
_LIMIT = 1_000

Read = Callable[[], Awaitable[int]]
"""Reads one stream to its end; gives the number of its chunks that have text."""


@asynccontextmanager
async def llmdash(base_url: str) -> AsyncIterator[Read]:
    """`ChatOpenAI.astream` of llmdash."""
    library = importlib.import_module("llmdash.llms")
    model = library.ChatOpenAI(model="m", base_url=base_url, api_key="key-1")

    async def one() -> int:
        return sum([bool(chunk.content) async for chunk in model.astream(PROMPT)])

    yield one
    await model.aclose()


@asynccontextmanager
async def bare_httpx(base_url: str) -> AsyncIterator[Read]:
    """`httpx.AsyncClient`, the lines of its stream read as JSON."""
    import httpx

    limits = httpx.Limits(max_connections=_LIMIT, max_keepalive_connections=_LIMIT)
    async with httpx.AsyncClient(limits=limits, timeout=600, trust_env=False) as client:

        async def one() -> int:
            body = {"model": "m", "stream": True, "messages": _MESSAGES}
            count = 0
            async with client.stream("POST", f"{base_url}/chat/completions", json=body) as answer:
                async for line in answer.aiter_lines():
                    if line.startswith("data: {"):
                        count += "content" in json.loads(line[6:])["choices"][0]["delta"]
            return count

        yield one


@asynccontextmanager
async def openai_sdk(base_url: str) -> AsyncIterator[Read]:
    """`AsyncOpenAI` of the openai SDK with the transport it comes with."""
    from openai import AsyncOpenAI

    async with AsyncOpenAI(base_url=base_url, api_key="key-1", max_retries=0, timeout=600) as client:

        async def one() -> int:
            stream = await client.chat.completions.create(
                model="m", messages=[{"role": "user", "content": PROMPT}], stream=True
            )
            return sum([bool(chunk.choices and chunk.choices[0].delta.content) async for chunk in stream])

        yield one


@asynccontextmanager
async def langchain(base_url: str) -> AsyncIterator[Read]:
    """`ChatOpenAI.astream` of LangChain."""
    from langchain_openai import ChatOpenAI
    from pydantic import SecretStr

    model = ChatOpenAI(model="m", base_url=base_url, api_key=SecretStr("key-1"), max_retries=0)

    async def one() -> int:
        return sum([bool(chunk.content) async for chunk in model.astream(PROMPT)])

    yield one


@asynccontextmanager
async def litellm(base_url: str) -> AsyncIterator[Read]:
    """`acompletion` of litellm, as a stream."""
    library = importlib.import_module("litellm")

    async def one() -> int:
        stream = await library.acompletion(
            model="openai/m",
            messages=_MESSAGES,
            api_base=base_url,
            api_key="key-1",
            max_retries=0,
            stream=True,
        )
        return sum([bool(chunk.choices and chunk.choices[0].delta.content) async for chunk in stream])

    yield one


PEERS: dict[str, Callable[[str], AbstractAsyncContextManager[Read]]] = {
    "llmdash": llmdash,
    "httpx": bare_httpx,
    "openai": openai_sdk,
    "langchain": langchain,
    "litellm": litellm,
}


async def measured(peer: str, base_url: str, streams: int, times: int) -> dict[str, float]:
    """Chunks a second and microseconds of processor time a chunk, once connections are there."""
    chunks = 0
    async with PEERS[peer](base_url) as read:
        await asyncio.gather(*(read() for _ in range(streams)))
        cpu, wall = time.process_time(), time.perf_counter()
        for _ in range(times):
            chunks += sum(await asyncio.gather(*(read() for _ in range(streams))))
        cpu_s, wall_s = time.process_time() - cpu, time.perf_counter() - wall
    return {"rate": chunks / wall_s, "cpu_us": cpu_s / chunks * 1e6, "chunks": chunks}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(measured(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))))
