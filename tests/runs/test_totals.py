"""A run keeps its totals in its journal, so that a list of runs need not read its rows."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

from llmdash.engine.model import commands
from llmdash.llms.wire.failures import FailureKind
from llmdash.locations import private_dir
from llmdash.runs.catalogue import KeptState, entry_of
from tests.engine.scripted import Server, assert_balanced, echo, failing, plan, prompts, run, started, until
from tests.waiting import PATIENCE_S


def third_fails(key: str, prompt: str, before: int) -> list[Any]:
    return failing(FailureKind.REQUEST) if prompt == "prompt 3" else echo(key, prompt, before)


def test_the_totals_are_those_of_the_end(tmp_path: Path) -> None:
    server = Server(third_fails)
    session = run(plan(tmp_path, server, prompts(20)))
    assert_balanced(session, server)
    entry = entry_of(tmp_path)
    assert (entry.state, entry.done, entry.failed, entry.exact) == (KeptState.FAILED, 19, 1, True)
    assert (entry.right, entry.scored, entry.attempts, entry.cost) == (19, 19, 20, None)
    assert (entry.input_tokens, entry.output_tokens) == (38, 57)


def test_the_price_of_a_run_is_in_its_totals(tmp_path: Path) -> None:
    the_plan = plan(tmp_path, Server(), prompts(10))
    facts = replace(the_plan.facts, cost_of=lambda _key, _model, tokens: tokens.output * 0.5)
    run(replace(the_plan, facts=facts))
    assert entry_of(tmp_path).cost == 15.0


def test_a_run_that_is_paused_stopped_or_gone_is_told_apart(tmp_path: Path) -> None:
    server, folder = Server(), private_dir(tmp_path / "run")
    with started(plan(folder, server, prompts(1000), rate=50.0, stay=True)) as session:
        until(session, lambda frame: frame.run.done > 2)
        assert entry_of(folder).state is KeptState.RUNNING
        session.command(commands.Pause())
        until(session, lambda _: entry_of(folder).state is KeptState.PAUSED)
        until(session, lambda frame: not frame.run.in_flight)
        shutil.copytree(folder, tmp_path / "died", ignore=shutil.ignore_patterns("lock"))
        session.command(commands.Cancel())
        assert session.join(PATIENCE_S)
        done = assert_balanced(session, server).run.done
    stopped, died = entry_of(folder), entry_of(tmp_path / "died")
    assert (stopped.state, stopped.done) == (KeptState.STOPPED, done)
    assert (died.state, died.done) == (KeptState.DIED, done)
