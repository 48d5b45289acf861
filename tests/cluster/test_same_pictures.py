"""A run over workers shows what the same run shows that makes its requests itself, but for who made them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from llmdash import __version__
from llmdash.cluster.asker import ClusterAsker
from llmdash.cluster.desk import Desk
from llmdash.cluster.keyring import Keyring, with_values
from llmdash.cluster.link import Link
from llmdash.engine.model.errors import FailedTries
from llmdash.engine.model.frame import Frame, JobRow, Percentiles, RatePart, SeriesPart, StreamPart
from llmdash.engine.model.states import RunState
from llmdash.engine.model.view import JobsView, StreamView, View
from llmdash.engine.plan import RunPlan
from llmdash.engine.pool.member import Member
from llmdash.engine.session import LocalSession
from llmdash.llms.base import LLM
from llmdash.llms.messages import Delta
from llmdash.llms.recipe import Clients, ModelRecipe
from llmdash.llms.transport.timeouts import Timeouts
from llmdash.llms.wire.failures import FailureKind
from tests.cluster.lines import line_pair
from tests.engine.scripted import USAGE, ScriptedLLM, Server, failing, plan, prompts, started, until, whole

ALL = View(jobs=JobsView(height=50), stream=StreamView(), errors=True, tiles=2, inspect=3)


def scripted(gate: threading.Event) -> Server:
    """Answers, failures, retries, and a stream that stands still until the gate opens."""

    def script(_key: str, prompt: str, before: int) -> Sequence[Any]:
        number = int(prompt.split()[-1])
        if number % 7 == 2 and not before:
            return failing(FailureKind.TRANSIENT, "500 try again", status=500)
        if number % 11 == 4:
            return failing(FailureKind.REQUEST, "400 no such thing", status=400, names_request=True)
        if number == 19:
            return [
                Delta(text="he"),
                Delta(text="l"),
                gate,
                Delta(text="lo"),
                Delta(finish_reason="stop", usage=USAGE),
            ]
        return whole(f"re: {prompt}")

    return Server(script)


class ServerClients(Clients):
    """Makes models that ask the scripted server with the key that a recipe names."""

    def __init__(self, server: Server) -> None:
        super().__init__()
        self._server = server

    def build(self, recipe: ModelRecipe) -> LLM:
        return ScriptedLLM(self._server, recipe.asked)


def recipe_of(label: str) -> ModelRecipe:
    return ModelRecipe("openai-chat", label, Timeouts(), {})


def tasks_of_worker(asker: ClusterAsker, name: str, server: Server) -> list[asyncio.Task[None]]:
    """Connect a desk to the asker."""
    near, far = line_pair()
    link = Link(asker.record(name, "host"), near, asker.changed)
    desk = Desk(far, Keyring([]), __version__, "host", clients=ServerClients(server))
    asker.connected(link)
    return [asyncio.create_task(desk.serve()), asyncio.create_task(link.work())]


def over_workers(the_plan: RunPlan, server: Server) -> RunPlan:
    """The same plan, with its attempts made at three desks."""
    asker = ClusterAsker("here", recipe_of, with_values)

    @asynccontextmanager
    async def connect() -> AsyncIterator[Sequence[Member]]:
        async with the_plan.connect() as members:
            asker.adopt(members)
            tasks = [task for n in range(3) for task in tasks_of_worker(asker, f"w{n}", server)]
            try:
                yield members
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    return replace(the_plan, asker=asker, connect=connect)


def without_times(frame: Frame) -> Frame:
    """The frame without what no two runs have in common: times, rates, and who the workers are."""
    return replace(
        frame,
        run=replace(
            frame.run,
            elapsed_s=0.0,
            peak_in_flight=0,
            requests_per_s=None,
            tokens_per_s=None,
            ends_in_s=None,
            ttft=Percentiles(),
            latency=Percentiles(),
            waited=Percentiles(),
            began_at=None,
            ended_at=None,
            ends_at=None,
        ),
        jobs=replace(frame.jobs, rows=tuple(map(_row, frame.jobs.rows))),
        keys=tuple(replace(key, spark=(), rpm=0, tpm=0, p50_s=None) for key in frame.keys),
        workers=(),
        cluster="",
        rate=RatePart(),
        stream=_stream(frame.stream),
        inspected=_stream(frame.inspected),
        tiles=tuple(map(_stream, frame.tiles)),
        series=SeriesPart(),
        errors=tuple(replace(group, first_s=None, last_s=None, spark=()) for group in frame.errors),
        failed_tries=FailedTries(),
        notices=(),
        inspection=None,
        changes=0,
    )


def _row(row: JobRow) -> JobRow:
    return replace(row, wait_s=None, ttft_s=None, time_s=None, worker=None)


def _stream(part: StreamPart) -> StreamPart:
    return replace(part, ttft_s=None, tokens_per_s=None, gaps=(), worker=None)


def pictures(folder: Path, *, workers: bool) -> tuple[list[Frame], LocalSession]:
    """Frames in the middle of the run, and at its end."""
    gate = threading.Event()
    server = scripted(gate)
    the_plan = plan(folder, server, prompts(24), concurrency=1, stay=True)
    with started(over_workers(the_plan, server) if workers else the_plan) as session:
        middle = until(session, lambda frame: frame.stream.job == 19 and len(frame.stream.chunks) == 2)
        shown = session.frame(replace(ALL, stream=StreamView(job=19)))
        gate.set()
        end = until(session, lambda frame: frame.run.state is RunState.DONE)
        last = session.frame(replace(ALL, stream=StreamView(job=19)))
    assert middle.run.in_flight == 1
    return [without_times(frame) for frame in (shown, end, last)], session


def test_the_pictures_of_both_are_the_same(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "there").mkdir()
    local, _ = pictures(tmp_path / "here", workers=False)
    remote, session = pictures(tmp_path / "there", workers=True)
    assert local[0].stream.chunks == ("he", "l")
    assert local[-1].stream.chunks == ("he", "l", "lo")
    assert local[-1].errors
    assert remote == local
    rows = session.frame(View()).workers
    assert [row.name for row in rows] == ["w0", "w1", "w2"]
    assert sum(row.done for row in rows) == local[-1].run.done
