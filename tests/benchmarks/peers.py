"""The rivals, run by the interpreter that has them: `peers.py httpx|langchain BASE_URL COUNT` prints jobs a
second.
"""

from __future__ import annotations

import asyncio
import sys
import time

PROMPT = 'Calculate 12 + 7 x 93 and answer in JSON: {"expression": "12 + 7 x 93", "result": ?}'
IN_FLIGHT = 64


async def bare_httpx(base_url: str, count: int) -> None:
    """`httpx.AsyncClient`, 64 at a time behind a semaphore: without one, its pool brings it below 100 a
    second.
    """
    import httpx

    limits = httpx.Limits(max_connections=IN_FLIGHT, max_keepalive_connections=IN_FLIGHT)
    gate = asyncio.Semaphore(IN_FLIGHT)
    async with httpx.AsyncClient(limits=limits, timeout=600, trust_env=False) as client:

        async def one() -> str:
            async with gate:
                answer = await client.post(
                    f"{base_url}/chat/completions",
                    headers={"authorization": "Bearer key-1"},
                    json={"model": "m", "messages": [{"role": "user", "content": PROMPT}]},
                )
            return str(answer.json()["choices"][0]["message"]["content"])

        await asyncio.gather(*(one() for _ in range(count)))


async def langchain(base_url: str, count: int) -> None:
    """`ChatOpenAI.abatch` of LangChain, 64 at a time."""
    from langchain_openai import ChatOpenAI
    from pydantic import SecretStr

    model = ChatOpenAI(model="m", base_url=base_url, api_key=SecretStr("key-1"), max_retries=0)
    await model.abatch([PROMPT] * count, config={"max_concurrency": IN_FLIGHT})


async def timed(peer: str, base_url: str, count: int) -> float:
    """Jobs a second, after a few to warm up."""
    run = {"httpx": bare_httpx, "langchain": langchain}[peer]
    await run(base_url, 20)
    began = time.perf_counter()
    await run(base_url, count)
    return count / (time.perf_counter() - began)


if __name__ == "__main__":
    print(asyncio.run(timed(sys.argv[1], sys.argv[2], int(sys.argv[3]))))
