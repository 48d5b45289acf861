"""The names under which a run shows its workers."""

from __future__ import annotations

from llmdash.sanitize import clean_line

__all__ = ["WorkerNames"]

_LONGEST = 24


class WorkerNames:
    """Gives each worker of a scheduler a short name of its own.

    It is the worker's own name where it has one; a number N is `wN+1`, and one without a name, which Dask
    calls by its address, the next `w` that is free.
    """

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        """The name of each worker, by what Dask calls it."""

    def name_of(self, address: str, called: object) -> str:
        """Return the name of the worker at `address`, the same for the same worker whenever it joins."""
        own = str(called if called is not None else address)
        if own not in self._names:
            self._names[own] = self._free(own, address)
        return self._names[own]

    def _free(self, own: str, address: str) -> str:
        taken = set(self._names.values())
        if own.isascii() and own.isdigit() and len(own) < 6:
            wanted = f"w{int(own) + 1}"
        elif own == address or "://" in own:
            numbers = (f"w{number}" for number in range(1, len(taken) + 2))
            return next(name for name in numbers if name not in taken)
        else:
            wanted = clean_line(own)[:_LONGEST].strip() or "worker"
        tries = (wanted, *(f"{wanted}~{number}" for number in range(2, len(taken) + 3)))
        return next(name for name in tries if name not in taken)
