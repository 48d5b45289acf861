"""TextSearch: which jobs have a word in their prompt or in their answer, looked up slice by slice on disk.

No index is kept: to build one costs more than a look at every text, and has to be paid while the run is at
work. SQLite looks at 100 MB of answers in some tenths of a second without holding any thread of this process
up; prompts are parsed as the run parses them, with rests in between.
"""

from __future__ import annotations

import operator
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple, Protocol

from llmdash.engine.frames.inspection import Prompts
from llmdash.engine.frames.job_texts import TextRecords, carried_text
from llmdash.engine.journal.file import JournalError
from llmdash.engine.model.states import JobState
from llmdash.engine.store.job_columns import Columns
from llmdash.prompts.source import InputError, said_text

__all__ = ["NO_SEARCH", "AnswerSearch", "NoSearch", "Search", "Sought", "TextSearch"]

_SLICE: Final = 2_048
_REST_EVERY, _REST_S = 64, 0.001
_MOST_WORDS: Final = 4
_COMPARED: Final[dict[str, Callable[[Any, Any], bool]]] = {
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
    "=": operator.eq,
}
_ANSWER, _PROMPT, _HAS = 1, 2, 4
"""Bits of a job: its answer was looked at, its prompt was, the word is in one of them."""


class Sought(NamedTuple):
    """What is looked for: a text in prompts and answers, or what a carried field is.

    With `:` it has `text` in it, with `=` it is that; with `<`, `>`, `<=` and `>=` both are compared, as
    numbers where they are some. Letters are the same in capitals or not.
    """

    text: str
    field: str = ""
    sign: str = ":"

    def is_in(self, value: str) -> bool:
        """Return whether a carried field with this value is what is looked for."""
        text, value = self.text.casefold(), value.casefold()
        if self.sign == ":":
            return text in value
        if not value:
            return False
        numbers = _number(value), _number(text)
        one, other = (value, text) if None in numbers else numbers
        return bool(_COMPARED[self.sign](one, other))


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


class AnswerSearch(TextRecords, Protocol):
    """Where answers are searched: the journal."""

    def with_text(self, word: str, first: int, last: int) -> set[int]:
        """Return the jobs from `first` to `last` with `word` in a text that is kept."""


class Search(Protocol):
    """What a filter asks of a search."""

    def has(self, sought: Sought) -> Callable[[int], bool]:
        """Return what tells whether a job is known to have what is `sought`."""

    def look(self, sought: tuple[Sought, ...], until: float) -> float:
        """Look for all this until that monotonic time. Return the share that was looked at, 0 to 1."""


class NoSearch:
    """A search where there are no texts."""

    def has(self, sought: Sought) -> Callable[[int], bool]:
        return lambda _job: False

    def look(self, sought: tuple[Sought, ...], until: float) -> float:
        return 1.0


NO_SEARCH: Final = NoSearch()


class TextSearch:
    """What is known of what was sought last, in three bits a job; for use by one thread at a time.

    An answer is looked at once, when it is complete; that of a job that is tried again is forgotten.
    """

    def __init__(self, columns: Columns, prompts: Prompts, answers: AnswerSearch) -> None:
        self._columns = columns
        self._prompts = prompts
        self._answers = answers
        self._known: OrderedDict[Sought, bytearray] = OrderedDict()

    def has(self, sought: Sought) -> Callable[[int], bool]:
        known = self._bits(sought)
        return lambda job: bool(known[job] & _HAS)

    def look(self, sought: tuple[Sought, ...], until: float) -> float:
        jobs = max(1, self._columns.jobs)
        return min((self._look(one, until) / jobs for one in sought), default=1.0)

    def _bits(self, sought: Sought) -> bytearray:
        known = self._known.get(sought)
        if known is None:
            known = self._known[sought] = bytearray(self._columns.jobs)
            if len(self._known) > _MOST_WORDS:
                self._known.popitem(last=False)
        self._known.move_to_end(sought)
        return known

    def _look(self, sought: Sought, until: float) -> int:
        """Look for one of them. Return how many jobs need not be looked at any more."""
        known, looked = self._bits(sought), 0
        for first, last in () if sought.field else self._slices():
            looked += last - first
            if self._look_at_answers(sought.text, known, first, last) and time.monotonic() >= until:
                return looked
        looked = 0
        for first, last in self._slices():
            if not self._look_at_prompts(sought, known, first, last, until):
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

    def _look_at_prompts(self, sought: Sought, known: bytearray, first: int, last: int, until: float) -> bool:
        """Look at the prompts of these jobs. Return False where time is up before all are looked at."""
        for number, job in enumerate(job for job in range(first, last) if not known[job] & _PROMPT):
            if number % _REST_EVERY == 0:
                if time.monotonic() >= until:
                    return False
                time.sleep(_REST_S)
            known[job] |= _PROMPT | (_HAS if self._is_in_input(sought, job) else 0)
        return True

    def _is_in_input(self, sought: Sought, job: int) -> bool:
        try:
            prompt = self._prompts.prompt(job)
        except (InputError, JournalError):
            return bool(sought.field) and self._is_on_record(sought, job)
        if sought.field:
            return sought.is_in(carried_text(sought.field, prompt, None))
        word = sought.text.lower()
        return any(word in said_text(said).lower() for said in prompt.messages)

    def _is_on_record(self, sought: Sought, job: int) -> bool:
        """Whether the result of a job, whose prompt cannot be read, carries what is sought."""
        try:
            result = self._answers.texts((job,)).get(job)
        except JournalError:
            return False
        return sought.is_in(carried_text(sought.field, None, result))
