"""Ids: the ids of the jobs of a kept run, as few bytes as a text of them all."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

__all__ = ["Ids"]


class Ids:
    """The id of each job by its number; a job without one on record is called by its number."""

    def __init__(self, jobs: int) -> None:
        self._text = bytearray()
        self._end = array("Q", bytes(8 * (jobs + 1)))
        self._length = array("H", bytes(2 * (jobs + 1)))

    def add(self, jobs: Sequence[int], names: Sequence[str]) -> None:
        """Note the id of each of these jobs; of a very long one its beginning."""
        end = len(self._text)
        texts = [name.encode("utf-8", "replace")[:65_535] for name in names]
        self._text += b"".join(texts)
        for job, length in zip(jobs, map(len, texts), strict=True):
            end += length
            self._end[job], self._length[job] = end, length

    def __getitem__(self, job: int) -> str:
        end, length = self._end[job], self._length[job]
        return self._text[end - length : end].decode("utf-8", "ignore") if length else f"#{job + 1}"
