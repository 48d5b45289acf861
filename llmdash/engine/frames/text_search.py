"""TextSearch: which jobs have a word in their prompt or in their answer, looked up slice by slice on disk.

No index is kept: to build one costs more than a look at every text, and has to be paid while the run is at
work. SQLite looks at 100 MB of answers in some tenths of a second without holding any thread of this process
up; prompts are parsed as the run parses them, with rests in between.
"""

from __future__ import annotations

import operator
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final, NamedTuple, Protocol

from llmdash.engine.frames.inspection import Prompts
from llmdash.engine.frames.job_texts import TextRecords, carried_text
from llmdash.engine.journal.file import JournalError
from llmdash.engine.model.states import JobState
from llmdash.engine.store.job_columns import Columns
from llmdash.lean_dataclass import dataclass
from llmdash.prompts.source import InputError, said_text

__all__ = ["NO_SEARCH", "AnswerSearch", "NoSearch", "Search", "Sought", "TextSearch"]

_SLICE: Final = 2_048
_WORK_S, _REST_S = 0.003, 0.0005
"""How long prompts are looked at between two rests, in processor time: a rest may take ten times as long."""
_LOOK_EVERY: Final = 32
_MOST_WORDS: Final = 4
_COMPARED: Final[dict[str, Callable[[Any, Any], bool]]] = {
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
    "=": operator.eq,
}
_LOOKED, _IN_ANSWER, _IN_PROMPT = 1, 2, 4
"""Bits of a job: its answer was looked at; what is sought is in it; it is in the prompt."""
_HAS: Final = _IN_ANSWER | _IN_PROMPT
_ENDED: Final = bytes(number in {state for state in JobState if state.ended} for number in range(256))
_IS_LOOKED_AT: Final = bytes(bits & _LOOKED for bits in range(256))
"""What a state, or the bits of a job, say of its answer: 1 where there is one, or it was looked at."""
_NEARLY: Final = 0.999
"""The most that is said to be looked at while anything is left."""


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

    def look(self, sought: tuple[Sought, ...], stops: Callable[[], bool]) -> float:
        """Look for all this until it is done or `stops()`. Return the share that was looked at, 0 to 1."""


class NoSearch:
    """A search where there are no texts."""

    def has(self, sought: Sought) -> Callable[[int], bool]:
        return lambda _job: False

    def look(self, sought: tuple[Sought, ...], stops: Callable[[], bool]) -> float:
        return 1.0


NO_SEARCH: Final = NoSearch()


@dataclass(slots=True)
class _Known:
    """What is known of one that was sought: bits a job, and before which job all prompts were looked at."""

    bits: bytearray
    prompts: int = 0


class TextSearch:
    """What is known of what was sought last, in a byte a job; for use by one thread at a time.

    An answer is looked at once, when it is complete; that of a job that is tried again is forgotten. What was
    looked at is passed over in some thousands of jobs at once: to go on costs no more than what is left.
    """

    def __init__(self, columns: Columns, prompts: Prompts, answers: AnswerSearch) -> None:
        self._columns = columns
        self._prompts = prompts
        self._answers = answers
        self._known: OrderedDict[Sought, _Known] = OrderedDict()

    def has(self, sought: Sought) -> Callable[[int], bool]:
        bits = self._of(sought).bits
        return lambda job: bool(bits[job] & _HAS)

    def look(self, sought: tuple[Sought, ...], stops: Callable[[], bool]) -> float:
        return min((self._look(one, stops) for one in sought), default=1.0)

    def _of(self, sought: Sought) -> _Known:
        known = self._known.get(sought)
        if known is None:
            known = self._known[sought] = _Known(bytearray(self._columns.jobs))
            if len(self._known) > _MOST_WORDS:
                self._known.popitem(last=False)
        self._known.move_to_end(sought)
        return known

    def _look(self, sought: Sought, stops: Callable[[], bool]) -> float:
        """Look for one of them. Return the share of the texts that need not be looked at any more."""
        known, jobs = self._of(sought), self._columns.jobs
        answers = looked = 0
        if not sought.field:
            answers = sum(self._columns.counts[state] for state in JobState if state.ended)
            looked = self._look_at_answers(sought.text, known.bits, stops)
        if looked >= answers and self._look_at_prompts(sought, known, stops):
            return 1.0
        return min(_NEARLY, (looked + known.prompts) / (answers + jobs))

    def _look_at_answers(self, word: str, bits: bytearray, stops: Callable[[], bool]) -> int:
        """Look at the answers that are new. Return how many were looked at by now, up to where it `stops`."""
        looked = 0
        for first in range(0, self._columns.jobs, _SLICE):
            last = min(self._columns.jobs, first + _SLICE)
            ended = self._states(first, last).translate(_ENDED)
            if ended != bits[first:last].translate(_IS_LOOKED_AT):
                self._look_at_slice(word, bits, first, ended)
                looked += ended.count(1)
                if stops():
                    return looked
            else:
                looked += ended.count(1)
        return looked

    def _states(self, first: int, last: int) -> bytes | bytearray:
        state = self._columns.state
        return (
            state[first:last]
            if isinstance(state, bytearray)
            else bytes(map(state.__getitem__, range(first, last)))
        )

    def _look_at_slice(self, word: str, bits: bytearray, first: int, ended: bytes | bytearray) -> None:
        """Look at the answers that are new among some jobs, and forget those of jobs that are tried again."""
        new = []
        for job, has_ended in enumerate(ended, first):
            if not has_ended:
                bits[job] &= _IN_PROMPT
            elif not bits[job] & _LOOKED:
                new.append(job)
        time.sleep(0)
        if not new:
            return
        try:
            found = self._answers.with_text(word, new[0], new[-1])
        except JournalError:  # the run was deleted, or its journal is damaged
            found = set()
        for job in new:
            bits[job] |= _LOOKED | (_IN_ANSWER if job in found else 0)

    def _look_at_prompts(self, sought: Sought, known: _Known, stops: Callable[[], bool]) -> bool:
        """Look at the prompts that were not yet. Return False where it `stops` before all are looked at."""
        rested_at = time.thread_time()
        for number, job in enumerate(range(known.prompts, self._columns.jobs)):
            if number % _LOOK_EVERY == 0:
                if stops():
                    return False
                if time.thread_time() - rested_at >= _WORK_S:
                    time.sleep(_REST_S)
                    rested_at = time.thread_time()
            if self._is_in_input(sought, job):
                known.bits[job] |= _IN_PROMPT
            known.prompts = job + 1
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
