"""DiskWaits: what is done while the disk does not take, or give back, the files of batches: they wait."""

from __future__ import annotations

import asyncio
import errno
import time
from collections.abc import Callable
from pathlib import Path

from llmdash.engine.model.states import Severity
from llmdash.llms.wire.failures import Failure, FailureKind

__all__ = ["DiskWaits", "disk_error", "words_of"]

_LOOK_S = 1.0
_FIXES = {
    errno.ENOSPC: "make room",
    errno.EDQUOT: "make room: your quota is used up",
    errno.EFBIG: "raise the limit of the size of files (ulimit -f)",
    errno.EACCES: "make the folder writable",
    errno.EPERM: "make the folder writable",
    errno.EROFS: "make the disk writable",
    errno.ENOENT: "put the folder back",
    errno.EMFILE: "raise the limit of open files (ulimit -n)",
    errno.ENFILE: "close other programs: too many files are open",
}
_FIX = "check the disk"


def disk_error(failure: Failure) -> OSError | None:
    """Return what the disk of this machine said, where a call failed by that."""
    cause = failure.__cause__
    return cause if failure.kind is FailureKind.LOCAL and isinstance(cause, OSError) else None


class DiskWaits:
    """Waits after each refusal, longer the longer it lasts, from `least_s` to `most_s` seconds. It is said
    once, with the fix, and once more when it is over; what is sent live goes on meanwhile.

    `notice` shows a notice; `is_late` says whether there is no more time to wait.
    """

    def __init__(
        self,
        notice: Callable[[Severity, str], None],
        folder: Path,
        least_s: float,
        most_s: float,
        is_late: Callable[[], bool],
    ) -> None:
        self._notice = notice
        self._folder = folder
        self._least_s = least_s
        self._most_s = most_s
        self._is_late = is_late
        self._since: float | None = None
        """When the disk began to refuse, on the monotonic clock; None while it does not."""
        self._said: set[int] = set()
        """The errors that were reported since."""

    async def outlast(self, error: OSError) -> bool:
        """Report what the disk says, and wait before the next try; False if it is too late for one."""
        now = time.monotonic()
        if self._since is None:
            self._since = now
        if (error.errno or 0) not in self._said:
            self._said.add(error.errno or 0)
            words = f"Batches wait for the disk, nothing is lost: {words_of(error)}"
            self._notice(Severity.WARNING, f"{words} ({self._folder})")
        until = now + min(self._most_s, max(self._least_s, now - self._since))
        while not self._is_late() and (left_s := until - time.monotonic()) > 0:  # noqa: ASYNC110 - by the clock
            await asyncio.sleep(min(_LOOK_S, left_s))
        return not self._is_late()

    def is_well(self) -> None:
        """Note that the disk does again what is asked of it."""
        if self._since is not None:
            self._since = None
            self._said.clear()
            self._notice(Severity.INFORMATION, "The disk takes the files of batches again")


def words_of(error: OSError) -> str:
    """Return what the disk says, and what to do about it."""
    return f"{error.strerror or error}; {_FIXES.get(error.errno or 0, _FIX)}"
