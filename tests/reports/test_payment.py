"""What is said of requests without an outcome: of those of the simulator none costs anything."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import llmdash
from llmdash.engine.model.frame import Frame, WorkerRow
from llmdash.engine.model.payment import FREE, PAID, Payment, payment_where, spends
from llmdash.engine.model.records import AttemptRecord
from llmdash.engine.model.run_part import RunPart
from llmdash.engine.model.states import WorkerState
from llmdash.reports.summary import end_report
from llmdash.ui.inspector.attempt_lines import attempts_text
from llmdash.ui.text.outcome_words import outcome_lines
from llmdash.ui.text.worker_words import sentences

_PAYS = re.compile(r"\bpa(?:y|id)\b")


def _said(payment: Payment) -> list[str]:
    """All that the screen and the report say of a run with such requests."""
    run = RunPart(jobs=9, done=3, unknown=2, spends=payment is PAID)
    lost = WorkerRow("w5", "here", state=WorkerState.LOST, lost=2)
    attempts = [
        AttemptRecord(0, 1, "a1f2", "unknown", 0.0),
        AttemptRecord(0, 2, "a1f2", "cut", 0.0),
        AttemptRecord(0, 3, "a1f2", "unknown", 0.0, worker="w5"),
    ]
    return [
        end_report(Frame(run=run)),
        "\n".join("".join(text for text, _ in line.pieces) for line in outcome_lines(run, (), 60)),
        "\n".join(sentence.text for sentence in sentences([lost], "", run.payment)),
        attempts_text(attempts, 200, run.payment),
    ]


def test_requests_without_an_outcome_may_be_paid_twice() -> None:
    assert [len(_PAYS.findall(text)) for text in _said(PAID)] == [1, 1, 1, 3]


def test_nothing_is_said_of_payment_where_nothing_is_paid() -> None:
    for text in _said(FREE):
        assert _PAYS.search(text) is None
    report, outcome, workers, attempts = _said(FREE)
    assert "unknown  2 requests without an outcome" in report
    assert "2 requests without an outcome" in outcome
    assert workers.endswith("2 requests of w5 are unknown; each was asked again.")
    assert attempts.count("its outcome is unknown") == 2


@pytest.mark.parametrize(
    ("facts", "paid"), [({}, True), ({"simulator": None}, True), ({"simulator": '{"keys": []}'}, False)]
)
def test_the_journal_says_whether_a_run_costs_money(facts: dict[str, object], paid: bool) -> None:
    assert payment_where(spends(facts)) is (PAID if paid else FREE)


def test_that_something_may_be_paid_twice_is_worded_in_one_place() -> None:
    sources = Path(llmdash.__file__).parent.rglob("*.py")
    where = [path.name for path in sources if re.search(r'"[^"\n]*paid twice', path.read_text("utf-8"))]
    assert where == ["payment.py"]
