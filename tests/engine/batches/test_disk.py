"""A disk that refuses the files of batches: they wait, live work goes on, and no job is lost or doubled."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from llmdash.engine.batches.disk_waits import DiskWaits
from llmdash.engine.model.batch_terms import BatchTerms
from llmdash.engine.model.commands import SendInBatches
from llmdash.engine.model.ending import Ending
from llmdash.engine.model.frame import Frame
from llmdash.engine.model.states import BatchState
from llmdash.engine.session import LocalSession
from llmdash.llms.wire.failures import FailureKind
from tests.engine.batches.provider import Provider, batch_plan, refused
from tests.engine.batches.test_batches import SHAPES, balanced, executed, once, where
from tests.engine.scripted import Server, prompts, run, started, until
from tests.waiting import wait_for

_FULL = Path("/dev/full")
_DRAFT = ".llmdash-batch-1.jsonl"
_RESULTS = ".llmdash-batch-1.0.out"


def no_room(file: Path) -> None:
    """A file that is there, and takes no byte: what the device says is ENOSPC, as of a full disk."""
    if not _FULL.exists():
        pytest.skip("no device here that is always full")
    file.symlink_to(_FULL)


def no_file(file: Path) -> None:
    """What is there is no file, until the folder is removed."""
    file.mkdir()


def about_disk(frame: Frame) -> list[str]:
    """The warnings about the disk."""
    return [notice.text for notice in frame.notices if "wait for the disk" in notice.text]


def are_back(frame: Frame) -> bool:
    """True once nothing of a batch is left to do."""
    return bool(frame.batches) and not any(row.state.is_open for row in frame.batches)


def is_well(frame: Frame) -> bool:
    return any("takes the files of batches again" in notice.text for notice in frame.notices)


@SHAPES
@pytest.mark.parametrize("name", [_DRAFT, _RESULTS])
def test_a_disk_without_room_delays_a_batch_and_nothing_else(
    tmp_path: Path, name: str, takes_files: bool
) -> None:
    server, provider = Server(), Provider(takes_files=takes_files)
    no_room(tmp_path / name)
    with started(batch_plan(tmp_path, server, provider, prompts(9), stay=True)) as session:
        frame = until(session, lambda frame: are_back(frame) and is_well(frame))
        assert balanced(session, server, provider).run.done == 9
    (told,) = about_disk(frame)
    assert "No space left on device; make room" in told
    assert str(tmp_path) in told
    assert executed(server, provider) == once(9)
    assert len(provider.batches) == 1
    assert not list(tmp_path.glob(".llmdash-batch-*"))


@pytest.mark.parametrize("name", [_DRAFT, _RESULTS])
def test_while_the_disk_refuses_live_work_goes_on_and_it_is_said_once(tmp_path: Path, name: str) -> None:
    server, provider = Server(), Provider()
    no_file(tmp_path / name)
    made = batch_plan(tmp_path, server, provider, prompts(40), terms=BatchTerms(), rate=50.0, stay=True)
    with started(made) as session:
        session.command(SendInBatches(tuple(range(20, 40))))
        until(session, lambda frame: bool(about_disk(frame)) and frame.run.done >= 20)
        calls = provider.calls["download"]
        if name == _RESULTS:
            wait_for(lambda: provider.calls["download"] > calls + 1)
        frame = until(session, lambda frame: not frame.run.in_flight)
        assert frame.run.batched
        assert len(about_disk(frame)) == 1
        (tmp_path / name).rmdir()
        until(session, lambda frame: frame.run.done == 40 and is_well(frame))
        balanced(session, server, provider)
    assert executed(server, provider) == once(40)


def test_results_that_cannot_be_read_are_fetched_again_and_no_line_counts_as_double(tmp_path: Path) -> None:
    server, provider = Server(), Provider()
    provider.unreadable_from = 5
    with started(batch_plan(tmp_path, server, provider, prompts(9), stay=True)) as session:
        frame = until(session, lambda frame: frame.run.done == 9 and where(frame) is BatchState.CLOSED)
        balanced(session, server, provider)
    assert provider.calls["download"] == 2
    assert not any("twice" in notice.text for notice in frame.notices)
    assert executed(server, provider) == once(9)


def _gone(file: Path) -> None:
    file.unlink()


def _unreadable(file: Path) -> None:
    """In one step: it is never seen as gone."""
    other = file.with_name("other")
    other.symlink_to(file.parent)
    other.replace(file)


@SHAPES
@pytest.mark.parametrize("harm", [_gone, _unreadable])
def test_the_jobs_of_a_file_that_is_lost_before_it_was_sent_go_in_another(
    tmp_path: Path, harm: Callable[[Path], None], takes_files: bool
) -> None:
    server, provider = Server(), Provider(takes_files=takes_files)
    busy = ("upload" if takes_files else "create", refused(429, "slow down", FailureKind.THROTTLE))
    provider.refusals = [busy] * 1_000
    with started(batch_plan(tmp_path, server, provider, prompts(9), stay=True)) as session:
        until(session, lambda frame: where(frame) is BatchState.PLANNED)
        harm(tmp_path / _DRAFT)
        provider.refusals = []
        if harm is _unreadable:
            until(session, lambda frame: bool(about_disk(frame)))
            (tmp_path / _DRAFT).unlink()
        frame = until(session, lambda frame: frame.run.done == 9 and are_back(frame))
        balanced(session, server, provider)
    assert [row.state for row in frame.batches] == [BatchState.DROPPED, BatchState.CLOSED]
    assert executed(server, provider) == once(9)
    assert sum(server.asked.values()) == 1


def test_what_the_disk_keeps_from_its_batch_goes_live_after_the_deadline(tmp_path: Path) -> None:
    server, provider = Server(), Provider()
    no_file(tmp_path / _DRAFT)
    terms = BatchTerms(all_pending=True, deadline=time.time() + 0.3)
    with started(batch_plan(tmp_path, server, provider, prompts(9), terms=terms, stay=True)) as session:
        until(session, lambda frame: frame.run.done == 9)
        balanced(session, server, provider)
    assert sum(server.asked.values()) == 9


def test_files_that_a_killed_process_has_left_half_written_are_removed_by_the_next(tmp_path: Path) -> None:
    server, provider = Server(), Provider()
    provider.stuck = True
    terms = BatchTerms(all_pending=True, leaves=True)
    run(batch_plan(tmp_path, server, provider, prompts(9), terms=terms))
    left = [tmp_path / f".llmdash-batch-{name}" for name in ("2.jsonl", "2.0.out.part", "1.0.out")]
    for file in left:
        file.write_text("half")
    run(batch_plan(tmp_path, server, provider, prompts(9), terms=terms, resume=True))
    assert [file.exists() for file in left] == [False, False, True]  # the first one is out, and needs its own


def test_a_run_whose_folder_is_removed_while_a_batch_waits_for_it_ends_as_one_without_storage(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    server, provider = Server(), Provider()
    no_file(folder / _DRAFT)
    session = LocalSession(batch_plan(folder, server, provider, prompts(9), stay=True))
    session.start()
    until(session, lambda frame: bool(about_disk(frame)))
    folder.rename(tmp_path / "elsewhere")
    wait_for(lambda: not session.alive)
    assert (session.ending, session.crash) == (Ending.STORAGE, None)


@pytest.mark.parametrize(
    ("number", "fix"),
    [
        (errno.ENOSPC, "make room"),
        (errno.EDQUOT, "your quota is used up"),
        (errno.EACCES, "make the folder writable"),
        (errno.EROFS, "make the disk writable"),
        (errno.ENOENT, "put the folder back"),
        (errno.EIO, "check the disk"),
    ],
)
async def test_what_the_disk_says_is_reported_once_with_its_fix_until_it_is_well(
    tmp_path: Path, number: int, fix: str
) -> None:
    texts: list[str] = []
    disk = DiskWaits(lambda _, words: texts.append(words), tmp_path, 0.0, 0.0, lambda: False)
    for _ in range(2):
        assert await disk.outlast(OSError(number, "the reason"))
        assert await disk.outlast(OSError(number, "the reason"))
        assert await disk.outlast(OSError(number, "the reason"), batch=3)
        disk.is_well()  # but the results of the third
        disk.is_well(3)
        disk.is_well(3)
    said = f"Batches wait for the disk, nothing is lost: the reason; {fix}"
    first, over, again, _ = texts
    assert first == again
    assert first.startswith(said.partition("; ")[0])
    assert fix in first
    assert first.endswith(f"({tmp_path})")
    assert "again" in over
