"""What a process takes, as the kernel counts it: processor time shows what a loaded machine's clock hides."""

from __future__ import annotations

import time
from pathlib import Path

__all__ = ["cpu_s", "resident_mb", "thread_cpu_s"]


def cpu_s(pid: int) -> float:
    """Return the seconds of processor time of a process so far, of all its threads.

    Raises OSError once it is gone.
    """
    return time.clock_gettime((~pid << 3) | 2)


def resident_mb(pid: int | str) -> float:
    """Return the megabytes of memory that a process has in use."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) * 1024 / 1e6


def thread_cpu_s(native_id: int) -> float:
    """Return the seconds of processor time of a thread of this process so far.

    Raises OSError once it is gone.
    """
    return time.clock_gettime((~native_id << 3) | 6)
