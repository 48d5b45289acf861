"""The batches of a kept run: as the run itself showed them at its end, with what they cost."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from llmdash.engine.model.batch_terms import BatchTerms
from llmdash.engine.model.frame import BatchRow
from llmdash.engine.pool.costs import RunPrices, Tokens
from llmdash.launch.kept_batches import as_records, batches_of
from llmdash.launch.kept_sessions import kept_session
from llmdash.runs.kept_session import KeptSession
from tests.engine.batches.provider import Provider, batch_plan
from tests.engine.scripted import ALL, Server, prompts, run
from tests.waiting import PATIENCE_S

NOTES = {"models": json.dumps({"k0": "scripted", "k1": "scripted"})}


def _live(_label: str, _model: str, tokens: Tokens) -> float:
    return 1e-6 * (tokens.input + 2 * tokens.output)


def _half(label: str, model: str, tokens: Tokens) -> float:
    return _live(label, model, tokens) / 2


PRICES = RunPrices(_live, _half)


def said(row: BatchRow) -> tuple[object, ...]:
    """What is shown of a batch but for its age."""
    cost = row.cost and round(row.cost, 12)
    return row.batch, row.state, row.jobs, row.left, row.done, row.failed, row.expired, cost, row.cost_is_most


@pytest.mark.parametrize("share", ["batch = 0.5\n", ""], ids=["priced", "at most"])
def test_a_kept_run_shows_its_batches_as_the_run_did_at_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, share: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "llmdash.toml").write_text(f'[prices."scripted"]\ninput = 1.0\noutput = 2.0\n{share}')
    provider, folder = Provider(), tmp_path / "run"
    provider.share = 0.5
    folder.mkdir()
    terms = BatchTerms(all_pending=True, most_jobs=7)
    plan = batch_plan(folder, Server(), provider, prompts(30), keys=2, terms=terms, notes=NOTES)
    in_batch, is_known = (_half if share else _live), bool(share)
    facts = replace(
        plan.facts, cost_of=_live, batch_cost_of=in_batch, has_batch_price=lambda _key, _model: is_known
    )
    at_end = run(replace(plan, facts=facts)).frame(ALL)
    kept = kept_session(folder)
    assert kept.loaded(PATIENCE_S)
    shown = kept.frame(ALL)
    listed = list(as_records(batches_of(folder)))
    assert [*map(said, shown.batches)] == [*map(said, at_end.batches)]
    costs = [row.cost or 0.0 for row in shown.batches]
    assert sum(costs) > 0.0
    assert sum(costs) == pytest.approx(at_end.run.batch_cost) == pytest.approx(shown.run.batch_cost)
    assert [each["cost"] and round(each["cost"], 6) for each in listed] == [
        row.cost and round(row.cost, 6) for row in shown.batches
    ]
    assert sum(each["cost"] or 0.0 for each in listed) == pytest.approx(shown.run.batch_cost, abs=1e-5)
    assert at_end.run.cost_is_most is shown.run.cost_is_most is not is_known
    assert {each["cost_is_most"] for each in listed if each["cost"]} == {not is_known}
    assert shown.run.cost == pytest.approx(at_end.run.cost)


def test_a_job_of_a_batch_is_priced_as_one_and_found_by_its_batch(tmp_path: Path) -> None:
    session = run(batch_plan(tmp_path, Server(), Provider(), prompts(5), notes=NOTES))
    assert session.frame(ALL).run.done == 5
    kept = KeptSession(tmp_path, prices=PRICES)
    assert kept.loaded(PATIENCE_S)
    rows = kept.frame(ALL).jobs.rows
    assert [row.batch for row in rows] == [0, 1, 1, 1, 1]
    costs = [found.cost for job in range(2) if (found := kept.frame(replace(ALL, inspect=job)).inspection)]
    assert costs == [pytest.approx(8e-6), pytest.approx(4e-6)]
