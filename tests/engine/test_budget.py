"""A budget: each request is reserved for before it is sent, and nothing is sent that there is no room for."""

from __future__ import annotations

import random
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from llmdash.engine.dispatch.answer_rules import AnswerRules
from llmdash.engine.dispatch.quotes import Quotes
from llmdash.engine.dispatch.reservations import Reservations
from llmdash.engine.journal.file import Group, JournalFile
from llmdash.engine.journal.reader import JournalReader
from llmdash.engine.journal.totals import totals_in
from llmdash.engine.model.commands import CancelJobs, Drain, SetBudget
from llmdash.engine.model.ending import Ending
from llmdash.engine.model.forecast import HoldKind
from llmdash.engine.model.frame import Frame
from llmdash.engine.model.records import AttemptRecord
from llmdash.engine.model.states import AlertKind, Binding
from llmdash.engine.plan import RunPlan
from llmdash.engine.pool.budget import BudgetStatistics, SpendingBudget
from llmdash.engine.pool.costs import Tokens
from llmdash.engine.pool.member import Endpoint, Member
from llmdash.llms.messages import Delta, Usage
from llmdash.llms.wire.failures import Failure, FailureKind
from llmdash.prompts.source import Prompt
from llmdash.reports.summary import end_report
from llmdash.runs.kept_session import KeptSession
from tests.engine.scripted import (
    ALL,
    ScriptedLLM,
    Server,
    Step,
    of,
    plan,
    prompts,
    run,
    started,
    until,
    whole,
)
from tests.waiting import PATIENCE_S

CENT = 0.01
LIMIT = {"max_tokens": 100}
"""A request costs at most a cent: a hundred tokens of an answer."""


def price(_label: str, model: str, tokens: Tokens) -> float | None:
    """A cent for 100 tokens out; prompts are free."""
    return None if model == "unpriced" else tokens.output * CENT / 100


def priced(the_plan: RunPlan, cost_of: Any = price) -> RunPlan:
    return replace(the_plan, facts=replace(the_plan.facts, cost_of=cost_of))


def answering(tokens: int) -> Server:
    return Server(lambda _key, _prompt, _before: whole("x", Usage(3, tokens)))


def bounded(folder: Path, server: Server, budget: float, jobs: int = 50, **more: Any) -> RunPlan:
    return priced(plan(folder, server, prompts(jobs), budget=budget, **{"options": LIMIT, **more}))


def is_held(frame: Frame) -> bool:
    return frame.run.hold is not None and not frame.run.in_flight


@pytest.mark.parametrize("concurrency", [1, 8, 512])
def test_a_budget_can_be_reached_exactly_and_not_exceeded(tmp_path: Path, concurrency: int) -> None:
    server = answering(100)
    session = run(bounded(tmp_path, server, 10 * CENT, 600, concurrency=concurrency))
    assert session.ending is Ending.HELD
    assert sum(server.asked.values()) == 10
    frame = session.frame(ALL)
    assert frame.run.cost == pytest.approx(10 * CENT)
    assert frame.run.hold is not None
    assert frame.run.hold.kind is HoldKind.BUDGET
    assert "$0.10 of $0.10 spent" in frame.run.hold.text
    assert JournalReader(tmp_path).facts()["held"] == "budget"


def test_answers_shorter_than_reserved_make_room_for_more(tmp_path: Path) -> None:
    server = answering(10)
    session = run(bounded(tmp_path, server, 10 * CENT, 600, concurrency=64))
    assert session.ending is Ending.HELD
    assert sum(server.asked.values()) == 91  # another could cost a cent, and nine tenths of one are left
    run_part = session.frame(ALL).run
    assert run_part.cost is not None
    assert run_part.cost <= 10 * CENT


def test_a_budget_smaller_than_one_request_holds_at_once(tmp_path: Path) -> None:
    server = answering(1)
    session = run(bounded(tmp_path, server, CENT / 2, 5))
    assert session.ending is Ending.HELD
    assert not server.asked
    assert "the next may cost $0.010" in str(session.frame(ALL).run.hold)


