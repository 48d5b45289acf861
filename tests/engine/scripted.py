"""A run over models that do as a script says: real journal, real threads, no network."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from llmdash.engine.dispatch.retry_policy import RetryPolicy
from llmdash.engine.frames.run_facts import RunFacts
from llmdash.engine.journal.keeping import Keep
from llmdash.engine.journal.reader import JournalReader
from llmdash.engine.journal.totals import totals_in
from llmdash.engine.model.commands import Cancel
from llmdash.engine.model.frame import ErrorGroup, Frame
from llmdash.engine.model.records import ResultRecord
from llmdash.engine.model.states import SortColumn
from llmdash.engine.model.view import JobsView, StreamView, View
from llmdash.engine.plan import RunPlan
from llmdash.engine.pool.member import Endpoint, Member
from llmdash.engine.pool.shared import SharedLimit
from llmdash.engine.session import LocalSession
from llmdash.engine.store.job_columns import JobColumns
from llmdash.engine.store.restored_errors import restore_errors
from llmdash.engine.store.store import Store
from llmdash.llms.base import LLM, Stop
from llmdash.llms.messages import Delta, PromptLike, Usage, as_messages, text_of
from llmdash.llms.request_identity import RequestIdentity, identity_of
from llmdash.llms.wire.failures import Failure, FailureKind
from llmdash.prompts.source import Prompt, PromptList
from tests.waiting import PATIENCE_S, first, wait_for

Step = Delta | Exception | float | threading.Event
Script = Callable[[str, str, int], Iterable[Any]]
"""(key, prompt, how often it was asked before) -> what happens: a Delta arrives, an exception is raised, so
many seconds pass, an event is awaited."""

FAST = RetryPolicy(base_s=0.001, cap_s=0.01, budget_floor=1_000_000)
ALL = View(jobs=JobsView(height=10_000, sort=SortColumn.NUMBER), stream=StreamView())
"""Every job in the order of the input, those never sent among them."""


USAGE = Usage(2, 3)


def whole(text: str, usage: Usage | None = USAGE) -> list[Any]:
    """An answer in one piece."""
    return [Delta(text=text), Delta(finish_reason="stop", usage=usage)]


def echo(_key: str, prompt: str, _before: int) -> list[Any]:
    return whole(f"re: {prompt}")


def failing(kind: FailureKind, message: str = "no", **more: Any) -> list[Any]:
    return [Failure(kind, message, **more)]


def held_from(number: int, gate: threading.Event, script: Script = echo) -> Script:
    """The script, but that prompts from this one on wait for the gate: no run is over before that opens."""

    def held(key: str, prompt: str, before: int) -> Iterable[Any]:
        return [*([gate] if int(prompt.split()[-1]) >= number else []), *script(key, prompt, before)]

    return held


class Server:
    """What all keys ask; counts what a real server would see."""

    def __init__(self, script: Script = echo) -> None:
        self.script = script
        self.asked: Counter[str] = Counter()
        self.by_key: Counter[str] = Counter()
        self.in_flight = 0
        self.most_in_flight = 0
        self.arrivals: list[tuple[float, int]] = []
        """(when, how many were in flight then, this one included)"""

    async def answer(self, key: str, prompt: str) -> AsyncGenerator[Delta, None]:
        before = self.asked[prompt]
        self.asked[prompt] += 1
        self.by_key[key] += 1
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        self.arrivals.append((time.monotonic(), self.in_flight))
        try:
            for step in self.script(key, prompt, before):
                if isinstance(step, BaseException):
                    raise step
                if isinstance(step, threading.Event):
                    while not step.is_set():  # noqa: ASYNC110 - another thread sets it
                        await asyncio.sleep(0.002)
                elif isinstance(step, float):
                    await asyncio.sleep(step)
                else:
                    yield step
        finally:
            self.in_flight -= 1


class ScriptedLLM(LLM):
    """Asks a server in memory; a request is its prompt, and has a temperature of 0 but where one is given."""

    model = "scripted"

    def __init__(self, server: Server, key: str, *, streaming: bool = True) -> None:
        self._server = server
        self._key = key
        self.streaming = streaming

    def identity(self, prompt: PromptLike, *, stop: Stop = None, **options: Any) -> RequestIdentity | None:
        said = [text_of(message) for message in as_messages(prompt)]
        return identity_of(b"a server in memory", {"said": said, "temperature": 0, **options})

    def _astream(
        self, prompt: PromptLike, *, stop: Sequence[str] | None = None, **options: Any
    ) -> AsyncGenerator[Delta, None]:
        return self._server.answer(self._key, text_of(as_messages(prompt)[-1]))


def prompts(count: int) -> PromptList:
    return of([Prompt(f"p{n}", (("user", f"prompt {n}"),), expected=f"re: prompt {n}") for n in range(count)])


def of(some: Sequence[Prompt], fingerprint: str = "f" * 64) -> PromptList:
    return PromptList("scripted", fingerprint, some)


def plan(
    folder: Path,
    server: Server,
    source: PromptList,
    *,
    keys: int = 3,
    concurrency: int = 8,
    limit: SharedLimit | None = None,
    streaming: bool = True,
    **more: Any,
) -> RunPlan:
    @asynccontextmanager
    async def connect() -> AsyncIterator[list[Member]]:
        shared = Endpoint("nowhere", shared=limit)
        yield [
            Member(ScriptedLLM(server, f"k{n}", streaming=streaming), f"k{n}", shared) for n in range(keys)
        ]

    facts = RunFacts("scripted", "scripted", "nowhere", keys, is_streamed=streaming)
    settings: dict[str, Any] = {"rate": None, "policy": FAST, **more}
    return RunPlan(source, connect, folder, facts, concurrency=concurrency, **settings)


@contextmanager
def started(the_plan: RunPlan) -> Iterator[LocalSession]:
    """The session of a plan at work; cancelled at the end if it still is."""
    session = LocalSession(the_plan)
    session.start()
    try:
        yield session
    finally:
        session.command(Cancel())
        assert session.join(PATIENCE_S), "the run hangs"
        assert session.crash is None


def run(the_plan: RunPlan) -> LocalSession:
    """The session of a plan, from start to end."""
    session = LocalSession(the_plan)
    session.start()
    assert session.join(PATIENCE_S), "the run hangs"
    if session.crash is not None:
        raise session.crash
    return session


def until(session: LocalSession, holds: Callable[[Frame], bool]) -> Frame:
    """The first frame for which `holds`."""
    frame = first(lambda: session.frame(ALL), lambda frame: session.crash or holds(frame), every_s=0.002)
    assert session.crash is None, session.crash
    return frame


def worked_out(session: LocalSession, view: View) -> Frame:
    """The frame once the order that `view` asks for is there."""
    session.frame(view)
    wait_for(lambda: all(thread.name != "llmdash-sort" for thread in threading.enumerate()), every_s=0.001)
    return session.frame(view)


def records(session: LocalSession) -> list[ResultRecord]:
    return list(JournalReader(session.folder).results())


def assert_balanced(session: LocalSession, server: Server) -> Frame:
    """Frame, journal and server tell the same story."""
    frame = session.frame(replace(ALL, errors=True))
    run, results = frame.run, records(session)
    assert run.queued + run.waiting + run.in_flight + run.ended == run.jobs
    states = Counter(result.state for result in results)
    ended = (run.done, run.invalid, run.failed, run.cancelled)
    assert ended == tuple(states[name] for name in ("done", "invalid", "failed", "cancelled"))
    assert [result.index for result in results] == sorted({result.index for result in results})
    totals = JournalReader(session.folder).sums.key_totals()
    assert {label: each.sent for label, each in totals.items()} == dict(server.by_key)
    for key in frame.keys:
        assert key.sent == server.by_key[key.label]
        assert key.sent == key.ok + key.throttled + key.errors + key.cut + key.in_flight
        if key.label in totals:
            of_key = totals[key.label]
            assert (key.ok, key.throttled, key.errors) == (of_key.ok, of_key.throttled, of_key.errors)
            assert key.cut == of_key.cut
            assert (key.input_tokens, key.output_tokens) == (of_key.input_tokens, of_key.output_tokens)
            assert of_key.sent == of_key.ok + of_key.throttled + of_key.errors + of_key.cut + key.in_flight
    assert run.attempts == sum(server.asked.values())
    if run.score is not None:
        assert run.score.total == run.done + run.invalid
    if not session.alive:
        assert_totals(session, frame)
        assert_errors(session, frame)
    return frame


def assert_errors(session: LocalSession, frame: Frame) -> None:
    """What failed adds up: by group, by key, and by the record, from which it can be counted again."""
    run, reader = frame.run, JournalReader(session.folder)
    assert sum(group.jobs for group in frame.errors) == run.failed + run.invalid
    assert sum(group.tries for group in frame.errors) == run.failed_tries
    refused = sum(row.failure == "invalid" for row in reader.failures.tries()) + run.invalid
    assert run.failed_tries == sum(key.throttled + key.errors for key in frame.keys) + refused
    again = Store(JobColumns(run.jobs, range(run.jobs)), lambda: 0.0)
    for row in reader.ended():
        again.restore(row)
    restore_errors(again, reader.failures.tries(), reader.failures.results(), lambda at: at)
    by = id_of if reader.facts().get("keep") != Keep.NONE.value else class_and_status
    assert counts_of(again.errors.groups(0.0), by) == counts_of(frame.errors, by)
    assert again.errors.made_good == run.made_good


def counts_of(
    groups: Iterable[ErrorGroup], by: Callable[[ErrorGroup], str]
) -> dict[str, tuple[int, int, Counter[str]]]:
    """The jobs and tries of errors that are the same `by` something, and the tries of each key."""
    counts: dict[str, tuple[int, int, Counter[str]]] = {}
    for group in groups:
        jobs, tries, keys = counts.get(by(group), (0, 0, Counter()))
        counts[by(group)] = jobs + group.jobs, tries + group.tries, keys + Counter(dict(group.keys))
    return counts


def id_of(group: ErrorGroup) -> str:
    return group.id


def class_and_status(group: ErrorGroup) -> str:
    """What is on record of an error where no text is."""
    return f"{group.kind} {group.status}"


def assert_totals(session: LocalSession, frame: Frame) -> None:
    """What a list of runs shows is what the last frame shows."""
    kept, run = totals_in(JournalReader(session.folder).facts()), frame.run
    assert kept is not None
    assert (kept.state, kept.jobs, kept.ended) == (run.state.value, run.jobs, run.ended), (kept, run)
    assert (kept.done, kept.failed, kept.invalid) == (run.done, run.failed, run.invalid)
    assert (kept.attempts, kept.input_tokens, kept.output_tokens) == (
        run.attempts,
        run.input_tokens,
        run.output_tokens,
    )
