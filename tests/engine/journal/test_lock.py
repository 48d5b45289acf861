"""One process a run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from llmdash.engine.journal.lock import DeletedError, LockedError, RunLock
from tests.waiting import wait_for

HOLD = """
import sys, pathlib
from llmdash.engine.journal.lock import RunLock
lock = RunLock(pathlib.Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def test_a_second_process_is_told_who_holds_the_run_and_a_killed_one_frees_it(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(LockedError, match=f"process {holder.pid} works on this run"):
            RunLock(tmp_path)
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    RunLock(tmp_path).release()


def test_a_released_lock_can_be_taken_again(tmp_path: Path) -> None:
    lock = RunLock(tmp_path)
    with pytest.raises(LockedError, match=str(os.getpid())):
        RunLock(tmp_path)
    lock.release()
    lock.release()
    RunLock(tmp_path).release()


def test_a_lock_that_was_deleted_while_it_was_waited_for_is_none(tmp_path: Path) -> None:
    wait_for(lambda: isinstance(end_of_waiting(tmp_path), DeletedError), "one who waits and is told")


def end_of_waiting(folder: Path) -> LockedError | None:
    """Delete the lock of a run while another waits for it. Return how that one ended: not always in time."""
    first, ended = RunLock(folder), list[LockedError]()

    def wait() -> None:
        try:
            RunLock(folder).release()
        except LockedError as error:
            ended.append(error)

    waiting = threading.Thread(target=wait)
    waiting.start()
    time.sleep(0.01)
    (folder / "lock").unlink()
    first.release()
    waiting.join()
    return ended[0] if ended else None


@pytest.mark.parametrize("make", [os.mkfifo, Path.mkdir])
def test_what_is_no_file_is_no_lock_and_nobody_waits_for_it(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    make(tmp_path / "lock")
    with pytest.raises((LockedError, OSError), match=r"lock"):
        RunLock(tmp_path)
