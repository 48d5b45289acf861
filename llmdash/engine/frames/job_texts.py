"""JobTexts: the texts in the rows of the job table, read beside the frames: no frame waits for a disk."""

from __future__ import annotations

import json
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from llmdash.engine.frames.inspection import Prompts
from llmdash.engine.journal.file import JournalError
from llmdash.engine.model.records import ResultRow
from llmdash.engine.model.rows import NO_TEXT, JobText
from llmdash.engine.model.states import JobState
from llmdash.engine.model.view import JobsView
from llmdash.prompts.checks import taken_from
from llmdash.prompts.source import InputError, Prompt, said_text
from llmdash.prompts.verdict import Verdict

__all__ = ["INPUT", "JobTexts", "TextRecords", "TextsWanted", "carried_text"]

INPUT = "input."
"""What the names of columns of carried fields begin with."""

_KEPT = 2_000
"""Rows whose texts are remembered."""
_MOST_WANTED = 1_000
_FIRST_PROMPTS, _MOST_FIELDS = 100, 40
_MOST_VALUES, _LONGEST_VALUE = 30, 40
_PAUSE_S = 0.05
"""Between two looks at the disk: rows that pass by faster than one can read are left out."""


class TextRecords(Protocol):
    """Where the results of jobs are looked up: the journal."""

    def texts(self, jobs: Sequence[int]) -> Mapping[int, ResultRow]:
        """Return the results of these jobs, those that have ended."""


class TextsWanted(NamedTuple):
    """What a view wants of texts."""

    columns: tuple[str, ...]
    width: int

    @classmethod
    def by(cls, view: JobsView) -> TextsWanted:
        return cls(view.columns, view.preview_width)


class _Row(NamedTuple):
    """A job as it is in the table: its texts change only when one of these does."""

    job: int
    state: JobState
    tries: int
    verdict: Verdict
    wanted: TextsWanted