def test_a_budget_that_is_enough_is_not_noticed(tmp_path: Path) -> None:
    session = run(bounded(tmp_path, answering(100), 50 * CENT, 50))
    assert session.ending is Ending.DONE
    assert session.frame(ALL).run.hold is None


def test_without_a_limit_4096_tokens_are_reserved_until_answers_are_known(tmp_path: Path) -> None:
    gate = threading.Event()
    server = Server(lambda _key, _prompt, _before: [gate, *whole("x", Usage(3, 10))])
    with started(
        bounded(tmp_path, server, 45 * CENT * 4, 60, options={}, stay=True, concurrency=32)
    ) as session:
        first = until(session, lambda frame: frame.run.in_flight == 4)
        assert first.run.reserved == pytest.approx(4 * 40.96 * CENT)
        gate.set()
        until(session, lambda frame: frame.run.done == 60)  # 20 answers later ten tokens are reserved


def test_a_held_run_goes_on_once_its_budget_is_raised(tmp_path: Path) -> None:
    server = answering(100)
    with started(bounded(tmp_path, server, 10 * CENT, 30, stay=True)) as session:
        held = until(session, is_held)
        assert [alert.kind for alert in held.alerts] == [AlertKind.BUDGET]
        assert held.rate.binding is Binding.HELD
        session.command(SetBudget(20 * CENT))
        more = until(session, lambda frame: is_held(frame) and frame.run.done == 20)
        assert more.run.budget == pytest.approx(20 * CENT)
        session.command(SetBudget(None))
        done = until(session, lambda frame: frame.run.done == 30)
        assert done.run.budget is None
    assert max(server.asked.values()) == 1


def test_a_budget_set_on_a_running_batch_counts_what_was_spent_and_is_in_flight(tmp_path: Path) -> None:
    gate = threading.Event()

    def script(_key: str, prompt: str, _before: int) -> list[Step]:
        return [*([gate] if int(prompt.split()[1]) >= 10 else []), *whole("x", Usage(3, 100))]

    the_plan = priced(plan(tmp_path, Server(script), prompts(100), options=LIMIT, stay=True, concurrency=4))
    with started(the_plan) as session:
        until(session, lambda frame: frame.run.done == 10 and frame.run.in_flight == 4)
        session.command(SetBudget(20 * CENT))
        bound = until(session, lambda frame: frame.run.budget is not None)
        assert bound.run.reserved == pytest.approx(4 * CENT)
        gate.set()
        assert until(session, is_held).run.done == 20


def test_nobody_is_shown_a_budget_before_all_that_was_spent_is_counted() -> None:
    reservations = Reservations(Quotes(price, LIMIT))
    shown: list[float | None] = []

    def spent() -> tuple[float, float]:
        shown.append(reservations.statistics().limit)
        return 0.25, 0.5

    reservations.set_budget(2.0, spent)
    assert shown == [None]
    assert reservations.statistics() == BudgetStatistics(2.0, 0.25, 0.0, 0.5)


def test_a_budget_raised_while_it_drains_does_not_send(tmp_path: Path) -> None:
    server = answering(100)
    with started(bounded(tmp_path, server, 10 * CENT, 30, stay=True)) as session:
        until(session, is_held)
        session.command(Drain())
        session.command(SetBudget(30 * CENT))
        until(session, lambda frame: frame.run.budget == pytest.approx(30 * CENT))
    assert sum(server.asked.values()) == 10


def test_a_budget_without_a_price_is_refused_in_words(tmp_path: Path) -> None:
    with started(plan(tmp_path, answering(1), prompts(3), stay=True)) as session:
        session.command(SetBudget(1.0))
        said = until(session, lambda frame: bool(frame.notices))
        assert "no price is known for scripted at nowhere" in said.notices[0].text
        assert '[prices."scripted"]' in said.notices[0].text
        session.command(SetBudget(-1.0))
        assert until(session, lambda frame: frame.run.done == 3).run.budget is None


