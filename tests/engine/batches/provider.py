"""A batch service in memory: it loses answers, lags, refuses and tampers as a test says, and counts."""

from __future__ import annotations

import asyncio
import errno
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from llmdash.engine.model.batch_terms import BatchPace, BatchTerms
from llmdash.engine.plan import RunPlan
from llmdash.engine.pool.member import Endpoint, Member
from llmdash.llms.batches import (
    BatchAnswer,
    BatchDraft,
    BatchEnd,
    BatchLimits,
    BatchListing,
    BatchStatus,
    FileListing,
    FileStatus,
)
from llmdash.llms.messages import Delta, PromptLike, Usage, as_messages, text_of
from llmdash.llms.wire.failures import Failure, FailureKind
from llmdash.prompts.source import PromptList
from tests.engine.scripted import ScriptedLLM, Server, plan

QUICK = BatchPace(
    first_look=0.02,
    growth=1.0,
    longest_look=0.02,
    search=(0.02, 0.06, 0.12),
    fresh=0.2,
    cancelling=0.3,
    again=0.01,
    longest_again=0.05,
    full=0.05,
)
"""Patience by the hundredth of a second."""


def lost() -> Failure:
    return Failure(FailureKind.TRANSIENT, "the connection was cut")


def refused(status: int, message: str, kind: FailureKind = FailureKind.REQUEST, code: str = "") -> Failure:
    return Failure(kind, message, status=status, code=code or None)


@dataclass
class HeldBatch:
    """What the provider has of a batch: its requests by their ids, and what became of it."""

    status: BatchStatus
    requests: dict[str, str]
    listed_at: float = 0.0
    lines: list[dict[str, Any]] = field(default_factory=list)


