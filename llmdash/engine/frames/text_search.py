"""TextSearch: which jobs have a word in their prompt or in their answer, looked up slice by slice on disk.

No index is kept: to build one costs more than a look at every text, and has to be paid while the run is at
work. SQLite looks at 100 MB of answers in some tenths of a second without holding any thread of this process
up; prompts are parsed as the run parses them, with rests in between.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Final, Protocol

from llmdash.engine.frames.inspection import Prompts
from llmdash.engine.journal.file import JournalError
from llmdash.engine.model.states import JobState
from llmdash.engine.store.job_columns import Columns
from llmdash.prompts.source import InputError, said_text

__all__ = ["NO_SEARCH", "AnswerSearch", "NoSearch", "Search", "TextSearch"]

_SLICE: Final = 2_048
_REST_EVERY, _REST_S = 64, 0.001
_MOST_WORDS: Final = 4
_ANSWER, _PROMPT, _HAS = 1, 2, 4
"""Bits of a job: its answer was looked at, its prompt was, the word is in one of them."""


class AnswerSearch(Protocol):
    """Where answers are searched: the journal."""

    def with_text(self, word: str, first: int, last: int) -> set[int]:
        """Return the jobs from `first` to `last` with `word` in a text that is kept."""


class Search(Protocol):
    """What a filter asks of a search."""

    def has(self, word: str) -> Callable[[int], bool]:
        """Return what tells whether a job is known to have `word`."""

    def look(self, words: tuple[str, ...], until: float) -> float:
        """Look for these words until that monotonic time. Return the share that was looked at, 0 to 1."""


class NoSearch:
    """A search where there are no texts."""

    def has(self, word: str) -> Callable[[int], bool]:
        return lambda _job: False

    def look(self, words: tuple[str, ...], until: float) -> float:
        return 1.0


NO_SEARCH: Final = NoSearch()


class TextSearch:
    """What is known of the words that were sought last; for use by one thread at a time.

    An answer is looked at once, when it is complete; that of a job that is tried again is forgotten.
    """

    def __init__(self, columns: Columns, prompts: Prompts, answers: AnswerSearch) -> None:
        self._columns = columns
        self._prompts = prompts
        self._answers = answers
        self._known: OrderedDict[str, bytearray] = OrderedDict()

    def has(self, word: str) -> Callable[[int], bool]:
        known = self._bits(word)
        return lambda job: bool(known[job] & _HAS)

    def look(self, words: tuple[str, ...], until: float) -> float:
        jobs = max(1, self._columns.jobs)
        return min((self._look(word, until) / jobs for word in words), default=1.0)

    def _bits(self, word: str) -> bytearray:
        known = self._known.get(word)
        if known is None:
            known = self._known[word] = bytearray(self._columns.jobs)
            if len(self._known) > _MOST_WORDS:
                self._known.popitem(last=False)
        self._known.move_to_end(word)
        return known

    def _look(self, word: str, until: float) -> int:
        """Look for one word. Return how many jobs need not be looked at any more."""
        known, looked = self._bits(word), 0
        for first, last in self._slices():
            looked += last - first
            if self._look_at_answers(word, known, first, last) and time.monotonic() >= until:
                return looked
        looked = 0
        for first, last in self._slices():
            if not self._look_at_prompts(word.lower(), known, first, last, until):
                return looked
            looked += last - first
        return looked

    def _slices(self) -> Iterator[tuple[int, int]]:
        jobs = self._columns.jobs
        for first in range(0, jobs, _SLICE):
            yield first, min(jobs, first + _SLICE)

    def _look_at_answers(self, word: str, known: bytearray, first: int, last: int) -> bool:
        """Look at the answers that are new among these jobs. Return whether there were any."""
        state = self._columns.state
        new = []
        for job in range(first, last):
            if JobState(state[job]).ended:
                if not known[job] & _ANSWER:
                    new.append(job)
            elif known[job] & _ANSWER:
                known[job] = 0
        time.sleep(0)
        if not new:
            return False
        try:
            found = self._answers.with_text(word, new[0], new[-1])
        except JournalError:  # the run was deleted, or its journal is damaged
            found = set()
        for job in new:
            known[job] |= _ANSWER | (_HAS if job in found else 0)
        return True

    def _look_at_prompts(self, word: str, known: bytearray, first: int, last: int, until: float) -> bool:
        """Look at the prompts of these jobs. Return False where time is up before all are looked at."""
        for number, job in enumerate(job for job in range(first, last) if not known[job] & _PROMPT):
            if number % _REST_EVERY == 0:
                if time.monotonic() >= until:
                    return False
                time.sleep(_REST_S)
            known[job] |= _PROMPT | (_HAS if self._is_in_prompt(word, job) else 0)
        return True

    def _is_in_prompt(self, word: str, job: int) -> bool:
        try:
            return any(word in said_text(said).lower() for said in self._prompts.prompt(job).messages)
        except (InputError, JournalError):
            return False