def test_a_job_whose_own_model_has_no_price_fails_and_blocks_nothing(tmp_path: Path) -> None:
    jobs = [
        Prompt(f"p{n}", (("user", f"prompt {n}"),), options={"model": "unpriced"} if n == 1 else {})
        for n in range(4)
    ]
    session = run(priced(plan(tmp_path, answering(10), of(jobs), budget=1.0, options=LIMIT)))
    failed = [result for result in JournalReader(session.folder).results() if result.state == "failed"]
    assert [result.id for result in failed] == ["p1"]
    assert "no price is known" in str(failed[0].error)


def test_all_starts_of_a_run_count(tmp_path: Path) -> None:
    server = answering(100)
    begun = bounded(tmp_path, server, 10 * CENT, 30)
    assert run(begun).ending is Ending.HELD
    assert run(replace(begun, resume=True)).ending is Ending.HELD
    assert sum(server.asked.values()) == 10
    assert run(replace(begun, resume=True, budget=15 * CENT)).ending is Ending.HELD
    assert sum(server.asked.values()) == 15
    assert run(replace(begun, resume=True, budget=None)).ending is Ending.DONE
    assert sum(server.asked.values()) == 30


def test_requests_of_unknown_outcome_after_a_kill_count_at_what_they_may_cost(tmp_path: Path) -> None:
    server = answering(100)
    begun = bounded(tmp_path, server, 2 * CENT, 30)
    run(begun)
    journal = JournalFile.open(tmp_path)
    journal.write(Group(attempts=[AttemptRecord(job, 1, "k0", "sent", 1.0) for job in (20, 21, 22)]))
    journal.close()
    session = run(replace(begun, resume=True, budget=10 * CENT))
    frame = session.frame(ALL)
    assert sum(server.asked.values()) == 7  # three cents of ten are kept
    assert "$0.10 of $0.10 spent, $0.030 of it on requests of unknown outcome" in str(frame.run.hold)
    assert any("$0.030 of the budget is kept" in notice.text for notice in frame.notices)
    totals, kept = totals_in(JournalReader(tmp_path).facts()), KeptSession(tmp_path)
    assert totals is not None
    assert kept.loaded(PATIENCE_S)
    end = kept.frame(ALL).run
    assert (frame.run.cost, frame.run.cost_uncertain) == (10 * CENT, 3 * CENT)
    assert (totals.cost, totals.cost_uncertain) == (end.cost, end.cost_uncertain) == (10 * CENT, 3 * CENT)
    report = end_report(frame)
    assert "cost     $0.1000 of $0.1000, of which at most $0.0300 for 3 requests without an outcome" in report


def test_a_failure_that_may_be_billed_counts_and_another_does_not(tmp_path: Path) -> None:
    def script(_key: str, prompt: str, before: int) -> list[Any]:
        if before:
            return whole("x", Usage(3, 100))
        billed = prompt == "prompt 0"
        return [Failure(FailureKind.TRANSIENT, "no", may_be_billed=billed, status=None if billed else 500)]

    server = Server(script)
    begun = bounded(tmp_path, server, 10 * CENT, 9)
    session = run(begun)
    assert session.ending is Ending.DONE
    assert session.frame(ALL).run.cost == pytest.approx(10 * CENT)
    assert run(replace(begun, resume=True)).frame(ALL).run.cost == pytest.approx(10 * CENT)


class _Never:
    """A schema that no answer has."""

    def problem(self, _text: str) -> str | None:
        return "not JSON"


