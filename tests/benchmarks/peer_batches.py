"""Batches of the peers, run by the interpreter that has them.

`peer_batches.py PEER BASE_URL COUNT IN_FLIGHT` prints JSON: jobs a second, and microseconds of processor time
a job.
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
IN_FLIGHT = 64
WARM_UP = 500  # until then the pool of httpx, full of idle connections, is several times slower
_MESSAGES = [{"role": "user", "content": PROMPT}]

Batch = Callable[[int], Awaitable[object]]
"""Asks so many times and waits for every answer."""


@asynccontextmanager
async def bare_httpx(base_url: str, in_flight: int) -> AsyncIterator[Batch]:
    """`httpx.AsyncClient`, so many at a time behind a semaphore: without one, its pool brings it below 100 a
    second.
    """
    import httpx

    limits = httpx.Limits(max_connections=in_flight, max_keepalive_connections=in_flight)
    gate = asyncio.Semaphore(in_flight)
    async with httpx.AsyncClient(limits=limits, timeout=600, trust_env=False) as client:

        async def one() -> str:
            async with gate:
                answer = await client.post(
                    f"{base_url}/chat/completions",
                    headers={"authorization": "Bearer key-1"},
                    json={"model": "m", "messages": _MESSAGES},
                )
            return str(answer.json()["choices"][0]["message"]["content"])

        yield lambda count: asyncio.gather(*(one() for _ in range(count)))


@asynccontextmanager
async def openai_sdk(base_url: str, in_flight: int) -> AsyncIterator[Batch]:
    """`AsyncOpenAI` of the openai SDK with the transport it comes with, behind a semaphore."""
    from openai import AsyncOpenAI

    gate = asyncio.Semaphore(in_flight)
    async with AsyncOpenAI(base_url=base_url, api_key="key-1", max_retries=0, timeout=600) as client:

        async def one() -> str | None:
            async with gate:
                answer = await client.chat.completions.create(
                    model="m", messages=[{"role": "user", "content": PROMPT}]
                )
            return answer.choices[0].message.content

        yield lambda count: asyncio.gather(*(one() for _ in range(count)))


@asynccontextmanager
async def langchain(base_url: str, in_flight: int) -> AsyncIterator[Batch]:
    """`ChatOpenAI.abatch` of LangChain, which bounds how many are in flight."""
    from langchain_openai import ChatOpenAI
    from pydantic import SecretStr

    model = ChatOpenAI(model="m", base_url=base_url, api_key=SecretStr("key-1"), max_retries=0)
    yield lambda count: model.abatch([PROMPT] * count, config={"max_concurrency": in_flight})


@asynccontextmanager
async def litellm(base_url: str, in_flight: int) -> AsyncIterator[Batch]:
    """`acompletion` of litellm, behind a semaphore."""
    library = importlib.import_module("litellm")
    gate = asyncio.Semaphore(in_flight)

    async def one() -> object:
        async with gate:
            answer = await library.acompletion(
                model="openai/m", messages=_MESSAGES, api_base=base_url, api_key="key-1", max_retries=0
            )
        return answer.choices[0].message.content

    yield lambda count: asyncio.gather(*(one() for _ in range(count)))


PEERS: dict[str, Callable[[str, int], AbstractAsyncContextManager[Batch]]] = {
    "httpx": bare_httpx,
    "openai": openai_sdk,
    "langchain": langchain,
    "litellm": litellm,
}


async def measured(peer: str, base_url: str, count: int, in_flight: int) -> dict[str, float]:
    """Jobs a second over `count` of them and microseconds of processor time a job, once warm."""
    async with PEERS[peer](base_url, in_flight) as batch:
        await batch(WARM_UP)
        cpu, wall = time.process_time(), time.perf_counter()
        await batch(count)
        cpu_s, wall_s = time.process_time() - cpu, time.perf_counter() - wall
    return {"rate": count / wall_s, "cpu_us": cpu_s / count * 1e6}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(measured(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))))
