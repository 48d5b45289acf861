"""Whole runs against all faults at once: every job done, no key blamed, and all accounts agree."""

from __future__ import annotations

import asyncio
import gc
import itertools
import logging
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from llmdash.config import EndpointSettings, Settings
from llmdash.engine.journal.reader import JournalReader
from llmdash.engine.model.frame import Frame
from llmdash.engine.model.states import EndpointState, KeyState
from llmdash.engine.session import LocalSession
from llmdash.launch.plan_builder import make_plan
from llmdash.launch.run_input import Input
from llmdash.launch.run_order import RunOrder
from llmdash.llms.transport.timeouts import Timeouts
from llmdash.llms.wire.failures import FailureKind
from llmdash.prompts.source import Prompt
from llmdash.secrets import Secret, labels
from tests.engine.scripted import ALL, FAST, of, records
from tests.fault_server import FaultServer, Plan, fault_server
from tests.faults.calls import fine_text
from tests.faults.catalogue import CATALOGUE, MIXED
from tests.faults.fault import Place
from tests.faults.scene import separated
from tests.llms.raw_server import refusing

JOBS = 150
SPOKEN = ("openai-chat", "openai-completions", "openai-responses", "anthropic")
LIMITS = Timeouts(connect=10.0, first_byte=5.0, stall=5.0, total=10.0)
"""More than a busy machine stands still for; where it stands still for longer, no time passes for a call."""
_LONGEST_S = 120.0


def prompts() -> list[Prompt]:
    return [Prompt(f"p{number}", (("user", f"What is {number} + 1?"),)) for number in range(JOBS)]


class Pool(NamedTuple):
    """So many endpoints, each in a dialect of its own, and so many keys for each."""

    endpoints: int
    keys_each: int

    @property
    def keys(self) -> list[Secret]:
        return [Secret(f"sk-fault-{n}-{n}{n}00") for n in range(self.endpoints * self.keys_each)]

    def settings(self, base_url: str, seed: int) -> Settings:
        """Every endpoint is at this address."""
        keys = iter(self.keys)
        endpoints = tuple(
            EndpointSettings(name, name, base_url, "m", tuple(itertools.islice(keys, self.keys_each)))
            for name in [SPOKEN[(seed + number) % 4] for number in range(self.endpoints)]
        )
        settings = Settings(rate=None, concurrency=16, timeouts=LIMITS, stream=seed % 2 == 0)
        return settings.with_endpoints(endpoints)


POOLS = (Pool(4, 2), Pool(1, 4), Pool(1, 1))


def faults_for(pool: Pool) -> tuple[str, ...]:
    """Every throttle halves the rate of its key: where there is but one, that alone would take minutes."""
    if len(pool.keys) > 1:
        return MIXED
    return tuple(name for name in MIXED if CATALOGUE[name].kind is not FailureKind.THROTTLE)


def session_at(server: FaultServer, folder: Path, seed: int) -> LocalSession:
    settings = POOLS[seed % 3].settings(server.base_url(), seed)
    plan = make_plan(of(prompts()), RunOrder(Input()), settings, folder, None)
    return LocalSession(replace(plan, policy=FAST))


async def run_to_its_end(session: LocalSession) -> Frame:
    """The last frame. Fails if the run hangs or crashes."""
    session.start()
    ended = await asyncio.to_thread(session.join, _LONGEST_S)
    frame = session.frame(ALL)
    assert ended, f"the run hangs: {frame.run} {frame.keys}"
    assert session.crash is None, session.crash
    return frame


def assert_nobody_is_blamed(frame: Frame) -> None:
    assert (frame.run.done, frame.run.failed) == (JOBS, 0)
    assert [key.label for key in frame.keys if key.state in (KeyState.DEAD, KeyState.QUARANTINED)] == []
    assert [each.name for each in frame.endpoints if each.state is EndpointState.PAUSED] == []