def test_a_repair_is_paid_from_the_budget_too(tmp_path: Path) -> None:
    rules = AnswerRules(_Never(), repairs=True)
    server = answering(100)
    session = run(bounded(tmp_path, server, 10 * CENT, 30, rules=rules, concurrency=1))
    assert session.ending is Ending.HELD
    assert sum(server.asked.values()) == 10
    assert session.frame(ALL).run.cost == pytest.approx(10 * CENT)


def test_one_job_without_room_does_not_block_those_that_have_some(tmp_path: Path) -> None:
    jobs = [
        Prompt(f"p{n}", (("user", f"prompt {n}"),), options={"max_tokens": 10**6 if n == 0 else 100})
        for n in range(10)
    ]
    server = answering(100)
    the_plan = priced(plan(tmp_path, server, of(jobs), budget=20 * CENT, stay=True))
    with started(the_plan) as session:
        held = until(session, is_held)
        assert held.run.done == 9
        session.command(CancelJobs((0,)))
        assert until(session, lambda frame: frame.run.ended == 10).run.hold is None


def two_endpoints(folder: Path, server: Server, dear: float, budget: float, **more: Any) -> RunPlan:
    """A key at a dear endpoint and one at a cheap one, of a cent a request."""

    @asynccontextmanager
    async def connect() -> AsyncIterator[list[Member]]:
        yield [Member(ScriptedLLM(server, name), name, Endpoint(name)) for name in ("dear", "cheap")]

    def cost_of(label: str, _model: str, tokens: Tokens) -> float | None:
        return tokens.output * CENT / 100 * (dear if label == "dear" else 1.0)

    the_plan = bounded(folder, server, budget, **more)
    return priced(replace(the_plan, connect=connect), cost_of)


def test_what_the_dear_endpoint_has_no_room_for_goes_to_the_cheap_one(tmp_path: Path) -> None:
    server = answering(100)
    session = run(two_endpoints(tmp_path, server, 8.0, 30 * CENT))
    assert session.ending is Ending.HELD
    spent = 8 * server.by_key["dear"] + server.by_key["cheap"]
    assert spent == 30
    assert server.by_key["cheap"] > server.by_key["dear"]


def test_a_dead_cheap_key_is_no_reason_to_wait_for_ever(tmp_path: Path) -> None:
    def script(key: str, _prompt: str, _before: int) -> list[Any]:
        if key == "cheap":
            return [Failure(FailureKind.AUTH, "no", status=401)]
        return whole("x", Usage(3, 100))

    session = run(two_endpoints(tmp_path, Server(script), 8.0, 30 * CENT))
    assert session.ending is Ending.HELD


def test_the_sums_of_a_budget_have_no_rounding_errors() -> None:
    rng = random.Random(1)
    budget = SpendingBudget()
    budget.set_limit(0.3)
    for job, cost in enumerate((0.1, 0.2)):
        assert budget.fits(cost)
        budget.reserve(job, cost)
    assert not budget.fits(1e-9)
    for job in range(2):
        budget.release(job)
    for job in range(10_000):
        budget.reserve(job, rng.random() * 1e-6)
    for job in range(10_000):
        budget.keep(job) if job % 2 else budget.release(job)
    assert budget.statistics().reserved == 0.0
    assert budget.in_flight == 0


def test_costs_of_reasoning_and_cache_have_their_own_prices(tmp_path: Path) -> None:
    def cost_of(_label: str, _model: str, tokens: Tokens) -> float | None:
        return (tokens.output + 9 * tokens.reasoning - tokens.cached) * CENT / 1000

    answer = [Delta(text="x"), Delta(finish_reason="stop", usage=Usage(50, 100, False, 40, 0, 100))]
    server = Server(lambda _key, _prompt, _before: answer)
    the_plan = plan(tmp_path, server, prompts(30), budget=9.65 * CENT, options=LIMIT, concurrency=1)
    session = run(priced(the_plan, cost_of))
    assert sum(server.asked.values()) == 10  # reserved at a cent each, 0.96 paid
    assert session.frame(ALL).run.cost == pytest.approx(9.6 * CENT)
