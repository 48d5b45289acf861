"""What is said of workers in trouble."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmdash.engine.frames.blockers import RunStatus, alerts_of
from llmdash.engine.frames.worker_alerts import worker_alerts
from llmdash.engine.model.frame import KeyRow, WorkerRow
from llmdash.engine.model.states import AlertKind, Severity, WorkerState
from llmdash.reports.alerts import AlertLog
from tests.reports.fakes import RUNNING

W5 = WorkerRow("w5", "gpu-b", WorkerState.LOST, lost=83, silent_s=7.0)
W4 = WorkerRow("w4", "gpu-b", in_flight=12, silent_s=3.2)
W3 = WorkerRow("w3", "gpu-a", lacks=("a1f2",))


def said(*workers: WorkerRow) -> list[str]:
    return [alert.text for alert in worker_alerts(workers)]


def test_a_lost_worker_is_named_with_the_jobs_that_go_again() -> None:
    (alert,) = worker_alerts([W5])
    assert alert.text == "worker w5 silent for 7s: its 83 jobs go again"
    assert (alert.kind, alert.severity) == (AlertKind.WORKER, Severity.ERROR)
    assert said(replace(W5, lost=1)) == ["worker w5 silent for 7s: its 1 job goes again"]
    assert said(replace(W5, lost=0)) == ["worker w5 silent for 7s: nothing was in flight"]


def test_a_worker_that_is_only_silent_is_a_warning() -> None:
    (alert,) = worker_alerts([W4])
    assert alert.text == "worker w4 silent for 3s: its 12 jobs go again once it is lost"
    assert alert.severity is Severity.WARNING
    assert said(replace(W4, in_flight=0)) == ["worker w4 silent for 3s: nothing is in flight"]


@pytest.mark.parametrize(
    "row",
    [
        replace(W5, silent_s=10.1),
        replace(W5, state=WorkerState.LEFT, silent_s=4.0),
        replace(W4, silent_s=2.0),
        replace(W4, state=WorkerState.DRAINED),
        replace(W3, state=WorkerState.LOST, silent_s=11.0),
        replace(W3, state=WorkerState.LEFT),
        replace(W3, lacks=()),
    ],
)
def test_what_is_long_past_or_as_it_should_be_is_no_alert(row: WorkerRow) -> None:
    assert said(row) == []


def test_a_worker_without_a_key_says_which_one() -> None:
    assert said(W3) == ["worker w3 lacks key a1f2 and gets none of its work"]


def test_a_hundred_workers_in_the_same_trouble_share_an_alert() -> None:
    lost = [replace(W5, name=f"w{number}", lost=2) for number in range(100)]
    lacking = [replace(W3, name=f"v{number}", lacks=(f"k{number % 5}",)) for number in range(100)]
    silent = [replace(W4, name=f"u{number}") for number in range(4)]
    assert said(*lost, *lacking, *silent) == [
        "several workers silent for 7s (w0, w1, w2 and 97 more): their 200 jobs go again",
        "several workers silent for 3s (u0, u1, u2 and 1 more): their 48 jobs go again once they are lost",
        "several workers lack keys (v0, v1, v2 and 97 more; k0, k1, k2 and 2 more)",
    ]


def test_the_most_severe_comes_first_whatever_it_is_about() -> None:
    keys = (KeyRow("a1f2", ready_in_s=4.0),)
    alerts = alerts_of(RunStatus(), keys, (), retries_held=True, open_jobs=1, workers=[W3, W5])
    assert [alert.severity for alert in alerts] == [Severity.ERROR, Severity.WARNING, Severity.WARNING]
    assert alerts[0].text.startswith("worker w5")


def test_the_seconds_of_silence_are_not_reported_one_by_one() -> None:
    log = AlertLog()
    lines: list[str] = []
    for second in range(3, 9):
        row = replace(W4, silent_s=float(second))
        lines += log.changes(replace(RUNNING, alerts=tuple(worker_alerts([row]))), float(second))
    assert lines == ["warning: worker w4 silent for 3s: its 12 jobs go again once it is lost"]


@given(
    st.lists(
        st.builds(
            WorkerRow,
            st.text(),
            st.text(),
            st.sampled_from(WorkerState),
            in_flight=st.integers(0, 9),
            lost=st.integers(0, 9),
            silent_s=st.floats(0, 1e6),
            lacks=st.lists(st.text()).map(tuple),
        )
    )
)
def test_there_are_never_more_than_a_few_alerts(workers: list[WorkerRow]) -> None:
    assert len(said(*workers)) <= 9
