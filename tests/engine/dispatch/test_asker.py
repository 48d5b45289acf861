"""Attempts made elsewhere: a fake asker that loses workers, refuses, and is not ready."""

from __future__ import annotations

import asyncio
import random
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from llmdash.doctor.check import check
from llmdash.doctor.findings import Known, Level
from llmdash.engine.dispatch.asker import LocalAsker, Lost, NotSent
from llmdash.engine.dispatch.attempt import Answer, Attempt
from llmdash.engine.model import commands
from llmdash.engine.model.events import Event
from llmdash.engine.model.states import JobState, KeyState
from llmdash.engine.session import LocalSession
from llmdash.prompts.source import Prompt
from tests.engine.scripted import ALL, Server, plan, prompts, records, run, started, until
from tests.waiting import PATIENCE_S


class FakeAsker(LocalAsker):
    """Asks here, but `script(job, how often before)` may have the request lost or not sent."""

    def __init__(self, script: Callable[[int, int], type[Exception] | None]) -> None:
        super().__init__()
        self._script = script
        self.made: Counter[int] = Counter()
        self.gate = asyncio.Event()
        self.gate.set()

    async def ready(self) -> None:
        await self.gate.wait()

    async def ask(
        self,
        attempt: Attempt,
        prompt: Prompt,
        options: Mapping[str, Any],
        *,
        left: Callable[[float | None], None],
        tell: Callable[[Event], None],
    ) -> Answer:
        outcome = self._script(attempt.job, self.made[attempt.job])
        self.made[attempt.job] += 1
        await asyncio.sleep(0)
        if outcome is NotSent:
            raise NotSent
        if outcome is not None and issubclass(outcome, Lost):
            left(None)
            await asyncio.sleep(0.001)
            raise outcome
        return await super().ask(attempt, prompt, options, left=left, tell=tell)


def attempts_of(session: LocalSession) -> Counter[tuple[int, str]]:
    with closing(sqlite3.connect(session.folder / "journal.sqlite")) as db:
        return Counter(db.execute("SELECT job, state FROM attempts").fetchall())


def balanced(session: LocalSession) -> None:
    """Screen, keys and journal count the same requests; the doctor finds nothing."""
    frame = session.frame(ALL)
    for key in frame.keys:
        assert key.sent == key.ok + key.throttled + key.errors + key.cut + key.in_flight
    with closing(sqlite3.connect(session.folder / "journal.sqlite")) as db:
        left = db.execute("SELECT COUNT(*) FROM attempts WHERE state != 'unsent'").fetchone()[0]
    assert sum(key.sent for key in frame.keys) == frame.run.attempts == left
    session.folder.chmod(0o700)
    checkup = check(session.folder, lambda facts: Known("f" * 64, int(facts["jobs"])))
    assert [finding for finding in checkup.findings if finding.level is not Level.OK] == []


def test_a_lost_attempt_is_unknown_blames_no_key_and_its_job_is_the_next_one(tmp_path: Path) -> None:
    order: list[int] = []

    def script(job: int, before: int) -> type[Exception] | None:
        order.append(job)
        return Lost if job == 1 and before == 0 else None

    server = Server()
    session = run(plan(tmp_path, server, prompts(20), concurrency=1, asker=FakeAsker(script)))
    assert order[:4] == [0, 1, 1, 2]
    assert [record.state for record in records(session)] == ["done"] * 20
    assert attempts_of(session)[1, "unknown"] == 1
    assert {key.state for key in session.frame(ALL).keys} == {KeyState.HEALTHY}
    assert session.frame(ALL).run.retries == 0
    balanced(session)


def test_a_job_that_is_lost_three_times_fails_and_says_what_it_may_cost(tmp_path: Path) -> None:
    asker = FakeAsker(lambda job, _before: Lost if job == 3 else None)
    session = run(plan(tmp_path, Server(), prompts(10), asker=asker))
    failed = [record for record in records(session) if record.state == "failed"]
    assert [record.index for record in failed] == [3]
    assert failed[0].error == "lost 3 times with its worker; each may have to be paid for"
    assert asker.made[3] == 3
    assert attempts_of(session)[3, "unknown"] == 3
    balanced(session)


