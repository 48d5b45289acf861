"""Results as they come: the file that grows while a run goes on."""

from __future__ import annotations

import json
import resource
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmdash.engine.journal.file import Group, JournalFile
from llmdash.engine.journal.reader import JournalReader
from llmdash.engine.model.records import ResultRow
from llmdash.reports.export import TakenError, check_unused, export
from llmdash.reports.export.live import LiveResults, can_be_live
from llmdash.reports.export.sole import SoleResults
from tests.cli.command import environment, start
from tests.simulated import Simulated
from tests.waiting import PATIENCE_S

DONE = ResultRow(
    0, "a", "done", 'fünf\n"5"\x85', "5", 1, "k1", 2, 0.25, 1.5, 30, 12, estimated=False, finish_reason="stop"
)
FAILED = ResultRow(1, "b", "failed", key="k1", attempts=6, error="the answer was cut short")
CANCELLED = ResultRow(2, "c", "cancelled")


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[JournalFile]:
    (tmp_path / "run").mkdir()
    made = JournalFile.create(tmp_path / "run", {"jobs": 100})
    yield made
    made.close()


@pytest.fixture
def live(tmp_path: Path, journal: JournalFile) -> Iterator[LiveResults]:
    opened = LiveResults(tmp_path / "r.jsonl", tmp_path / "run")
    opened.open()
    yield opened
    opened.close()


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """No file may grow beyond `size` bytes, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def exported(folder: Path) -> list[bytes]:
    export(JournalReader(folder / "run").results(), folder / "export.jsonl")
    return (folder / "export.jsonl").read_bytes().splitlines(keepends=True)


def test_results_are_in_the_file_as_soon_as_they_are_saved_in_the_order_in_which_they_were(
    tmp_path: Path, journal: JournalFile, live: LiveResults
) -> None:
    path = tmp_path / "r.jsonl"
    assert path.read_bytes() == b""
    journal.write(Group(results=[CANCELLED, DONE, FAILED]))
    live.append([CANCELLED])
    live.append([DONE, FAILED])
    first, second, third = exported(tmp_path)
    assert path.read_bytes() == third + first + second
    assert path.stat().st_mode & 0o777 == 0o600


texts = st.none() | st.text(st.characters(codec="utf-8"), max_size=20)
times = st.none() | st.floats(0, 1e6) | st.integers(0, 9)
rows = st.builds(
    ResultRow,
    job=st.just(0),
    id=st.text(st.characters(codec="utf-8"), max_size=9),
    state=st.sampled_from(["done", "failed", "cancelled"]),
    text=texts,
    expected=texts,
    verdict=st.integers(0, 3),
    key=texts,
    attempts=st.integers(0, 65_535),
    ttft_s=times,
    latency_s=times,
    input_tokens=st.none() | st.integers(0, 2**31 - 1),
    output_tokens=st.none() | st.integers(0, 2**31 - 1),
    estimated=st.none() | st.booleans(),
    finish_reason=texts,
    error=texts,
    endpoint=texts,
    model=texts,
    flags=st.none() | st.sampled_from(["empty", "empty,length"]),
    message=st.none() | st.just('{"role": "assistant"}'),
    reasoning=texts,
    input=st.none() | st.just('{"row": 7}'),
    cached_tokens=st.none() | st.integers(0, 2**31 - 1),
    cache_write_tokens=st.none() | st.integers(0, 2**31 - 1),
    reasoning_tokens=st.none() | st.integers(0, 2**31 - 1),
    worker=texts,
)


@given(rows)
def test_a_line_is_the_very_same_that_the_export_writes(
    tmp_path_factory: pytest.TempPathFactory, row: ResultRow
) -> None:
    folder = tmp_path_factory.mktemp("live")
    (folder / "run").mkdir()
    journal = JournalFile.create(folder / "run", {})
    live = LiveResults(folder / "r.jsonl", folder / "run")
    live.open()
    journal.write(Group(results=[row]))
    live.append([row])
    live.close()
    journal.close()
    assert (folder / "r.jsonl").read_bytes() == exported(folder)[0]


def test_a_resume_makes_the_file_anew_from_what_the_journal_holds(
    tmp_path: Path, journal: JournalFile
) -> None:
    """The earlier start was killed: a line is torn, one stands there twice, one is missing."""
    path = tmp_path / "r.jsonl"
    journal.write(Group(results=[DONE, FAILED]))
    first, second = exported(tmp_path)
    path.write_bytes(first + first + b'{"index":7,"id":"x","st')
    live = LiveResults(path, tmp_path / "run")
    live.open()
    assert path.read_bytes() == first + second
    journal.write(Group(results=[CANCELLED]))
    live.append([CANCELLED])
    live.close()
    assert path.read_bytes() == b"".join(exported(tmp_path))


def test_a_new_run_begins_with_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "r.jsonl").write_text("results of another run\n")
    live = LiveResults(tmp_path / "r.jsonl", tmp_path)
    live.open()
    live.close()
    assert (tmp_path / "r.jsonl").read_bytes() == b""


def test_the_export_at_the_end_takes_the_place_of_the_file(
    tmp_path: Path, journal: JournalFile, live: LiveResults
) -> None:
    journal.write(Group(results=[FAILED, DONE]))
    live.append([FAILED, DONE])
    export(JournalReader(tmp_path / "run").results(), tmp_path / "r.jsonl")
    live.append([CANCELLED])  # too late: the file is no longer this one's
    assert (tmp_path / "r.jsonl").read_bytes() == b"".join(exported(tmp_path))


def test_a_file_that_is_completed_has_each_result_once_and_in_order_and_grows_on(
    tmp_path: Path, journal: JournalFile, live: LiveResults
) -> None:
    path = tmp_path / "r.jsonl"
    for row in (FAILED, DONE, FAILED):
        journal.write(Group(reopened=[row.job], results=[row]))
        live.append([row])
    said = [live.is_complete]
    live.complete()
    said.append(live.is_complete)
    assert path.read_bytes() == b"".join(exported(tmp_path))
    before = path.stat().st_ino
    live.complete()
    assert path.stat().st_ino == before
    journal.write(Group(results=[CANCELLED]))
    live.append([CANCELLED])
    said.append(live.is_complete)
    assert said == [False, True, False]
    assert path.read_bytes() == b"".join(exported(tmp_path))


def test_a_file_that_grows_no_longer_is_completed_all_the_same(
    tmp_path: Path, journal: JournalFile, live: LiveResults
) -> None:
    path = tmp_path / "r.jsonl"
    path.unlink()
    path.write_text("another's\n")
    journal.write(Group(results=[DONE]))
    live.append([DONE])
    assert live.problem is not None
    live.complete()
    assert live.is_complete
    assert path.read_bytes() == b"".join(exported(tmp_path))


@pytest.mark.parametrize("room", range(0, 400, 37))
def test_a_full_disk_leaves_whole_lines_and_a_word_about_it(
    tmp_path: Path, live: LiveResults, room: int
) -> None:
    live.append([DONE])
    whole = (tmp_path / "r.jsonl").read_bytes()
    with room_for(len(whole) + room):
        for row in (FAILED, CANCELLED, FAILED):
            live.append([row])
    assert live.problem is not None
    assert "r.jsonl" in live.problem
    content = (tmp_path / "r.jsonl").read_bytes()
    assert content.startswith(whole)
    assert content.endswith(b"}\n")
    live.append([DONE])
    assert (tmp_path / "r.jsonl").read_bytes() == content


def test_a_folder_that_vanishes_ends_it_with_one_word(tmp_path: Path, journal: JournalFile) -> None:
    (tmp_path / "out").mkdir()
    live = LiveResults(tmp_path / "out" / "r.jsonl", tmp_path / "run")
    live.open()
    shutil.rmtree(tmp_path / "out")
    live.append([DONE])
    assert live.problem is not None
    assert "r.jsonl" in live.problem


def test_a_place_that_cannot_be_written_is_a_problem_and_no_error(
    tmp_path: Path, journal: JournalFile
) -> None:
    live = LiveResults(tmp_path / "missing" / "r.jsonl", tmp_path / "run")
    live.open()
    live.append([DONE])
    live.close()
    assert live.problem is not None
    assert "r.jsonl" in live.problem


@pytest.mark.parametrize(
    ("name", "live"),
    [("r.jsonl", True), ("r.ndjson", True), ("r.batch.jsonl", False), ("r.csv", False), ("r.json", False)],
)
def test_only_json_lines_can_grow(name: str, live: bool) -> None:
    assert can_be_live(Path(name)) is live


def whole_lines(path: Path) -> list[int]:
    """The jobs whose lines stand in the file; each whole but one that is just being written, none twice."""
    found = [json.loads(line)["index"] for line in path.read_bytes().split(b"\n")[:-1]]
    assert len(found) == len(set(found))
    return found


def test_the_file_grows_while_the_run_goes_on_and_survives_a_kill(
    simulator: Callable[..., Simulated], tmp_path: Path
) -> None:
    endpoint = simulator(latency=0.1, answers=80)  # so that it goes on still, however late one looks
    prompts, out = tmp_path / "prompts.txt", tmp_path / "r.jsonl"
    prompts.write_text("\n".join(f"Tell of the number {n}" for n in range(240)))
    asked = ("run", prompts, "--headless", "--out", out, "--run-dir", tmp_path / "run", "--rate", "150/s")
    env = environment(tmp_path, endpoint)
    with start(*asked, cwd=tmp_path, env=env) as process:
        while not out.exists() or len(out.read_bytes().splitlines()) < 40:
            assert process.poll() is None
            time.sleep(0.02)
        process.kill()
    endpoint.let_go()
    before = {record.index for record in JournalReader(tmp_path / "run").results()}
    with start(*asked, "--resume", cwd=tmp_path, env=env) as process:
        while process.poll() is None and len(out.read_bytes().splitlines()) <= len(before):
            time.sleep(0.02)
        assert before <= set(whole_lines(out))
        process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0
    assert whole_lines(out) == list(range(240))


@pytest.mark.parametrize("kind", [LiveResults, SoleResults])
def test_a_file_that_a_run_adds_to_is_taken_by_no_other(
    tmp_path: Path, journal: JournalFile, kind: type[LiveResults | SoleResults]
) -> None:
    out = tmp_path / "r.jsonl"
    check_unused(out)
    opened = kind(out, tmp_path / "run")
    opened.open()
    with pytest.raises(TakenError, match="another run writes its results to it"):
        check_unused(out)
    second = kind(out, tmp_path / "another")
    second.open()
    assert second.problem is not None
    assert "another run writes its results to it" in second.problem
    second.close()
    opened.append([DONE])
    assert json.loads(out.read_text())["id"] == "a"
    opened.close()
    check_unused(out)
    check_unused(Path("/dev/null"))
