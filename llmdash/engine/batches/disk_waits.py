"""DiskWaits: what is done while the disk does not take, or give back, the files of batches: they wait."""

from __future__ import annotations

import asyncio
import errno
import math
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from llmdash.engine.model.states import Severity
from llmdash.llms.wire.failures import Failure, FailureKind

__all__ = ["DiskWaits", "disk_error", "words_of"]

_LOOK_S = 1.0
_PATIENCE = 10.0
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
        self._since: dict[int, float] = {}
        """When the disk began to refuse the files of each batch, on the monotonic clock; 0 for one that is
        being written."""
        self._said: set[int] = set()
        """The errors that were reported since."""

    async def outlast(self, error: OSError, batch: int = 0, needs: int = 0) -> bool:
        """Report what the disk says, and wait before the next try, also until there is room for more than the
        `needs` bytes that did not fit; False if it is too late for one.
        """
        now = time.monotonic()
        since = self._since.setdefault(batch, now)
        if (error.errno or 0) not in self._said:
            self._said.add(error.errno or 0)
            words = f"Batches wait for the disk, nothing is lost: {words_of(error)}"
            self._notice(Severity.WARNING, f"{words} ({self._folder})")
        await self._pass(min(self._most_s, max(self._least_s, now - since)))
        until = now + _PATIENCE * self._most_s  # not every disk says how much room it has
        while error.errno == errno.ENOSPC and self._room() <= needs and time.monotonic() < until:
            if self._is_late():
                break
            await self._pass(_LOOK_S)
        return not self._is_late()

    async def _pass(self, seconds: float) -> None:
        """Let time pass, until it is too late."""
        until = time.monotonic() + seconds
        while not self._is_late() and (left_s := until - time.monotonic()) > 0:  # noqa: ASYNC110 - by the clock
            await asyncio.sleep(min(_LOOK_S, left_s))

    def _room(self) -> float:
        """The bytes that are free; without end where that cannot be told."""
        try:
            return shutil.disk_usage(self._folder).free
        except OSError:
            return math.inf

    def is_well(self, batch: int = 0) -> None:
        """Note that the disk does again what is asked of it for a batch, or need not any more."""
        if self._since.pop(batch, None) is not None and not self._since:
            self._said.clear()
            self._notice(Severity.INFORMATION, "The disk takes the files of batches again")


def words_of(error: OSError) -> str:
    """Return what the disk says, and what to do about it."""
    return f"{error.strerror or error}; {_FIXES.get(error.errno or 0, _FIX)}"
