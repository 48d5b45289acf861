"""The way of the OpenAI cookbook's parallel processor: one loop that starts a request whenever its two token
buckets allow, an aiohttp session, results appended to a file.

`cookbook.py BASE_URL COUNT FOLDER` prints JSON as `peer_batches.py` does. Written anew in that way: a pause
of a millisecond each time round, no bound on what is in flight, retries from a queue. Tokens are estimated
from letters, as a tokenizer would have to be fetched.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

PROMPT = 'Calculate 12 + 7 x 93 and answer in JSON: {"expression": "12 + 7 x 93", "result": ?}'
_PAUSE_S = 0.001
_A_MINUTE = 60_000_000.0
_ATTEMPTS = 5


@dataclass
class Bucket:
    """What may be spent, refilled up to `a_minute` in a minute."""

    a_minute: float
    left: float
    filled_at: float

    def refill(self, now: float) -> None:
        self.left = min(self.a_minute, self.left + self.a_minute * (now - self.filled_at) / 60)
        self.filled_at = now


@dataclass
class Request:
    """A line of the file, and what it will take."""

    body: dict[str, Any]
    tokens: int
    attempts_left: int = _ATTEMPTS


def _requests(path: Path) -> Iterator[Request]:
    with path.open() as file:
        for line in file:
            body = json.loads(line)
            yield Request(body, sum(len(each["content"]) for each in body["messages"]) // 4)


class Processor:
    """Sends all requests of a file."""

    def __init__(self, url: str, results: Path) -> None:
        self._url, self._results = url, results
        self._again: deque[Request] = deque()

    async def process(self, requests: Iterator[Request]) -> None:
        """Return once each of them is answered, or given up."""
        now = time.monotonic()
        calls, tokens = Bucket(_A_MINUTE, _A_MINUTE, now), Bucket(_A_MINUTE, _A_MINUTE, now)
        waiting: Request | None = None
        tasks: set[asyncio.Task[None]] = set()
        async with aiohttp.ClientSession() as session:
            while True:
                if waiting is None:
                    waiting = self._again.popleft() if self._again else next(requests, None)
                if waiting is None and not tasks:
                    return
                now = time.monotonic()
                calls.refill(now)
                tokens.refill(now)
                if waiting is not None and calls.left >= 1 and tokens.left >= waiting.tokens:
                    calls.left -= 1
                    tokens.left -= waiting.tokens
                    task = asyncio.create_task(self._call(session, waiting))
                    tasks.add(task)
                    task.add_done_callback(tasks.discard)
                    waiting = None
                await asyncio.sleep(_PAUSE_S)

    async def _call(self, session: aiohttp.ClientSession, request: Request) -> None:
        headers = {"authorization": "Bearer key-1"}
        try:
            async with session.post(self._url, headers=headers, json=request.body) as answer:
                found = await answer.json()
        except aiohttp.ClientError as error:
            found = {"error": str(error)}
        if "error" in found and request.attempts_left:
            request.attempts_left -= 1
            self._again.append(request)
            return
        with self._results.open("a") as file:
            file.write(json.dumps([request.body, found]) + "\n")


async def measured(base_url: str, count: int, folder: Path) -> dict[str, float]:
    """Jobs a second over `count` of them and microseconds of processor time a job."""
    prompts, results = folder / "requests.jsonl", folder / "results.jsonl"
    results.unlink(missing_ok=True)
    line = json.dumps({"model": "m", "messages": [{"role": "user", "content": PROMPT}]}) + "\n"
    prompts.write_text(line * count)
    cpu, wall = time.process_time(), time.perf_counter()
    await Processor(f"{base_url}/chat/completions", results).process(_requests(prompts))
    cpu_s, wall_s = time.process_time() - cpu, time.perf_counter() - wall
    with results.open() as file:
        answered = sum("choices" in json.loads(line)[1] for line in file)
    if answered != count:
        raise RuntimeError(f"{answered} answers to {count} requests")
    return {"rate": count / wall_s, "cpu_us": cpu_s / count * 1e6}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(measured(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])))))
