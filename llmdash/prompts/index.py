"""FilePrompts: a file of prompts that stays on disk; only the position of each record is in memory."""

from __future__ import annotations

import hashlib
import os
import weakref
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, BinaryIO

import msgspec

from llmdash.lean_dataclass import dataclass
from llmdash.prompts.checks import check_answer
from llmdash.prompts.formats import Format, RecordSpan, line_spans
from llmdash.prompts.lines import Line, LineReader, LineRun
from llmdash.prompts.places import Identities, RecordPlaces
from llmdash.prompts.plain_rows import PlainRows
from llmdash.prompts.reading import Reading
from llmdash.prompts.records import Recipe, RecordError
from llmdash.prompts.rows import build_prompt
from llmdash.prompts.source import InputError, InputProblem, Prompt
from llmdash.prompts.template import one_line
from llmdash.prompts.verdict import Verdict

__all__ = ["MOST_PROBLEMS", "FilePrompts", "Problems", "open_file"]

MOST_PROBLEMS = 1_000
"""The number of problems that are listed; the rest are counted in one last entry."""

_VERSION = "file 1"


class Problems:
    """The lines left out, in the order found, MOST_PROBLEMS at most and one that counts the rest."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._listed: list[InputProblem] = []
        self._more = 0
        self._more_line = 0

    def add(self, line: int, message: str) -> None:
        """Add the problem of a line that is left out."""
        if len(self._listed) < MOST_PROBLEMS:
            self._listed.append(InputProblem(self._file, line, message))
        else:
            self._more_line = self._more_line or line
            self._more += 1

    @property
    def number(self) -> int:
        """How many lines were left out."""
        return len(self._listed) + self._more

    def all(self) -> tuple[InputProblem, ...]:
        """Return the problems by line, the last one with the count of those not listed."""
        listed = sorted(self._listed, key=lambda problem: problem.line)
        if self._more:
            text = f"{self._more:,} more were left out from here on"
            listed.append(InputProblem(self._file, self._more_line, text))
        return tuple(listed)


@dataclass(frozen=True, slots=True)
class _Found:
    """What is noted while a file is indexed, to which no more than `limit` records are added."""

    problems: Problems
    identities: Identities
    reading: Reading
    limit: int | None

    def is_full(self, records: int) -> bool:
        """True if that number of records is all that is wanted."""
        return self.limit is not None and records >= self.limit


class FilePrompts:
    """A PromptSource over the records of one file.

    Records are read again when they are requested, and compared with a checksum computed when the file was
    opened. May be used from any thread. Answers are scored by `score_text`.
    """

    def __init__(self, file: BinaryIO, form: Format, recipe: Recipe, name: str, shown: str) -> None:
        self._form = form
        self._recipe = recipe
        self._shown = shown
        self._stem = name
        self._places = RecordPlaces()
        self.name = name
        self.fingerprint = ""
        self.problems: Sequence[InputProblem] = ()
        self.left_out = 0
        self.reading = ""
        self.options: Mapping[str, Any] = {}
        self.check: str | None = None
        self._descriptor = os.dup(file.fileno())
        weakref.finalize(self, os.close, self._descriptor)

    def index(self, limit: int | None, taken: str) -> None:
        """Find the records, at most `limit`, and the problems. Raises InputError if nothing can be run.

        `taken` says what the file was taken for; where it is empty, there is nothing to say of its fields.
        """
        with os.fdopen(os.dup(self._descriptor), "rb", buffering=1 << 20) as file:
            file.seek(0)
            reader = LineReader(file)
            found = _Found(Problems(self._shown), Identities(), Reading(self._recipe, taken), limit)
            if limit != 0:
                self._find(reader, found)
            digest = reader.digest()
        problems, reading = found.problems, found.reading
        self._leave_out_duplicates(found.identities.duplicates(), problems)
        self.problems, self.left_out = problems.all(), problems.number
        if not len(self) and limit != 0:
            raise InputError(self._nothing())
        if limit is None:
            reading.check()
        reading.check_template()
        self.reading = reading.text() if taken and len(self) else ""
        self.fingerprint = self._fingerprint(digest)

    def _find(self, reader: LineReader, found: _Found) -> None:
        # What is left out of the results is reported, too.
        recipe = replace(self._recipe, carries=True)
        if not (self._form.of_json_lines and recipe.asks_nothing):
            self._add(self._form.spans(reader), recipe, found)
            return
        plain = PlainRows(())
        for run in reader.runs():
            if isinstance(run, Line):
                self._add(line_spans((run,)), recipe, found)
            elif not self._add_plain(run, plain, found):
                self._add(line_spans(run.lines()), recipe, found)
            if found.is_full(len(self)):
                return
            if plain.names != found.reading.noted:
                plain = PlainRows(found.reading.noted)

    def _add(self, spans: Iterator[RecordSpan], recipe: Recipe, found: _Found) -> None:
        """Add records as they are found, each for itself."""
        read, places, problems = self._form.fields, self._places, found.problems
        for number, span in enumerate(spans, start=1):
            data = span.data
            if data is None:
                problems.add(span.line, span.fault)
                continue
            counted = span.line if self._form.by_line else number
            default = self._default_id(counted)
            try:
                fields = read(data)
                prompt = build_prompt(fields, default, recipe)
            except RecordError as error:
                problems.add(span.line, str(error))
                continue
            found.reading.add(fields, prompt)
            found.identities.add(prompt.id)
            places.add(span, data, counted, "" if prompt.id == default else prompt.id)
            if found.is_full(len(places)):
                return

    def _add_plain(self, run: LineRun, plain: PlainRows, found: _Found) -> bool:
        """Add a run of lines at once if all of them are plain rows, and there is room for them.

        Return True if they were added.
        """
        if found.is_full(len(self) + len(run.data) - 1):
            return False
        records = [data.rstrip(b"\r\n") for data in run.data]
        identities = plain.ids(records)
        if identities is None:
            return False
        if not found.reading.noted:
            fields = self._form.fields(records[0])
            found.reading.add(fields, build_prompt(fields, self._default_id(run.number), self._recipe))
        self._places.extend(run, records, identities)
        numbered = enumerate(identities, start=run.number)
        found.identities.extend(identity or self._default_id(number) for number, identity in numbered)
        return True

    def _default_id(self, number: int) -> str:
        return f"{self._stem}-{number}"

    def _leave_out_duplicates(self, duplicates: set[int], problems: Problems) -> None:
        """Keep the first of each id; mostly there are no duplicates."""
        if not duplicates:
            return
        first: dict[str, int] = {}
        left_out: set[int] = set()
        for index in range(len(self)):
            identity = self.id(index)
            if hash(identity) not in duplicates:
                continue
            line = self._places.lines[index]
            if identity in first:
                taken = f"id {one_line(identity)!r} is taken by line {first[identity]}"
                problems.add(line, f"{taken}; give each its own")
                left_out.add(index)
            else:
                first[identity] = line
        self._places = self._places.without(left_out)

    def _nothing(self) -> str:
        if not self.problems:
            return f"{self._shown}: no prompts in it; write at least one"
        first = self.problems[0]
        return f"{self._shown}:{first.line}: {first.message} (and nothing else in the file can be run)"

    def _fingerprint(self, digest: bytes) -> str:
        template = self._recipe.template.text if self._recipe.template is not None else None
        parts: tuple[Any, ...] = (
            _VERSION,
            self._form.label,
            template,
            self._recipe.system,
            len(self),
            digest,
        )
        if more := self._recipe_beyond():
            parts = (*parts, more)
        return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()

    def _recipe_beyond(self) -> list[Any]:
        """What decides the prompts beside template and system text; empty for the fingerprints of old."""
        recipe = self._recipe
        beyond = [recipe.prompt_column, sorted(recipe.send), sorted(recipe.carry), recipe.carries]
        if recipe.expected_column is not None:
            return [*beyond, recipe.expected_column]
        return beyond if beyond != [None, [], [], True] else []

    def __len__(self) -> int:
        return len(self._places)

    def id(self, index: int) -> str:
        places = self._places
        return places.ids[index] or self._default_id(places.numbers[index])

    def prompt(self, index: int) -> Prompt:
        """Read the record at `index` again. Raises InputError if it has changed."""
        places = self._places
        if not 0 <= index < len(places):
            raise IndexError(index)
        line = places.lines[index]
        data = os.pread(self._descriptor, places.sizes[index], places.starts[index])
        if len(data) != places.sizes[index] or zlib.crc32(data) != places.sums[index]:
            fix = "put it back as it was, or start a new run"
            raise InputError(f"{self._shown}:{line}: the file changed during the run; {fix}")
        default = self._default_id(places.numbers[index])
        return build_prompt(self._form.fields(data), default, self._recipe)

    def score(self, prompt: Prompt, text: str) -> Verdict:
        return check_answer(prompt.check, prompt.expected, text)


def open_file(
    file: BinaryIO, form: Format, recipe: Recipe, *, name: str, shown: str, limit: int | None, taken: str
) -> FilePrompts:
    """Return a source over `file`, which may be closed then.

    Ids begin with `name`, messages with `shown`. `taken` says what the file was taken for. Raises InputError.
    """
    source = FilePrompts(file, form, recipe, name, shown)
    source.index(limit, taken)
    return source
