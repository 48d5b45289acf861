"""Whole runs through what real servers do wrong: answers are whole, accounts balance, blame is right."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from llmdash.engine.journal.reader import JournalReader
from llmdash.engine.model.frame import Frame
from llmdash.engine.model.states import EndpointState, KeyState
from llmdash.engine.session import LocalSession
from llmdash.launch.plan_builder import make_plan
from llmdash.launch.run_input import Input
from llmdash.launch.run_order import RunOrder
from llmdash.llms.transport.timeouts import Timeouts
from llmdash.prompts.source import Prompt
from llmdash.reports.export.json_lines import write_jsonl
from llmdash.secrets import labels
from tests.engine.scripted import ALL, FAST, of, records
from tests.faults.test_runs import Pool
from tests.faults.world import Blame, Mix, Served, mix_for, prompts, served_by_job, whole_answer
from tests.simulated import Simulated

JOBS = 150
POOLS = (Pool(4, 2), Pool(1, 4), Pool(2, 3))
_LIMITS = Timeouts(connect=10.0, first_byte=30.0, stall=30.0, total=60.0)  # none is to be met
_LONGEST_S = 180.0
Simulator = Callable[..., Simulated]


class World(NamedTuple):
    """A run that has ended, and whom it asked."""

    jobs: list[Prompt]
    pool: Pool
    mix: Mix
    running: Simulated
    session: LocalSession
    frame: Frame
    served: list[list[Served]]

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of the keys, in the simulator's order."""
        return labels(self.pool.keys)


def _world(simulator: Simulator, folder: Path, seed: int) -> World:
    """A run to its end, with the mix of this seed."""
    pool, jobs, mix = POOLS[seed % len(POOLS)], prompts(JOBS), mix_for(seed)
    keys = [key.reveal() for key in pool.keys]
    running = simulator(keys=keys, seed=seed, faults=mix.shares)
    settings = replace(pool.settings(running.base_url, seed), timeouts=_LIMITS)
    session = LocalSession(
        replace(make_plan(of(jobs), RunOrder(Input()), settings, folder, None), policy=FAST)
    )
    session.start()
    ended = session.join(_LONGEST_S)
    frame = session.frame(ALL)
    assert ended, f"the run hangs: {frame.run} {frame.keys}"
    assert session.crash is None, session.crash
    return World(jobs, pool, mix, running, session, frame, served_by_job(running, JOBS))


def _assert_accounts_balance(world: World) -> None:
    """Screen, journal, export and server say the same of each key, and of each job."""
    frame, journal = world.frame, JournalReader(world.session.folder)
    stats = world.running.stats()["by_key"]
    seen = {
        label: stats[key.reveal()]["requests"]
        for label, key in zip(world.labels, world.pool.keys, strict=True)
    }
    totals = journal.sums.key_totals()
    assert {key.label: key.sent for key in frame.keys} == seen
    assert {label: each.sent for label, each in totals.items()} == {k: n for k, n in seen.items() if n}
    assert frame.run.attempts == sum(seen.values())
    for key in frame.keys:
        assert key.sent == key.ok + key.throttled + key.errors + key.cut
    by_job = dict(journal.sums.attempt_counts())
    assert [by_job[job] for job in range(JOBS)] == [len(served) for served in world.served]
    assert frame.run.done + frame.run.failed == JOBS
    states = [record.state for record in records(world.session)]
    assert (states.count("done"), states.count("failed")) == (frame.run.done, frame.run.failed)


def _assert_the_export_is_what_the_journal_has(world: World, path: Path) -> None:
    found = records(world.session)
    assert write_jsonl(found, path) == JOBS
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    told = [(line["index"], line["state"], line["text"]) for line in lines]
    assert told == [(record.index, record.state, record.text) for record in found]


def _wrong_answers(world: World) -> list[str]:
    """Jobs that have a part of an answer or nothing for one, or were asked again behind a whole one."""
    wrong = []
    for record, prompt, served in zip(records(world.session), world.jobs, world.served, strict=True):
        whole = [each for each in served if not world.mix.kinds(each)]
        flag = world.mix.flag(served[-1])
        if record.state != "done":
            expected = None
        elif flag is not None and flag in record.flags:
            expected = ""
        else:
            expected = whole_answer(prompt)
        if (record.text or None) != (expected or None) or len(whole) != (record.state == "done"):
            wrong.append(f"{record.index}: {record.state} {record.text!r} {record.flags} after {served}")
    return wrong


def _wrong_classes(world: World) -> list[str]:
    """Attempts that are in a class which what they were served is not of."""
    wrong = []
    for job, served in enumerate(world.served):
        for attempt, each in zip(JournalReader(world.session.folder).attempts(job), served, strict=True):
            kinds = world.mix.kinds(each)
            fine = attempt.failure in kinds if kinds else attempt.state == "ok"
            if not fine:
                wrong.append(f"{job}: {each} is {attempt.state} {attempt.failure} {attempt.message}")
    return wrong


def _wrong_blame(world: World) -> list[str]:
    """Keys and endpoints out of use, and prompts that failed, for no fault of theirs."""
    spared = set(world.labels[:-1])  # faults of keys are the last one's
    out_of_use = (KeyState.DEAD, KeyState.QUARANTINED)
    keys = [
        f"{key.label} {key.state} {key.detail}"
        for key in world.frame.keys
        if key.label in spared and key.state in out_of_use
    ]
    endpoints = [
        f"{each.name} {each.detail}"
        for each in world.frame.endpoints
        if each.state in (EndpointState.PAUSED, EndpointState.DOWN)
    ]
    jobs = [
        f"{record.index} {record.error} after {served}"
        for record, served in zip(records(world.session), world.served, strict=True)
        if record.state == "failed" and not any(world.mix.blames(each, Blame.PROMPT) for each in served)
    ]
    return keys + endpoints + jobs


def _try(simulator: Simulator, folder: Path, seed: int) -> None:
    (folder / "run").mkdir()
    world = _world(simulator, folder / "run", seed)
    _assert_accounts_balance(world)
    _assert_the_export_is_what_the_journal_has(world, folder / "results.jsonl")
    assert _wrong_answers(world) == []
    assert _wrong_classes(world) == []
    assert _wrong_blame(world) == []
    assert world.running.complaints() == ""


@pytest.mark.parametrize("seed", range(3))
def test_what_servers_do_wrong_makes_no_answer_wrong(simulator: Simulator, tmp_path: Path, seed: int) -> None:
    _try(simulator, tmp_path, seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3, 53))
def test_with_any_seed_what_servers_do_wrong_makes_no_answer_wrong(
    simulator: Simulator, tmp_path: Path, seed: int
) -> None:
    _try(simulator, tmp_path, seed)