class Provider:
    """The provider's side, whichever key asks. A batch is answered at the second look at it; `stuck` ones
    never, `in_vain` ones go on although they are cancelled.
    """

    def __init__(self, *, takes_files: bool = True) -> None:
        self.takes_files = takes_files
        self.limits = BatchLimits(50_000, 10_000_000, 86_400.0, 1_000_000.0)
        self.files: dict[str, tuple[FileStatus, dict[str, str]]] = {}
        self.batches: dict[str, HeldBatch] = {}
        self.executed: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()
        self.lost: list[str] = []
        """Calls whose next answer is lost, once for each time that they are in it."""
        self.refusals: list[tuple[str, Failure]] = []
        """Calls that are refused next, in this order."""
        self.answers_live = True
        self.keeps_names = True
        """Whether it tells the names of batches, and not only their files."""
        self.lag_s = self.file_lag_s = self.forget_s = 0.0
        self.stuck = self.in_vain = False
        self.keeps_expired = True
        """Whether there are results of a batch that expires."""
        self.share = 1.0
        """How many of the requests are carried out until a batch expires."""
        self.tamper: Callable[[list[dict[str, Any]]], list[dict[str, Any]]] = lambda lines: lines
        self.blank_downloads = 0
        """How many of the first results have nothing in them."""
        self.forgotten: list[str] = []
        self.unreadable_from: int | None = None
        """From which line on the results cannot be read, the next time."""
        self.file_listed_at: dict[str, float] = {}

    def called(self, name: str) -> None:
        self.calls[name] += 1
        if self.refusals and self.refusals[0][0] == name:
            raise self.refusals.pop(0)[1]

    def answered(self, name: str) -> None:
        if name in self.lost:
            self.lost.remove(name)
            raise lost()

    def create(self, requests: dict[str, str], name: str | None, file_id: str | None) -> BatchStatus:
        number = len(self.batches) + 1
        now = time.time()
        status = BatchStatus(
            f"batch_{number}",
            "in_progress",
            requests=len(requests),
            created_at=now,
            expires_at=now + 86_400,
            name=name,
            file_id=file_id,
        )
        self.batches[status.id] = HeldBatch(status, requests, time.monotonic() + self.lag_s)
        return status

    def go_on(self, held: HeldBatch) -> BatchStatus:
        """Let a batch go on as far as it does between two looks."""
        status = held.status
        if status.end is not BatchEnd.NOT_YET:
            return status
        if status.is_cancelling and not self.in_vain:
            self._end(held, BatchEnd.CANCELLED, 0 if self.stuck else len(held.requests) // 2)
        elif status.done is not None and not self.stuck:
            count = round(len(held.requests) * self.share)
            self._end(held, BatchEnd.COMPLETED if self.share == 1.0 else BatchEnd.EXPIRED, count)
        else:
            held.status = status._replace(done=0, failed=0)
        return held.status

    def finish(self) -> None:
        """Let what is stuck end now."""
        self.stuck = self.in_vain = False

    def _end(self, held: HeldBatch, end: BatchEnd, count: int) -> None:
        for number, (custom_id, prompt) in enumerate(held.requests.items()):
            if number < count:
                self.executed[prompt] += 1
                held.lines.append({"id": custom_id, "text": f"re: {prompt}"})
            else:
                held.lines.append({"id": custom_id, "ran": False})
        done = sum("text" in line for line in held.lines)
        held.lines = self.tamper(held.lines)
        results = (held.status.id,) if self.keeps_expired or end is not BatchEnd.EXPIRED else ()
        held.status = held.status._replace(
            end=end, word=end.value, done=done, failed=0, ended_at=time.time(), results=results
        )


class ScriptedService:
    """The service as one key uses it."""

    names_batches: bool
    opening = b"["
    separator = b"\n"
    closing = b"]"

    def __init__(self, provider: Provider, key: str) -> None:
        self._provider = provider
        self._key = key
        self.limits = provider.limits
        self.takes_files = provider.takes_files
        self.names_batches = provider.takes_files
        self.answers_live = provider.answers_live

    def line(
        self, custom_id: str, prompt: PromptLike, stop: str | Sequence[str] | None, options: Mapping[str, Any]
    ) -> bytes:
        if options.get("stream"):
            raise Failure(FailureKind.REQUEST, "stream: a batch has none")
        text = text_of(as_messages(prompt)[-1])
        return json.dumps({"id": custom_id, "prompt": text}).encode()

    def read(self, line: bytes) -> BatchAnswer:
        try:
            said = json.loads(line)
        except ValueError:
            return BatchAnswer(None)
        if "status" in said:
            failure = Failure(FailureKind(said["kind"]), said["message"], status=said["status"])
            return BatchAnswer(said["id"], failure=failure)
        if not said.get("ran", True):
            return BatchAnswer(said["id"], failure=Failure(FailureKind.TRANSIENT, "expired"), ran=False)
        return BatchAnswer(
            said["id"], (Delta(text=said["text"]), Delta(finish_reason="stop", usage=Usage(2, 3)))
        )

    def lines(self, file: Path) -> Iterator[bytes]:
        with file.open("rb") as opened:
            for number, line in enumerate(opened):
                if number == self._provider.unreadable_from:
                    self._provider.unreadable_from = None
                    raise OSError(errno.EIO, "Input/output error")
                yield line.rstrip(b"\n")

    async def upload(self, file: Path, name: str) -> str:
        self._provider.called("upload")
        file_id = f"file_{self._provider.calls['upload']}"
        with _disk(reached=False):
            self._provider.files[file_id] = (_stored(file_id, name, file), _requests(file))
        self._provider.file_listed_at[file_id] = time.monotonic() + self._provider.file_lag_s
        self._provider.answered("upload")
        return file_id

    async def files(self, since: float | None = None) -> FileListing:
        self._provider.called("files")
        now, listed_at = time.monotonic(), self._provider.file_listed_at
        stored = self._provider.files.items()
        return FileListing([status for name, (status, _) in stored if listed_at[name] <= now], time.time())

    async def create(self, draft: BatchDraft) -> BatchStatus:
        self._provider.called("create")
        if self.takes_files:
            if draft.file_id not in self._provider.files:
                raise refused(404, f"No such File object: {draft.file_id}", code="not_found")
            name = draft.name if self._provider.keeps_names else None
            status = self._provider.create(self._provider.files[draft.file_id][1], name, draft.file_id)
        else:
            with _disk(reached=False):
                requests = _requests(draft.file)
            status = self._provider.create(requests, None, None)
        self._provider.answered("create")
        return status

    async def look(self, since: float | None = None) -> BatchListing:
        self._provider.called("look")
        now = time.monotonic()
        found = [
            self._provider.go_on(held) for held in self._provider.batches.values() if held.listed_at <= now
        ]
        self._provider.answered("look")
        return BatchListing(found[::-1], time.time())

    async def status(self, batch_id: str) -> BatchStatus:
        self._provider.called("status")
        return self._held(batch_id).status

    def _held(self, batch_id: str) -> HeldBatch:
        held = self._provider.batches.get(batch_id)
        if held is None or held.listed_at > time.monotonic():
            raise refused(404, "no such batch")
        return held

    async def cancel(self, batch_id: str) -> BatchStatus:
        self._provider.called("cancel")
        held = self._held(batch_id)
        held.status = held.status._replace(is_cancelling=True)
        self._provider.answered("cancel")
        return held.status

    async def download(self, source: str, file: Path) -> None:
        self._provider.called("download")
        lines = [
            json.dumps(line) if isinstance(line, dict) else line
            for line in self._provider.batches[source].lines
        ]
        if self._provider.calls["download"] <= self._provider.blank_downloads:
            lines = []
        text = "\n".join(lines)
        with _disk(reached=True):
            if "download" in self._provider.lost:
                _write(file, text[: len(text) // 2])
            self._provider.answered("download")
            _write(file, text)

    async def forget(self, status: BatchStatus) -> None:
        self._provider.called("forget")
        await asyncio.sleep(self._provider.forget_s)
        self._provider.forgotten.append(status.id)
        self._provider.files.pop(status.file_id or "", None)


@contextmanager
def _disk(*, reached: bool) -> Iterator[None]:
    """What the disk of the client says of a file, as the transport says it."""
    try:
        yield
    except OSError as error:
        raise Failure(FailureKind.LOCAL, f"the disk: {error.strerror}", reached=reached) from error


def _stored(file_id: str, name: str, file: Path) -> FileStatus:
    return FileStatus(file_id, name, file.stat().st_size, time.time())


def _write(file: Path, text: str) -> None:
    file.write_text(text, "utf-8")


def _requests(file: Path) -> dict[str, str]:
    text = file.read_text("utf-8")
    assert text[0] == "[", text
    assert text[-1] == "]", text
    return {each["id"]: each["prompt"] for each in map(json.loads, text[1:-1].split("\n"))}


class BatchedLLM(ScriptedLLM):
    """A scripted model whose endpoint has a batch service."""

    def __init__(self, server: Server, provider: Provider | None, key: str) -> None:
        super().__init__(server, key)
        self._service = None if provider is None else ScriptedService(provider, key)

    def batches(self) -> ScriptedService | None:
        return self._service


def batch_plan(
    folder: Path,
    server: Server,
    provider: Provider | None,
    source: PromptList,
    *,
    keys: int = 1,
    terms: BatchTerms | None = None,
    **more: Any,
) -> RunPlan:
    """A run whose pending jobs all go in batches, by default."""

    @asynccontextmanager
    async def connect() -> AsyncIterator[list[Member]]:
        shared = Endpoint("openai")
        yield [Member(BatchedLLM(server, provider, f"k{n}"), f"k{n}", shared) for n in range(keys)]

    terms = terms or BatchTerms(all_pending=True)
    made = plan(folder, server, source, keys=keys, **more)
    return replace(made, connect=connect, batch=replace(terms, pace=QUICK))
