"""A kept run is shown as it was at its end, from its journal alone."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from llmdash.engine.journal.file import Group, JournalFile
from llmdash.engine.model import commands
from llmdash.engine.model.frame import ErrorGroup, Frame, KeyRow
from llmdash.engine.model.states import JobState, RunState, SortColumn
from llmdash.engine.model.view import JobsView, SeriesView, StreamView, View
from llmdash.engine.session import LocalSession
from llmdash.llms.wire.failures import FailureKind
from llmdash.prompts.source import InputError, PromptSource
from llmdash.reports.errors import error_kinds, failed_by_kind
from llmdash.reports.summary import end_report, summary
from llmdash.runs.details import details_of
from llmdash.runs.kept_session import KeptSession
from llmdash.runs.show import as_lines
from tests.engine.scripted import Server, echo, failing, held_from, of, plan, prompts, run, started, until
from tests.runs.test_same_figures import total_of
from tests.waiting import PATIENCE_S, wait_for

WIDE = View(jobs=JobsView(height=500), series=SeriesView(600), errors=True)
NOTES = {"name": "scripted", "endpoint": "nowhere", "concurrency": 8, "rate": "null",
         "models": json.dumps(dict.fromkeys(("k0", "k1", "k2"), "scripted"))}  # fmt: skip


def troubled(key: str, prompt: str, before: int) -> list[Any]:
    """Some prompts fail for good, some once; some answers are wrong; one key is dead."""
    number = int(prompt.split()[-1])
    if key == "k1":
        return failing(FailureKind.AUTH, "bad key", status=401)
    if number % 10 == 3:
        return failing(FailureKind.REQUEST, f"too long by {number}", status=400, names_request=True)
    if number % 10 == 5 and not before:
        return failing(FailureKind.TRANSIENT, "try later", status=503)
    return [0.001, *echo(key, prompt if number % 10 != 7 else "wrong", before)]


def kept(folder: Path, **more: Any) -> KeptSession:
    session = KeptSession(folder, **more)
    assert session.loaded(PATIENCE_S)
    assert session.crash is None
    return session


def settled(frame: Frame) -> Frame:
    """What has to be the same: but for the last seconds of rates, and what a notice said."""
    keys = tuple(map(without_pace, frame.keys))
    run = replace(frame.run, requests_per_s=None, tokens_per_s=None, elapsed_s=0.0)
    run = replace(run, began_at=None, ended_at=None)
    return replace(frame, run=run, keys=keys, notices=(), rate=replace(frame.rate, achieved=0.0))


def without_pace(key: KeyRow) -> KeyRow:
    """The row without what is of the last minutes, and the microseconds of its median time."""
    p50_s = None if key.p50_s is None else 0.0
    return replace(key, rpm=0, tpm=0, spark=(), remaining=None, p50_s=p50_s)


def untimed(group: ErrorGroup) -> ErrorGroup:
    """The group without when it happened, which a journal has a little later, and by another clock."""
    keys = tuple(sorted(group.keys))
    return replace(group, keys=keys, examples=(), first_s=None, last_s=None, spark=())


@pytest.mark.parametrize("view", [WIDE, replace(WIDE, jobs=JobsView(height=9, sort=SortColumn.NUMBER))])
def test_a_run_looks_as_it_did_at_its_end(tmp_path: Path, view: View) -> None:
    live = run(plan(tmp_path, Server(troubled), prompts(120), notes=NOTES)).frame(view)
    shown = kept(tmp_path).frame(view)
    before, after = settled(live), settled(shown)
    assert after.run == before.run
    assert after.jobs == before.jobs
    assert after.keys == before.keys
    before = replace(before, series=after.series, failed_tries=after.failed_tries)
    assert after == replace(before, stream=after.stream, errors=after.errors, changes=0, kept=True)
    assert shown.series.is_over is live.series.is_over is True
    assert abs(len(shown.series.rate) - len(live.series.rate)) <= 1, "the last step ends a moment later"
    for name in ("rate", "tokens_per_s"):
        totals = [total_of(part, getattr(part, name)) for part in (shown.series, live.series)]
        assert totals[0] == pytest.approx(totals[1])
    assert sum(shown.failed_tries.per_s) == pytest.approx(sum(live.failed_tries.per_s))
    assert [*map(untimed, shown.errors)] == [*map(untimed, live.errors)]
    assert sum(sum(group.spark) for group in shown.errors) == shown.run.failed_tries > 0
    assert shown.run.began_at == pytest.approx(live.run.began_at, abs=1.0)
    assert shown.run.ended_at == pytest.approx(live.run.ended_at, abs=1.0)
    assert shown.run.elapsed_s == pytest.approx(live.run.elapsed_s, abs=0.01)
    assert shown.run.requests_per_s == pytest.approx(live.run.requests_per_s, rel=0.05)


def test_how_many_were_in_flight_is_the_same_however_often_a_kept_run_is_looked_at(tmp_path: Path) -> None:
    run(plan(tmp_path, Server(), prompts(5), notes=NOTES))
    journal = JournalFile.open(tmp_path)
    journal._db.execute("UPDATE samples SET in_flight = 5")
    journal.close()
    session = kept(tmp_path)
    frames = [session.frame(WIDE) for _ in range(3)]
    assert [frame.run.peak_in_flight for frame in frames] == [5.0] * 3
    assert all(frame.series.in_flight == frames[0].series.in_flight for frame in frames)


def test_a_run_that_was_watched_after_its_end_has_ended_when_its_last_job_did(tmp_path: Path) -> None:
    live = run(plan(tmp_path, Server(), prompts(5), notes=NOTES)).frame(WIDE)
    assert live.run.ended_at is not None
    journal = JournalFile.open(tmp_path)
    journal._db.execute("UPDATE moments SET at = at + 600 WHERE kind = 'ended'")
    journal.close()
    assert kept(tmp_path).frame(WIDE).run.ended_at == pytest.approx(live.run.ended_at, abs=1.0)


def test_a_run_that_was_stopped_shows_what_was_left(tmp_path: Path) -> None:
    server = Server(held_from(150, threading.Event(), troubled))
    with started(plan(tmp_path, server, prompts(300), notes=NOTES, concurrency=4)) as session:
        until(session, lambda frame: frame.run.done > 40)
    live, shown = session.frame(WIDE), kept(tmp_path).frame(WIDE)
    assert shown.run.state is RunState.STOPPED
    assert (shown.run.state_detail, live.run.state_detail) == ("stopped on command",) * 2
    assert (shown.run.queued, shown.run.ended) == (live.run.queued + live.run.waiting, live.run.ended)
    ended = [row for row in live.jobs.rows if row.state.ended]
    assert [row for row in shown.jobs.rows if row.state.ended] == ended
    for key in shown.keys:
        assert key.sent == key.ok + key.throttled + key.errors + key.cut


def test_a_run_whose_process_died_says_so(tmp_path: Path) -> None:
    run(plan(tmp_path, Server(), prompts(5), notes=NOTES))
    journal = JournalFile.open(tmp_path)
    journal.write(Group(reopened=[3]))
    journal._db.execute("DELETE FROM moments WHERE kind = 'ended'")
    journal.close()
    part = kept(tmp_path).frame(View()).run
    assert (part.state, part.done, part.queued) == (RunState.STOPPED, 4, 1)
    assert part.state_detail == "its process ended without a word"


def test_it_can_be_sorted_filtered_and_marked_by_its_ids(tmp_path: Path) -> None:
    run(plan(tmp_path, Server(troubled), prompts(50), notes=NOTES))
    session = kept(tmp_path)
    view = View(jobs=JobsView(height=50, sort=SortColumn.ID, filter="state:failed"))
    wait_for(lambda: session.frame(view).jobs.matched == 5)
    assert {row.id for row in session.frame(view).jobs.rows} == {"p3", "p13", "p23", "p33", "p43"}
    errors = session.frame(WIDE).errors
    assert [(group.words, group.jobs) for group in errors if group.jobs] == [("400 too long by *", 5)]
    assert session.frame(View(failed_as=errors[0].id)).failed == (3, 13, 23, 33, 43)


@pytest.mark.case("engine", "attempts-hidden")
def test_what_failed_is_the_same_in_the_run_its_kept_picture_its_replay_and_its_summary(
    tmp_path: Path,
) -> None:
    live = run(plan(tmp_path, Server(troubled), prompts(50), notes=NOTES)).frame(WIDE)
    shown = kept(tmp_path)
    group = next(each for each in live.errors if not each.jobs)
    frame = shown.frame(View(errors=True, errors_of="k0", examples_of=group.id))
    assert all(each.keys[0][0] == "k0" for each in frame.errors)
    assert 0 < len(frame.examples) <= 4
    assert all(len(example.keys) >= 2 and example.message == group.words for example in frame.examples)
    assert sum(frame.failed_tries.per_s) * frame.failed_tries.step_s == live.run.failed_tries
    had = View(jobs=JobsView(height=50, filter=f"had:{group.kind}"))
    wait_for(lambda: shown.frame(had).jobs.matched >= group.tries)
    details = details_of(tmp_path)
    assert (details.failed_tries, details.made_good) == (live.run.failed_tries, live.run.made_good)
    assert details.failures == failed_by_kind(error_kinds(live.errors, tmp_path))
    said = summary(live)
    assert (said["failed_tries"], said["made_good"]) == (live.run.failed_tries, live.run.made_good)
    assert f"{live.run.failed_tries} failed tries ({live.run.made_good} made good)" in end_report(live)
    assert any(f"{live.run.made_good} made good by a retry" in line for line in as_lines(details))


def test_commands_change_nothing_and_say_how_to_go_on(tmp_path: Path) -> None:
    run(plan(tmp_path, Server(), prompts(5), notes=NOTES))
    session = kept(tmp_path)
    before = session.frame(WIDE)
    for command in (commands.RetryFailed(), commands.SetRate(3.0), commands.Pause()):
        session.command(command)
    after = session.frame(WIDE)
    assert len(after.notices) == 3
    assert f"llmdash run --resume --run-dir {tmp_path}" in after.notices[0].text
    assert replace(after, notices=()) == before
    session.command(commands.Cancel())
    assert len(session.frame(WIDE).notices) == 3


def test_what_is_asked_before_the_run_is_read_is_answered_then(tmp_path: Path) -> None:
    run(plan(tmp_path, Server(), prompts(5), notes=NOTES))
    session = KeptSession(tmp_path)
    session.command(commands.RetryFailed())
    session.command(commands.Cancel())
    assert session.loaded(PATIENCE_S)
    (said,) = session.frame(WIDE).notices
    assert f"llmdash run --resume --run-dir {tmp_path}" in said.text


def changed() -> PromptSource:
    return of(list(prompts(5).prompts), fingerprint="e" * 64)


def gone() -> PromptSource:
    raise InputError("prompts.txt: is not there any more")


@pytest.mark.parametrize(
    ("open_input", "said"),
    [(lambda: prompts(5), "prompt 2"), (changed, "was changed since"), (gone, "is not there any more")],
)
def test_the_inspector_has_the_prompt_or_says_why_not(tmp_path: Path, open_input: Any, said: str) -> None:
    run(plan(tmp_path, Server(), prompts(5), notes=NOTES))
    inspection = kept(tmp_path, open_input=open_input).frame(View(inspect=2)).inspection
    assert inspection is not None
    assert said in inspection.messages[0][1]
    assert (inspection.answer, inspection.expected) == ("re: prompt 2", "re: prompt 2")
    assert [attempt.state for attempt in inspection.attempts] == ["ok"]
    assert (inspection.row.state, inspection.above, inspection.below) == (JobState.DONE, 3, 1)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[["system", "be brief"], ["user", "kept"]]', ("user", "kept")),
        ('[{"role": "user", "content": "kept"}]', ("user", "kept")),
    ],
)
def test_a_prompt_in_the_journal_needs_no_input(tmp_path: Path, text: str, said: tuple[str, str]) -> None:
    run(plan(tmp_path, Server(), prompts(5), notes=NOTES))
    journal = JournalFile.open(tmp_path)
    journal._db.execute("INSERT INTO prompts VALUES (2, ?)", (text,))
    journal.close()
    inspection = kept(tmp_path).frame(View(inspect=2)).inspection
    assert inspection is not None
    assert inspection.messages[-1] == said


@pytest.mark.parametrize("text", ["", "{}", "[1]", "[[]]", "[" * 10_000, '["x"]'])
def test_a_damaged_prompt_breaks_nothing(tmp_path: Path, text: str) -> None:
    run(plan(tmp_path, Server(), prompts(3), notes=NOTES))
    journal = JournalFile.open(tmp_path)
    journal._db.execute("INSERT INTO prompts VALUES (2, ?)", (text,))
    journal.close()
    assert kept(tmp_path).frame(View(inspect=2)).inspection is not None


def test_the_stream_pane_shows_the_whole_answer(tmp_path: Path) -> None:
    run(plan(tmp_path, Server(), prompts(5), notes=NOTES))
    session = kept(tmp_path)
    part = session.frame(View(stream=StreamView(job=3))).stream
    assert (part.job, "".join(part.chunks)) == (3, "re: prompt 3")
    assert part.is_even, "its chunks are not on record"
    assert "".join(session.frame(View()).stream.chunks).startswith("re: prompt")


def test_until_all_is_read_the_totals_on_record_are_shown(tmp_path: Path) -> None:
    live = run(plan(tmp_path, Server(troubled), prompts(60), notes=NOTES)).frame(View()).run
    session, gate = KeptSession(tmp_path), threading.Event()
    session._note = lambda share: gate.wait(PATIENCE_S) and None  # type: ignore[assignment, method-assign]
    first = session.frame(WIDE).run
    assert (first.done, first.failed, first.jobs) == (live.done, live.failed, live.jobs)
    assert first.queued + first.waiting + first.in_flight + first.ended == first.jobs
    assert first.state_detail == "reading the journal: 0%"
    gate.set()
    assert session.loaded(PATIENCE_S)
    assert session.frame(WIDE).run.state_detail == "every job has ended"


def test_a_damaged_journal_is_named_and_the_totals_stay(tmp_path: Path) -> None:
    run(plan(tmp_path, Server(), prompts(6), notes=NOTES))
    journal = JournalFile.open(tmp_path)
    journal._db.execute("UPDATE results SET verdict = 77 WHERE job = 2")
    journal.close()
    session = KeptSession(tmp_path)
    assert session.loaded(PATIENCE_S)
    part = session.frame(WIDE).run
    assert "damaged" in part.state_detail
    assert part.done == 6


def test_a_run_without_a_name_for_its_keys_is_shown(tmp_path: Path) -> None:
    session: LocalSession = run(plan(tmp_path, Server(), prompts(6)))
    frame = kept(session.folder).frame(WIDE)
    assert [key.label for key in frame.keys] == ["k0", "k1", "k2"]
    assert sum(key.ok for key in frame.keys) == 6