class JobTexts:
    """Remembers the texts of the rows seen last, and has a thread read those of new ones.

    `check` is how answers are compared where their prompts do not say so.
    """

    def __init__(self, prompts: Prompts, records: TextRecords, check: str = "") -> None:
        self._prompts = prompts
        self._records = records
        self._check = check
        self._known: OrderedDict[_Row, JobText] = OrderedDict()
        self._wanted: OrderedDict[_Row, None] = OrderedDict()
        self._guard = threading.Lock()
        self._thread: threading.Thread | None = None
        self._forgotten = 0
        self._fields: Mapping[str, tuple[str, ...]] | None = None
        self._checks: set[str] = set()
        """The checks of the answers seen that they could not read."""

    @property
    def check(self) -> str:
        """How answers that could not be read were compared: empty for the usual way, `mixed` for several."""
        return "mixed" if len(self._checks) > 1 else next(iter(self._checks), self._check)

    @property
    def edition(self) -> int:
        """Another number once texts that were returned are good no more."""
        return self._forgotten

    def of(self, job: int, state: JobState, tries: int, verdict: Verdict, wanted: TextsWanted) -> JobText:
        """Return the texts of a job as far as they are known, and read them if they are not."""
        if wanted.width <= 0 or not (state.ended or wanted.columns):
            return NO_TEXT
        row = _Row(job, state if state.ended else JobState.QUEUED, tries, verdict, wanted)
        with self._guard:
            if (known := self._known.get(row)) is not None:
                self._known.move_to_end(row)
                return known
            self._wanted[row] = None
            self._wanted.move_to_end(row)
            if len(self._wanted) > _MOST_WANTED:
                self._wanted.popitem(last=False)
            self._begin()
        return NO_TEXT

    def _begin(self) -> None:
        """Have what is wanted read. Hold the guard."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._read, name="llmdash-texts", daemon=True)
            self._thread.start()

    def fields(self, width: int) -> tuple[str, ...]:
        """Return the names of the carried fields that the first prompts have; none for no width."""
        return tuple(self.values) if width > 0 else ()

    @property
    def values(self) -> Mapping[str, tuple[str, ...]]:
        """What the first prompts have in each of their carried fields, short values only."""
        if self._fields is None:
            with self._guard:
                self._begin()
        return self._fields or {}

    def forget(self) -> None:
        """Read all texts again: the prompts can be read only now."""
        with self._guard:
            self._forgotten += 1
            self._known.clear()
            self._fields = None

    def _read(self) -> None:
        """What the thread does, until nothing is wanted."""
        while True:
            forgotten = self._forgotten
            if self._fields is None:
                self._fields = self._look_for_fields()
            if not (rows := self._next()):
                return
            found = self._looked_up(rows)
            with self._guard:
                if forgotten == self._forgotten:
                    self._known.update(found)
                while len(self._known) > _KEPT:
                    self._known.popitem(last=False)
            time.sleep(_PAUSE_S)

    def _next(self) -> list[_Row]:
        with self._guard:
            rows, self._wanted = list(self._wanted), OrderedDict()
            if not rows:
                self._thread = None
            return rows

    def _looked_up(self, rows: Sequence[_Row]) -> dict[_Row, JobText]:
        try:
            results = self._records.texts([row.job for row in rows if row.state.ended])
        except JournalError:  # its run was deleted, or is damaged: the rows say less then
            results = {}
        return {row: self._text(row, results.get(row.job)) for row in rows}

    def _text(self, row: _Row, result: ResultRow | None) -> JobText:
        columns, width = row.wanted
        scored = row.verdict is not Verdict.UNSCORED
        prompt = self._prompt(row.job) if scored or columns else None
        text = (result.text if result is not None else None) or ""
        check = (prompt.check if prompt is not None else None) or self._check
        if row.verdict is Verdict.NOT_PARSEABLE:
            self._checks.add(check)
        expected = result.expected if result is not None else None
        return JobText(
            preview=text[:width],
            result=taken_from(check, text)[:width] if scored else "",
            expected=expected[:width] if scored and expected is not None else None,
            check=check,
            model=(result.model if result is not None else None) or "",
            endpoint=(result.endpoint if result is not None else None) or "",
            cells=tuple(_cell(name, prompt, result, text)[:width] for name in columns),
        )

    def _look_for_fields(self) -> Mapping[str, tuple[str, ...]]:
        found: dict[str, dict[str, None]] = {}
        for prompt in filter(None, map(self._prompt, range(_FIRST_PROMPTS))):
            for name in prompt.carried:
                if name not in found and len(found) >= _MOST_FIELDS:
                    continue
                values, value = found.setdefault(name, {}), carried_text(name, prompt, None)
                if len(values) < _MOST_VALUES and 0 < len(value) <= _LONGEST_VALUE:
                    values[value] = None
        return {name: tuple(values) for name, values in found.items()}

    def _prompt(self, job: int) -> Prompt | None:
        try:
            return self._prompts.prompt(job)
        except (InputError, JournalError, IndexError):
            return None


def _cell(name: str, prompt: Prompt | None, result: ResultRow | None, answer: str) -> str:
    """The text of a column that the view named; empty for a name that nothing has."""
    if name.startswith(INPUT):
        return carried_text(name.removeprefix(INPUT), prompt, result)
    if name == "prompt":
        return said_text(prompt.messages[-1]) if prompt is not None and prompt.messages else ""
    return answer if name == "answer" else ""


def carried_text(name: str, prompt: Prompt | None, result: ResultRow | None) -> str:
    """Return a carried field as text: of the prompt, or as its result has it; empty where there is none."""
    fields: Mapping[str, Any] = prompt.carried if prompt is not None else {}
    if name not in fields and result is not None and result.input:
        try:
            found = json.loads(result.input)
        except (ValueError, RecursionError):
            found = None
        fields = found if isinstance(found, dict) else {}
    value = fields.get(name, "")
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
