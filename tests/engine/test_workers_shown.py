"""A run whose attempts are made by workers: what frames, reports and exports say of them."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from llmdash.engine.dispatch.asker import Lost
from llmdash.engine.model.frame import Frame, WorkerRow
from llmdash.engine.model.states import AlertKind, Binding, WaitReason, WorkerState
from llmdash.engine.model.view import JobsView, StreamView, View
from llmdash.engine.pool.member import Member
from llmdash.engine.session import LocalSession
from llmdash.launch.results import export
from llmdash.reports.progress import progress_line
from llmdash.reports.summary import end_report, summary
from tests.engine.dispatch.test_asker import FakeAsker
from tests.engine.scripted import Server, plan, prompts, records, run, started, until, worked_out

TWO = (WorkerRow("w1", "gpu-a", keys=3), WorkerRow("w2", "gpu-b", keys=3))


class Fleet(FakeAsker):
    """Asks here, and says that two workers did it in turn."""

    address = "tls://10.0.0.4:8786"

    def __init__(
        self, script: Callable[[int, int], type[Exception] | None] = lambda _job, _before: None
    ) -> None:
        super().__init__(script)
        self.rows: Sequence[WorkerRow] = TWO
        self.placed = 0
        self.why: str | None = None

    def place(self, member: Member) -> str | None:
        self.placed += 1
        return self.rows[self.placed % len(self.rows)].name

    def workers(self) -> Sequence[WorkerRow]:
        return self.rows

    def blocked(self) -> str | None:
        return self.why


def of_twenty(folder: Path) -> LocalSession:
    """Twenty jobs that two workers did; one attempt was lost."""
    fleet = Fleet(lambda job, before: Lost if job == 3 and not before else None)
    return run(plan(folder, Server(), prompts(20), concurrency=1, asker=fleet))


def test_rows_streams_and_attempts_name_their_worker(tmp_path: Path) -> None:
    session = of_twenty(tmp_path)
    frame = session.frame(View(jobs=JobsView(height=20), stream=StreamView(job=4), inspect=3))
    assert {row.worker for row in frame.jobs.rows} == {"w1", "w2"}
    assert frame.stream.worker == next(row.worker for row in frame.jobs.rows if row.job == 4)
    assert frame.cluster == "tls://10.0.0.4:8786"
    assert frame.inspection is not None
    assert [attempt.state for attempt in frame.inspection.attempts] == ["unknown", "ok"]
    assert frame.inspection.record is not None
    assert frame.inspection.record.worker == frame.inspection.attempts[-1].worker
    assert {frame.inspection.attempts[0].worker, frame.inspection.record.worker} == {"w1", "w2"}


def test_the_jobs_of_a_worker_can_be_filtered(tmp_path: Path) -> None:
    session = of_twenty(tmp_path)
    done = {row.name: row.done for row in session.frame(View()).workers}
    part = worked_out(session, View(jobs=JobsView(height=20, filter="worker:w2"))).jobs
    assert part.matched == done["w2"]
    assert {row.worker for row in part.rows} == {"w2"}


def test_summary_and_exports_count_each_answer_once(tmp_path: Path) -> None:
    session = of_twenty(tmp_path)
    found = summary(session.frame(View()))["workers"]
    assert [(row["name"], row["host"]) for row in found] == [("w1", "gpu-a"), ("w2", "gpu-b")]
    assert sum(row["done"] for row in found) == 20
    assert sum(row["lost"] for row in found) == 1
    assert "(1 lost)" in end_report(session.frame(View()))
    by_worker = {name: [r.worker for r in records(session)].count(name) for name in ("w1", "w2")}
    assert by_worker == {row["name"]: row["done"] for row in found}
    for name in ("r.csv", "r.jsonl"):
        export(session.folder, tmp_path / name)
    with (tmp_path / "r.csv").open(newline="") as file:
        named = [row["worker"] for row in csv.DictReader(file)]
    assert named == [json.loads(line)["worker"] for line in (tmp_path / "r.jsonl").read_text().splitlines()]
    assert {name: named.count(name) for name in ("w1", "w2")} == by_worker


def test_a_later_start_still_knows_the_hosts_of_a_short_one(tmp_path: Path) -> None:
    done = {row.name: row.done for row in of_twenty(tmp_path).frame(View()).workers}
    session = run(plan(tmp_path, Server(), prompts(20), resume=True))
    assert [(row.name, row.host, row.state, row.done) for row in session.frame(View()).workers] == [
        (name, host, WorkerState.LEFT, done[name]) for name, host in (("w1", "gpu-a"), ("w2", "gpu-b"))
    ]


def test_a_run_that_makes_its_attempts_itself_exports_no_worker(tmp_path: Path) -> None:
    session = run(plan(tmp_path, Server(), prompts(2)))
    for name in ("r.csv", "r.jsonl"):
        export(session.folder, tmp_path / name)
        assert "worker" not in (tmp_path / name).read_text()
    assert summary(session.frame(View()))["workers"] == []


def test_a_run_without_any_worker_says_so_everywhere(tmp_path: Path) -> None:
    fleet = Fleet()
    fleet.gate.clear()
    fleet.why = "none has joined tls://10.0.0.4:8786"

    def waits(frame: Frame) -> bool:
        """The alert comes once that lasts: workers may be about to join."""
        return bool(frame.alerts) and any(row.reason is WaitReason.WORKER for row in frame.jobs.rows)

    with started(plan(tmp_path, Server(), prompts(5), asker=fleet, patience_s=math.inf)) as session:
        frame = until(session, lambda frame: waits(frame) and bool(frame.alerts))
        assert frame.run.state_detail == "waiting on worker"
        assert frame.rate.binding is Binding.WORKER
        assert [alert.kind for alert in frame.alerts] == [AlertKind.WORKER]
        line = progress_line(frame)
        assert "waiting on worker" in line
        assert "No worker: none has joined tls://10.0.0.4:8786; nothing is lost" in line
        part = worked_out(session, View(jobs=JobsView(height=5, filter="state:worker"))).jobs
        assert part.matched


def test_what_is_wrong_with_a_worker_is_an_alert_while_jobs_are_open(tmp_path: Path) -> None:
    fleet = Fleet()
    fleet.rows = (replace(TWO[0], state=WorkerState.LOST, silent_s=7.0), replace(TWO[1], lacks=("k1",)))
    fleet.gate.clear()
    with started(plan(tmp_path, Server(), prompts(5), asker=fleet)) as session:
        frame = until(session, lambda frame: len(frame.alerts) == 2)
        assert [alert.text for alert in frame.alerts] == [
            "worker w1 silent for 7s: nothing was in flight",
            "worker w2 lacks key k1 and gets none of its work",
        ]
