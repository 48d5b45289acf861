"""Desks and links in one process, with lines in memory and models that do as a script says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from llmdash import __version__
from llmdash.cluster.asker import ClusterAsker
from llmdash.cluster.desk import Desk
from llmdash.cluster.line import LineClosed
from llmdash.cluster.link import Link
from llmdash.engine.dispatch.attempt import Attempt
from llmdash.engine.model.events import Event
from llmdash.engine.model.records import AttemptRecord
from llmdash.engine.pool.member import Lease, Member
from llmdash.llms.base import LLM
from llmdash.llms.recipe import ModelRecipe
from llmdash.llms.transport.timeouts import Timeouts
from llmdash.prompts.source import Prompt
from tests.engine.scripted import ScriptedLLM, Server


class End:
    """One end of a line in memory; what is written while it `is_cut` arrives once it is not."""

    def __init__(self) -> None:
        self.other: End = self
        self.inbox: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.written: list[bytes] = []
        self.is_closed = False
        self._held: list[bytes] | None = None

    @property
    def is_cut(self) -> bool:
        return self._held is not None

    def cut(self) -> None:
        """Hold what is written from now on."""
        if self._held is None:
            self._held = []

    def mend(self) -> None:
        """Let it arrive."""
        held, self._held = self._held or [], None
        for message in held:
            self.other.inbox.put_nowait(message)

    async def read(self) -> bytes:
        message = await self.inbox.get() if not self.is_closed else None
        if message is None:
            self.is_closed = True
            raise LineClosed
        return message

    async def write(self, message: bytes) -> None:
        if self.is_closed or self.other.is_closed:
            raise LineClosed
        self.written.append(message)
        if self._held is not None:
            self._held.append(message)
        else:
            self.other.inbox.put_nowait(message)

    def abort(self) -> None:
        for end in (self, self.other):
            if not end.is_closed and not self.is_cut:
                end.inbox.put_nowait(None)
        self.is_closed = True


def line() -> tuple[End, End]:
    """Both ends of a new line."""
    one, other = End(), End()
    one.other, other.other = other, one
    return one, other


class ScriptedModels:
    """Models that ask a scripted server; a recipe is the label of its key, and some keys may be missing."""

    def __init__(self, server: Server, lacks: frozenset[str] = frozenset()) -> None:
        self._server = server
        self._lacks = lacks
        self.closed = False

    def make(self, packed: bytes) -> LLM | None:
        label = packed.decode()
        return None if label in self._lacks else ScriptedLLM(self._server, label)

    async def aclose(self) -> None:
        self.closed = True


class Worker:
    """A worker that a run is connected to: a desk, the link to it, and both tasks."""

    def __init__(
        self,
        asker: ClusterAsker,
        name: str,
        server: Server,
        lacks: frozenset[str] = frozenset(),
        version: str = __version__,
    ) -> None:
        self.name = name
        self._asker = asker
        now = asyncio.get_running_loop().time
        here, there = line()
        self.near, self.far = here, there
        record = asker.record(name, "host")
        record.joins("host")
        self.link = Link(record, here, asker.changed, clock=now)
        self.desk = Desk(there, ScriptedModels(server, lacks), version, "host", clock=now, now=now)
        self.tasks = [asyncio.create_task(self.desk.serve()), asyncio.create_task(self._talk())]
        asker.connected(self.link)

    async def _talk(self) -> None:
        await self.link.work()
        self._asker.disconnected(self.link)

    def kill(self) -> None:
        """End the worker at once: what it had in flight is cut, and nothing more is said."""
        self.tasks[0].cancel()
        self.far.abort()

    async def close(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


def members(*labels: str) -> list[Member]:
    server = Server()
    return [Member(ScriptedLLM(server, label), label) for label in labels]


def recipe_of(label: str) -> ModelRecipe:
    return ModelRecipe("openai-chat", label, Timeouts(), {})


def pack(recipe: ModelRecipe) -> bytes:
    return recipe.asked.encode()


@asynccontextmanager
async def run_with(
    *labels: str,
) -> AsyncIterator[tuple[ClusterAsker, list[Member], Callable[..., Worker]]]:
    """A run's asker with keys of these labels, and a way to connect workers, which are closed at the end."""
    asker = ClusterAsker("tcp://127.0.0.1:8786", recipe_of, pack, asyncio.get_running_loop().time)
    keys = members(*labels)
    asker.adopt(keys)
    workers: list[Worker] = []

    def connect(name: str, server: Server, **more: Any) -> Worker:
        workers.append(Worker(asker, name, server, **more))
        return workers[-1]

    try:
        yield asker, keys, connect
    finally:
        for worker in workers:
            await worker.close()


class Asked:
    """One attempt that was handed out, and what was heard of it."""

    def __init__(
        self, asker: ClusterAsker, member: Member, job: int, text: str, worker: str | None = None
    ) -> None:
        self.left: list[float | None] = []
        self.events: list[Event] = []
        self.worker = worker if worker is not None else asker.place(member)
        record = AttemptRecord(job, 1, member.label, "sent", 0.0, worker=self.worker)
        attempt = Attempt(Lease(member, 0, 0, 0), record)
        prompt = Prompt(str(job), (("user", text),))
        self.task = asyncio.create_task(
            asker.ask(attempt, prompt, {}, left=self.left.append, tell=self.events.append)
        )