def assert_accounts_agree(session: LocalSession, frame: Frame, server: FaultServer, pool: Pool) -> None:
    """The server's counts, the journal's and the store's are the same, for each key and each job."""
    counts, journal = server.counts, JournalReader(session.folder)
    requests = [counts.by_key[key.reveal()].requests for key in pool.keys]
    seen = dict(zip(labels(pool.keys), requests, strict=True))
    assert {label: totals.sent for label, totals in journal.sums.key_totals().items()} == seen
    assert {key.label: key.sent for key in frame.keys} == seen
    assert frame.run.attempts == counts.total.requests
    by_job = dict(journal.sums.attempt_counts())
    for number, prompt in enumerate(prompts()):
        row = counts.by_prompt[prompt.text]
        assert (by_job[number], 1) == (row.requests, row.whole), (prompt, row)
    assert counts.total.whole == frame.run.done


def assert_classes_are_those_of_the_catalogue(session: LocalSession, server: FaultServer) -> None:
    """As many failures of each class as there were faults of it."""
    served: Counter[FailureKind | None] = Counter()
    for name, count in server.counts.by_fault.items():
        served[CATALOGUE[name].kind] += count
    totals = JournalReader(session.folder).sums.key_totals().values()
    told = {
        FailureKind.THROTTLE: sum(each.throttled for each in totals),
        FailureKind.TRANSIENT: sum(each.errors for each in totals),
        None: sum(each.ok for each in totals),
    }
    assert told == {kind: served[kind] for kind in told}


def assert_answers_are_whole(session: LocalSession) -> None:
    found = records(session)
    assert [record.index for record in found] == list(range(JOBS))
    for record in found:
        fine = fine_text(f"What is {record.index} + 1?")
        assert record.text in (fine, separated(fine))


async def one_run(folder: Path, seed: int, caplog: pytest.LogCaptureFixture) -> None:
    """All faults that an honest client survives, mixed into 30 % of the requests."""
    begun = time.monotonic()
    with caplog.at_level(logging.WARNING, logger="asyncio"):
        async with fault_server(Plan(seed, 0.3, faults_for(POOLS[seed % 3]))) as server:
            session = session_at(server, folder, seed)
            frame = await run_to_its_end(session)
        gc.collect()
    assert [record.getMessage() for record in caplog.records if record.name == "asyncio"] == []
    assert_nobody_is_blamed(frame)
    assert_answers_are_whole(session)
    assert_accounts_agree(session, frame, server, POOLS[seed % 3])
    assert_classes_are_those_of_the_catalogue(session, server)
    counts = server.counts.total
    print(
        f"seed {seed}: {counts.requests} requests, {counts.faults} faults, {time.monotonic() - begun:.1f} s"
    )


@pytest.mark.parametrize("seed", [0, 2])
async def test_a_run_through_all_faults_gets_every_answer(
    tmp_path: Path, seed: int, caplog: pytest.LogCaptureFixture
) -> None:
    await one_run(tmp_path, seed, caplog)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(50))
async def test_a_run_through_all_faults_with_any_seed_gets_every_answer(
    tmp_path: Path, seed: int, caplog: pytest.LogCaptureFixture
) -> None:
    await one_run(tmp_path, seed, caplog)


async def test_a_server_that_is_gone_for_a_while_costs_no_job_and_blames_no_key(tmp_path: Path) -> None:
    """It leaves with half of the jobs done, and comes back at the same address."""
    async with fault_server(latency=0.02) as server:
        port = server.ports[Place.HTTP]
        session = session_at(server, tmp_path, seed=1)
        session.start()
        while server.counts.total.whole < JOBS // 2:  # noqa: ASYNC110 - another thread asks
            await asyncio.sleep(0.005)
    with refusing(port):
        await asyncio.sleep(0.2)
    async with fault_server(port=port) as server:
        frame = await run_to_its_end(session)
    assert_nobody_is_blamed(frame)
    assert_answers_are_whole(session)
