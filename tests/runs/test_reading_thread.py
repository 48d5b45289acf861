"""A journal is read once, on a thread of its own, which breaks nothing but itself."""

from __future__ import annotations

import threading

import pytest

from llmdash.engine.journal.file import JournalError
from llmdash.runs.reading_thread import ReadingThread
from tests.waiting import PATIENCE_S


def test_it_reads_once_however_many_start_it() -> None:
    reads: list[str] = []
    reading = ReadingThread(lambda: reads.append(threading.current_thread().name), "reads")
    starting = [threading.Thread(target=reading.start) for _ in range(20)]
    for thread in starting:
        thread.start()
    for thread in starting:
        thread.join()
    assert reading.ended(PATIENCE_S)
    assert reads == ["reads"]


def test_it_has_not_ended_while_it_reads() -> None:
    gate = threading.Event()

    def read() -> None:
        gate.wait(PATIENCE_S)

    reading = ReadingThread(read, "reads")
    assert not reading.ended(0.01)
    gate.set()
    assert reading.ended(PATIENCE_S)
    assert (reading.problem, reading.crash) == ("", None)


def test_what_is_wrong_with_the_journal_is_its_problem_and_no_crash() -> None:
    def read() -> None:
        raise JournalError("run-1: is damaged")

    reading = ReadingThread(read, "reads")
    assert reading.ended(PATIENCE_S)
    assert (reading.problem, reading.crash) == ("run-1: is damaged", None)


@pytest.mark.parametrize("kind", [ZeroDivisionError, MemoryError, SystemExit])
def test_whatever_else_is_raised_is_kept_for_the_front_end(kind: type[BaseException]) -> None:
    def read() -> None:
        raise kind("broken")

    reading = ReadingThread(read, "reads")
    assert reading.ended(PATIENCE_S)
    assert reading.problem == ""
    assert isinstance(reading.crash, kind)
