"""One process a run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from llmdash.engine.journal.lock import LockedError, RunLock

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
