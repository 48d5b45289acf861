"""How long it takes to plan jobs into batches, and to take in their results: `python -m
tests.benchmarks.batch_plans [--jobs N] [--arrive] [--live N]`.

With `--live` that many other jobs are sent one by one meanwhile, at 50 a second, with batches and without.

The requests are those of the real service of OpenAI; nothing leaves the machine: its calls are answered here.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import statistics
import tempfile
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

from llmdash.engine.frames.run_facts import RunFacts
from llmdash.engine.model.batch_terms import BatchPace, BatchTerms
from llmdash.engine.model.commands import SendInBatches
from llmdash.engine.model.frame import Frame
from llmdash.engine.model.view import JobsView, View
from llmdash.engine.plan import RunPlan
from llmdash.engine.pool.member import Endpoint, Member
from llmdash.engine.session import LocalSession
from llmdash.llms.batches import (
    BatchAnswer,
    BatchDraft,
    BatchEnd,
    Batches,
    BatchListing,
    BatchStatus,
    FileListing,
)
from llmdash.llms.messages import Delta, PromptLike, Usage
from llmdash.llms.openai import ChatOpenAI
from llmdash.prompts.arithmetic import Arithmetic

_LOOK_S = 0.05
_RATE = 50.0
_QUICK = BatchPace(first_look=0.2, longest_look=0.2, search=(0.1, 0.2, 0.3))


class _Service:
    """The real service, but that its calls are answered here, at once; with `answers` batches end then."""

    takes_files = True
    names_batches = True
    counts_early = True

    def __init__(self, real: Batches, *, answers: bool) -> None:
        self._real = real
        self._answers = answers
        self._files: dict[str, Path] = {}
        self._batches: dict[str, BatchStatus] = {}
        self.limits = real.limits
        self.opening, self.separator, self.closing = real.opening, real.separator, real.closing

    def line(
        self, custom_id: str, prompt: PromptLike, stop: str | Sequence[str] | None, options: Mapping[str, Any]
    ) -> bytes:
        return self._real.line(custom_id, prompt, stop, options)

    def read(self, line: bytes) -> BatchAnswer:
        return self._real.read(line)

    def lines(self, file: Path) -> Iterator[bytes]:
        return self._real.lines(file)

    async def upload(self, file: Path, name: str) -> str:
        kept = file.with_suffix(".sent")
        kept.hardlink_to(file)
        self._files[name] = kept
        return name

    async def files(self, since: float | None = None) -> FileListing:
        return FileListing([])

    async def create(self, draft: BatchDraft) -> BatchStatus:
        status = BatchStatus(
            f"batch_{draft.name}",
            "in_progress",
            requests=draft.requests,
            created_at=time.time(),
            file_id=draft.file_id,
            name=draft.name,
        )
        self._batches[status.id] = status
        return status

    async def look(self, since: float | None = None) -> BatchListing:
        if self._answers:
            for batch_id, status in self._batches.items():
                self._batches[batch_id] = status._replace(
                    end=BatchEnd.COMPLETED, results=(status.file_id or "",)
                )
        return BatchListing(tuple(self._batches.values()), time.time())

    async def status(self, batch_id: str) -> BatchStatus:
        return self._batches[batch_id]

    async def cancel(self, batch_id: str) -> BatchStatus:
        return self._batches[batch_id]

    async def download(self, source: str, file: Path) -> None:
        await asyncio.to_thread(_answer, self._files[source], file)

    async def forget(self, status: BatchStatus) -> None:
        self._batches.pop(status.id, None)


def _answer(requests: Path, results: Path) -> None:
    with requests.open("rb") as asked, results.open("wb") as said:
        for line in asked:
            body = {
                "id": "chatcmpl-1",
                "object": "chat.completion",
                "model": "gpt-4o-mini",
                "choices": [
                    {
                        "index": 0,
                        "message": {"role": "assistant", "content": "2 + 3 x 4 = 14." * 20},
                        "finish_reason": "stop",
                    }
                ],
                "usage": {"prompt_tokens": 12, "completion_tokens": 9, "total_tokens": 21},
            }
            custom_id = json.loads(line)["custom_id"]
            response = {"status_code": 200, "request_id": "req_1", "body": body}
            record = {"id": "batch_req_1", "custom_id": custom_id, "response": response, "error": None}
            said.write(json.dumps(record).encode() + b"\n")


class _Model(ChatOpenAI):
    """A model whose first call, too, is answered here."""

    answers = False
    sent: ClassVar[list[float]] = []
    """When each live request was sent."""

    async def _astream(self, prompt: Any, **options: Any) -> AsyncGenerator[Delta, None]:
        self.sent.append(time.perf_counter())
        yield Delta("14", finish_reason="stop", usage=Usage(12, 1))

    def batches(self) -> Any:
        real = super().batches()
        assert real is not None
        return _Service(real, answers=self.answers)


def _plan(folder: Path, jobs: int, *, answers: bool, live: int = 0) -> RunPlan:
    source = Arithmetic(jobs + live)

    @asynccontextmanager
    async def connect() -> AsyncIterator[list[Member]]:
        model = _Model(api_key="sk-benchmark-000000", base_url="http://127.0.0.1:9/v1")
        model.answers = answers
        yield [Member(model, "k0", Endpoint("openai"))]

    terms = BatchTerms(all_pending=not live, leaves=not answers, pace=_QUICK)
    facts = RunFacts("arithmetic", "gpt-4o-mini", "openai", 1)
    rate = _RATE if live else None
    return RunPlan(source, connect, folder, facts, rate=rate, concurrency=64, batch=terms)


def _frame(session: LocalSession) -> Frame:
    return session.frame(View(jobs=JobsView(height=30)))


def _paced(live: int, batched: int) -> dict[str, Any]:
    """Send `live` jobs one by one, at a rate, while others go out in batches and come back."""
    _Model.sent.clear()
    with tempfile.TemporaryDirectory() as folder:
        session = LocalSession(_plan(Path(folder), batched, answers=True, live=live))
        session.start()
        if batched:
            session.command(SendInBatches(tuple(range(live, live + batched))))
        while session.alive:
            _frame(session)
            time.sleep(_LOOK_S)
        session.join()
        if session.crash is not None:
            raise session.crash
        gaps = sorted(later - before for before, later in pairwise(_Model.sent[1:live]))
        return {
            "live": live,
            "batched": batched,
            "done": _frame(session).run.done,
            "a_second": round(1 / statistics.fmean(gaps), 3),
            "gap_p99_ms": round(gaps[int(0.99 * len(gaps))] * 1000, 1),
            "gap_max_ms": round(gaps[-1] * 1000, 1),
        }


def main() -> None:
    """Print the seconds, the cost a job and the memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=100_000)
    parser.add_argument("--arrive", action="store_true", help="let the results arrive, too")
    parser.add_argument("--live", type=int, default=0, help="jobs that are sent one by one meanwhile")
    asked = parser.parse_args()
    if asked.live:
        for batched in (0, asked.jobs):
            print(json.dumps(_paced(asked.live, batched)))
        return
    with tempfile.TemporaryDirectory() as folder:
        session = LocalSession(_plan(Path(folder), asked.jobs, answers=asked.arrive))
        began = time.perf_counter()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        session.start()
        planned = None
        while session.alive:
            frame = _frame(session)
            if planned is None and frame.batches and sum(row.jobs for row in frame.batches) >= asked.jobs - 1:
                planned = time.perf_counter() - began
            time.sleep(_LOOK_S)
        session.join()
        if session.crash is not None:
            raise session.crash
        took, frame = time.perf_counter() - began, _frame(session)
        used = resource.getrusage(resource.RUSAGE_SELF)
        print(
            json.dumps(
                {
                    "jobs": asked.jobs,
                    "batches": len(frame.batches),
                    "planned_s": None if planned is None else round(planned, 2),
                    "all_s": round(took, 2),
                    "done": frame.run.done,
                    "cpu_us_a_job": round((used.ru_utime + used.ru_stime) / asked.jobs * 1e6, 1),
                    "memory_mb": round((used.ru_maxrss - before) / 1024, 1),
                }
            )
        )


if __name__ == "__main__":
    main()
