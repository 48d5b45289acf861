"""ClusterAsker: hands the attempts of a run to workers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from llmdash.cluster.link import QUIET_S, Link
from llmdash.cluster.messages import Joining
from llmdash.cluster.remote_attempt import RemoteAttempt
from llmdash.cluster.worker_record import WorkerRecord
from llmdash.engine.dispatch.asker import NotSent
from llmdash.engine.dispatch.attempt import Answer, Attempt
from llmdash.engine.metrics.wakeful_clock import wakeful_clock
from llmdash.engine.model.events import Event
from llmdash.engine.model.frame import WorkerRow
from llmdash.engine.model.states import WorkerState
from llmdash.engine.pool.member import Member
from llmdash.llms.recipe import ModelRecipe
from llmdash.prompts.source import Prompt

__all__ = ["ClusterAsker"]

_SLACK, _SHARE = 8, 0.2
"""How many more attempts than the idlest a worker may have, and that part of its own, so that a message has
more than one.
"""


class ClusterAsker:
    """An Asker over the workers that are connected.

    `recipe_of` returns what the model of a key is made of, by its label; `pack` makes bytes of it. `address`
    is that of the scheduler. Whoever knows the workers calls `connected` and `disconnected`, and `problem`
    says why there are none.
    """

    def __init__(
        self,
        address: str,
        recipe_of: Callable[[str], ModelRecipe],
        pack: Callable[[ModelRecipe], bytes],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._now = now
        self.address = address
        self.problem = f"waiting for {address}"
        self._recipe_of = recipe_of
        self._pack = pack
        self._members: list[Member] = []
        self._numbers: dict[str, int] = {}
        self._joining: list[Joining] = []
        self._workers: dict[str, WorkerRecord] = {}
        self._links: dict[str, Link] = {}
        self._with_key: list[list[Link]] = []
        """For each key the workers that have it and take work."""
        self._working = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._watched: frozenset[int] = frozenset()
        self._is_over = False

    def adopt(self, members: Iterable[Member]) -> None:
        """Take over keys of the run: none of them is used before some worker says that it has it."""
        for member in members:
            number = self._numbers[member.label] = len(self._members)
            member.is_reachable = False
            joining = Joining(number, self._pack(self._recipe_of(member.label)))
            self._members.append(member)
            self._joining.append(joining)
            for link in self._links.values():
                link.join([joining])
        self.changed()

    def record(self, name: str, host: str) -> WorkerRecord:
        """Return what is known of a worker, whose row is shown from now on."""
        return self._workers.setdefault(name, WorkerRecord(name, host, self._now))

    def connected(self, link: Link) -> None:
        """A line to a worker is open."""
        self._loop = asyncio.get_running_loop()
        self._links[link.worker.name] = link
        link.join(self._joining)
        link.watch(self._watched)
        self.changed()

    def disconnected(self, link: Link) -> None:
        """The line to a worker is closed."""
        if self._links.get(link.worker.name) is link and not self._is_over:
            del self._links[link.worker.name]
        self.changed()

    def close(self) -> None:
        """The run is over: what becomes of its workers and keys now is none of its business."""
        self._is_over = True

    def changed(self) -> None:
        """Look again at who takes work and which keys are there."""
        if self._is_over:
            return
        working = [link for link in self._links.values() if link.takes_work]
        self._with_key = [
            [link for link in working if number in link.worker.has] for number in range(len(self._members))
        ]
        for member, links in zip(self._members, self._with_key, strict=True):
            member.is_reachable = bool(links)
        if any(self._with_key):
            self._working.set()
        else:
            self._working.clear()

    async def ready(self) -> None:
        while not self._working.is_set():
            await self._working.wait()

    def place(self, member: Member) -> str | None:
        link = self._link_for(self._numbers[member.label])
        return link.worker.name if link is not None else None

    def _link_for(self, number: int) -> Link | None:
        """Return the idlest worker with a key; or another that is about to get attempts anyway."""
        best: Link | None = None
        gathering: Link | None = None
        for link in self._with_key[number]:
            if best is None or link.in_flight < best.in_flight:
                best = link
            if link.gathers and (gathering is None or link.in_flight < gathering.in_flight):
                gathering = link
        if best is None or gathering is None or gathering.in_flight > best.in_flight * (1 + _SHARE) + _SLACK:
            return best
        return gathering

    async def ask(
        self,
        attempt: Attempt,
        prompt: Prompt,
        options: Mapping[str, Any],
        *,
        left: Callable[[float | None], None],
        tell: Callable[[Event], None],
    ) -> Answer:
        link = self._links.get(attempt.record.worker or "")
        if link is None or not link.takes_work:
            self.changed()
            raise NotSent("its worker takes no work any more")
        remote = RemoteAttempt(attempt.job, left, tell, self._now)
        number = link.ask(attempt.job, self._numbers[attempt.member.label], prompt, options, remote)
        try:
            return await remote.answer
        except asyncio.CancelledError:
            if link.cancel(number):
                remote.left(0.0)  # it may have been sent: so it counts
            raise

    def watch(self, jobs: Collection[int]) -> None:
        wanted = frozenset(jobs)
        if wanted != self._watched and self._loop is not None:
            self._watched = wanted
            with suppress(RuntimeError):  # the run has ended meanwhile
                self._loop.call_soon_threadsafe(self._watch_now)

    def _watch_now(self) -> None:
        for link in self._links.values():
            link.watch(self._watched)

    def workers(self) -> Sequence[WorkerRow]:
        return [self._row(worker) for worker in list(self._workers.values())]

    def _row(self, worker: WorkerRecord) -> WorkerRow:
        link = self._links.get(worker.name)
        return WorkerRow(
            name=worker.name,
            host=worker.host,
            state=_state(worker, link),
            in_flight=link.in_flight if link is not None else 0,
            jobs_per_s=worker.jobs_per_s,
            ttft_p50=worker.ttft_p50,
            round_trip_s=worker.round_trip_s,
            silent_s=wakeful_clock() - worker.heard_at,
            keys=len(worker.has),
            lacks=tuple(self._label(number) for number in sorted(worker.lacks)),
            spark=worker.spark,
        )

    def _label(self, number: int) -> str:
        """The label of a key that a worker speaks of, whatever it says."""
        return self._members[number].label if 0 <= number < len(self._members) else "?"

    def blocked(self) -> str | None:
        if self._working.is_set():
            return None
        there = [link for link in list(self._links.values()) if link.silent_s < QUIET_S]
        if not there:
            return self.problem
        if all(link.worker.is_drained for link in there):
            return "all workers are drained"
        return "no worker has a key of this run" if any(link.worker.lacks for link in there) else self.problem

    def drain(self, name: str) -> None:
        self._set_drained(name, drained=True)

    def take_again(self, name: str) -> None:
        self._set_drained(name, drained=False)

    def _set_drained(self, name: str, *, drained: bool) -> None:
        if name in self._workers:
            self._workers[name].is_drained = drained
            self.changed()


def _state(worker: WorkerRecord, link: Link | None) -> WorkerState:
    if link is None:
        return WorkerState.LOST if worker.is_lost else WorkerState.LEFT
    if worker.is_drained or link.leaves:
        return WorkerState.DRAINING if link.in_flight else WorkerState.DRAINED
    return WorkerState.WORKING
