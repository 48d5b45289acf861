"""A run's asker with workers that are desks in this process, and models that do as a script says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from llmdash import __version__
from llmdash.cluster.asker import ClusterAsker
from llmdash.cluster.desk import Desk
from llmdash.cluster.keyring import Keyring, with_fingerprints
from llmdash.cluster.link import Link
from llmdash.engine.dispatch.asker import Lost, NotSent
from llmdash.engine.dispatch.attempt import Answer, Attempt
from llmdash.engine.model.events import ChunksReceived, Event
from llmdash.engine.model.records import AttemptRecord
from llmdash.engine.pool.member import Lease, Member
from llmdash.llms.base import LLM
from llmdash.llms.messages import Delta, PromptLike, Usage, as_messages, text_of
from llmdash.llms.recipe import Clients, ModelRecipe
from llmdash.llms.transport.timeouts import Timeouts
from llmdash.prompts.source import Prompt
from llmdash.secrets import Secret
from tests.cluster.lines import line_pair
from tests.engine.virtual_time import now

__all__ = ["KEYS", "Bench", "Call", "ScriptedClients", "Worker", "bench", "prompt", "recipe", "whole"]

KEYS = tuple(f"sk-canary-{number:016}" for number in range(3))
Script = Callable[[str], Iterable[Any]]
"""prompt -> what happens: a Delta arrives, an exception is raised, a function is called,
so many seconds pass."""


def recipe(key: str) -> ModelRecipe:
    return ModelRecipe("openai-chat", "m", Timeouts(), {}, key=Secret(key))


def prompt(text: str) -> Prompt:
    return Prompt(text, (("user", text),))


def whole(text: str) -> list[Any]:
    return [0.01, Delta(text=f"re: {text}"), Delta(finish_reason="stop", usage=Usage(2, 3))]


class ScriptedClients(Clients):
    """Makes models that do as `script` says. `sent` has when each prompt left, `cut` those aborted."""

    def __init__(self, script: Script = whole) -> None:
        super().__init__()
        self.script = script
        self.sent: list[tuple[float, str]] = []
        self.cut: list[str] = []
        self.says_when_sent = False

    def build(self, recipe: ModelRecipe) -> LLM:
        return _AnnouncingLLM(self) if self.says_when_sent else _ScriptedLLM(self)


class _ScriptedLLM(LLM):
    model = "scripted"

    def __init__(self, clients: ScriptedClients) -> None:
        self._clients = clients

    async def _astream(
        self, prompt: PromptLike, *, stop: Sequence[str] | None = None, **options: Any
    ) -> AsyncGenerator[Delta, None]:
        text = text_of(as_messages(prompt)[-1])
        self._clients.sent.append((now(), text))
        try:
            for step in self._clients.script(text):
                if isinstance(step, BaseException):
                    raise step
                if isinstance(step, float):
                    await asyncio.sleep(step)
                elif callable(step):
                    step()
                else:
                    yield step
        except asyncio.CancelledError:
            self._clients.cut.append(text)
            raise


class _AnnouncingLLM(_ScriptedLLM):
    says_when_sent = True


class Worker:
    """A worker: its desk, the line to it, and the link that the run has to it."""

    def __init__(
        self, asker: ClusterAsker, name: str, keys: Iterable[str], script: Script, delay_s: float
    ) -> None:
        self.name = name
        self.here, self.there = line_pair(delay_s)
        self.clients = ScriptedClients(script)
        keyring = Keyring(keys)
        self.desk = Desk(self.there, keyring, __version__, "host", now, monotonic=now, clients=self.clients)
        record = asker.record(name, "host")
        record.joins("host")
        self.link = Link(record, self.here, asker.changed, now)
        self._asker = asker
        self.serving = asyncio.create_task(self.desk.serve())
        self.talking = asyncio.create_task(self._talk())

    async def _talk(self) -> None:
        self._asker.connected(self.link)
        try:
            await self.link.work()
        finally:
            self._asker.disconnected(self.link)

    def fall_silent(self) -> None:
        """Nothing gets through any more, either way."""
        self.here.is_silent = self.there.is_silent = True

    def stall(self) -> None:
        """Nothing gets through for a while, either way."""
        self.here.hold()
        self.there.hold()

    def go_on(self) -> None:
        """All that waited arrives."""
        self.here.release()
        self.there.release()

    async def kill(self) -> None:
        """End the worker at once."""
        self.serving.cancel()
        await asyncio.gather(self.serving, return_exceptions=True)

    async def close(self) -> None:
        self.talking.cancel()
        self.serving.cancel()
        await asyncio.gather(self.serving, self.talking, return_exceptions=True)


class Call:
    """One attempt as the engine sees it: what it was told, in order, and how it ended."""

    def __init__(self, bench: Bench, job: int, text: str, key: int, worker: str | None) -> None:
        self.job = job
        self.lefts: list[tuple[float, float | None]] = []
        self.texts: list[str] = []
        self.told: list[str] = []
        member = bench.members[key]
        record = AttemptRecord(job, 1, member.label, "sent", 0.0, worker=worker)
        asking = bench.asker.ask(
            Attempt(Lease(member, 0, 0, 0), record), prompt(text), {}, left=self._left, tell=self._tell
        )
        self.task = asyncio.create_task(asking)

    def _left(self, ago_s: float | None) -> None:
        self.lefts.append((now(), ago_s))
        self.told.append("left")

    def _tell(self, event: Event) -> None:
        assert isinstance(event, ChunksReceived)
        assert event.texts
        assert event.times == sorted(event.times)
        self.texts.extend(event.texts)
        self.told.append("chunks")

    async def outcome(self) -> Answer | type[BaseException]:
        """The answer, or the kind of exception that ended it."""
        try:
            return await self.task
        except (Lost, NotSent, asyncio.CancelledError) as error:
            return type(error)


class Bench:
    """An asker with three keys, and the workers that have joined it."""

    def __init__(self) -> None:
        self.recipes = {f"k{number}": recipe(key) for number, key in enumerate(KEYS)}
        self.asker = ClusterAsker("tls://scheduler:8786", self.recipes.__getitem__, with_fingerprints)
        self.workers: list[Worker] = []
        self.calls: list[Call] = []
        self.members = [Member(_ScriptedLLM(ScriptedClients()), label) for label in self.recipes]
        self.asker.adopt(self.members)

    def join(
        self, name: str, keys: Iterable[str] = KEYS, script: Script = whole, delay_s: float = 0.0
    ) -> Worker:
        self.workers.append(Worker(self.asker, name, keys, script, delay_s))
        return self.workers[-1]

    async def joined(self, *names: str, script: Script = whole) -> list[Worker]:
        """Workers of these names, once they take work."""
        found = [self.join(name, script=script) for name in names]
        await asyncio.sleep(0.2)
        assert all(worker.link.takes_work for worker in found)
        return found

    def ask(self, job: int, text: str, key: int = 0, worker: str | None = "") -> Call:
        """An attempt, at a worker that the asker chooses if none is named."""
        placed = self.asker.place(self.members[key]) if worker == "" else worker
        self.calls.append(Call(self, job, text, key, placed))
        return self.calls[-1]


@asynccontextmanager
async def bench() -> AsyncIterator[Bench]:
    made = Bench()
    try:
        yield made
    finally:
        for worker in made.workers:
            await worker.close()
        await asyncio.gather(*(call.task for call in made.calls), return_exceptions=True)