def test_a_job_is_not_suspect_because_its_workers_fell_silent(tmp_path: Path) -> None:
    class Silent(Lost):
        def __init__(self) -> None:
            super().__init__(silent=True)

    asker = FakeAsker(lambda job, before: Silent if job == 0 and before < 8 else None)
    session = run(plan(tmp_path, Server(), prompts(2), asker=asker))
    assert session.frame(ALL).run.done == 2
    assert asker.made[0] == 9


def test_losses_of_an_earlier_try_are_forgotten_when_the_job_is_retried(tmp_path: Path) -> None:
    asker = FakeAsker(lambda job, before: Lost if job == 0 and before < 5 else None)
    with started(plan(tmp_path, Server(), prompts(3), asker=asker, stay=True)) as session:
        until(session, lambda frame: frame.run.failed == 1 and frame.run.done == 2)
        session.command(commands.RetryJobs((0,)))
        until(session, lambda frame: frame.run.done == 3)
        balanced(session)


def test_a_request_that_was_not_sent_counts_nowhere_and_its_job_is_the_next_one(tmp_path: Path) -> None:
    order: list[int] = []

    def script(job: int, before: int) -> type[Exception] | None:
        order.append(job)
        return NotSent if job == 1 and before < 4 else None

    session = run(plan(tmp_path, Server(), prompts(20), concurrency=1, asker=FakeAsker(script)))
    assert order[:7] == [0, 1, 1, 1, 1, 1, 2]
    frame = session.frame(ALL)
    assert (frame.run.done, frame.run.attempts, frame.run.retries) == (20, 20, 0)
    assert attempts_of(session)[1, "ok"] == 1
    assert attempts_of(session)[1, "unknown"] == attempts_of(session)[1, "unsent"] == 0
    balanced(session)


def test_requests_that_were_not_sent_take_nobodys_place_in_the_rate(tmp_path: Path) -> None:
    """30 of them leave the second of the third job as free as it was."""
    asker = FakeAsker(lambda job, before: NotSent if job == 0 and before < 30 else None)
    session = run(plan(tmp_path, Server(), prompts(3), concurrency=1, rate=200.0, asker=asker))
    assert session.frame(ALL).run.attempts == 3
    assert asker.made[0] == 31


def test_nothing_is_sent_before_the_asker_is_ready(tmp_path: Path) -> None:
    server, asker = Server(), FakeAsker(lambda _job, _before: None)
    asker.gate.clear()
    with started(plan(tmp_path, server, prompts(5), asker=asker)) as session:
        until(session, lambda frame: any(row.state is JobState.LIMITER for row in frame.jobs.rows))
        threading.Event().wait(0.05)
        assert not server.asked
        session._loop.call_soon_threadsafe(asker.gate.set)  # type: ignore[union-attr]  # the run's loop owns the gate
        until(session, lambda frame: frame.run.done == 5)


@pytest.mark.parametrize("seed", range(5))
def test_whatever_is_lost_or_not_sent_every_job_ends_and_the_accounts_balance(
    seed: int, tmp_path: Path
) -> None:
    rng = random.Random(seed)
    asker = FakeAsker(lambda _job, _before: rng.choice([None, None, None, Lost, NotSent]))
    server = Server()
    session = run(plan(tmp_path, server, prompts(200), concurrency=16, asker=asker))
    frame = session.frame(ALL)
    assert frame.run.done + frame.run.failed == 200
    assert sum(server.asked.values()) == frame.run.done
    for job in range(200):
        assert attempts_of(session)[job, "unknown"] <= 3
    balanced(session)


def test_a_request_cut_off_before_it_left_was_not_sent(tmp_path: Path) -> None:
    class Slow(FakeAsker):
        async def ask(self, *_args: Any, **_kwargs: Any) -> Answer:
            await asyncio.sleep(60)
            raise AssertionError

    with started(plan(tmp_path, Server(), prompts(4), asker=Slow(lambda _job, _before: None))) as session:
        until(session, lambda frame: sum(key.in_flight for key in frame.keys) == 4)
        session.command(commands.Cancel())
        assert session.join(PATIENCE_S)
    assert {state for _, state in attempts_of(session)} == {"unsent"}
    assert session.frame(ALL).run.attempts == 0
