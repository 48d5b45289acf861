"""What pending jobs would cost and take in batches is said beside what they would live, while it is asked."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from llmdash.engine.model.batch_terms import BatchTerms
from llmdash.engine.model.forecast import BatchForecast
from llmdash.engine.model.view import View
from llmdash.engine.pool.costs import Tokens
from llmdash.engine.session import LocalSession
from tests.engine.batches.provider import Provider, batch_plan
from tests.engine.scripted import Server, held_from, prompts, started, until
from tests.waiting import first

PENDING = 50


def live_price(_label: str, _model: str, tokens: Tokens) -> float:
    return tokens.output / 100


def half_price(_label: str, _model: str, tokens: Tokens) -> float:
    return tokens.output / 200


def asked(session: LocalSession, jobs: tuple[int, ...] = ()) -> BatchForecast:
    view = View(batch_forecast=True, batch_jobs=jobs)
    found = first(lambda: session.frame(view).batch_forecast, lambda forecast: forecast is not None)
    assert found is not None
    return found


def test_pending_jobs_are_priced_live_and_in_batches_by_the_answers_so_far(tmp_path: Path) -> None:
    gate = threading.Event()
    server, provider = Server(held_from(25, gate)), Provider()
    plan = batch_plan(
        tmp_path, server, provider, prompts(25 + 1 + PENDING), terms=BatchTerms(most_jobs=20), concurrency=1
    )
    facts = replace(plan.facts, cost_of=live_price, batch_cost_of=half_price)
    places: list[tuple[str, str]] = []

    def earlier(endpoint: str, model: str) -> tuple[float, ...]:
        places.append((endpoint, model))
        return 60.0, 90.0

    with started(replace(plan, facts=facts, earlier_batches=earlier)) as session:
        until(session, lambda frame: frame.run.done == 25 and frame.run.in_flight == 1)
        assert session.frame(View()).batch_forecast is None
        forecast = asked(session)
        assert (forecast.jobs, forecast.stay, forecast.files) == (PENDING, 0, 3)
        assert forecast.live_cost == pytest.approx(PENDING * 3 / 100), "an answer had three tokens"
        assert forecast.cost == pytest.approx(PENDING * 3 / 200)
        assert (forecast.usual_s, forecast.seen) == (75.0, 2), "as other runs had it"
        assert places[0] == ("openai", "scripted")
        assert not forecast.is_bound
        assert not forecast.is_full_price
        assert forecast.most_s == 86_400.0
        assert PENDING * 40 < forecast.bytes < PENDING * 80
        marked = asked(session, (3, 30, 31, 400))
        assert marked.jobs == 2, "what has ended is not sent"
        assert marked.live_cost == pytest.approx(2 * 3 / 100)
        gate.set()


@pytest.mark.parametrize("has_service", [True, False])
def test_where_no_price_of_batches_or_no_service_is_known_it_says_so(
    tmp_path: Path, has_service: bool
) -> None:
    gate = threading.Event()
    provider = Provider() if has_service else None
    plan = batch_plan(
        *(tmp_path, Server(held_from(0, gate)), provider, prompts(5)), terms=BatchTerms(), concurrency=1
    )
    facts = replace(plan.facts, cost_of=live_price, batch_cost_of=live_price)
    with started(replace(plan, facts=facts)) as session:
        until(session, lambda frame: frame.run.in_flight == 1)
        forecast = asked(session)
        if has_service:
            assert (forecast.jobs, forecast.is_full_price, forecast.is_bound) == (4, True, True)
            assert forecast.cost == forecast.live_cost
        else:
            assert (forecast.jobs, forecast.stay) == (0, 4)
            assert forecast.why == "no usable key has a batch service"
        gate.set()
