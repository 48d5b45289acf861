"""What the journal of a run keeps of texts: none, answers, or prompts too.

Each is a journal in front of the file, called on the journal's thread.
"""

from __future__ import annotations

import enum
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from llmdash.engine.journal.file import Group
from llmdash.engine.journal.writer import Journal
from llmdash.engine.model.errors import NOT_KEPT
from llmdash.engine.model.records import AttemptRecord, MomentRow, ResultRow
from llmdash.prompts.source import InputError, PromptSource, Said
from llmdash.sanitize import storable

__all__ = ["Keep", "PromptJournal", "TextlessJournal", "messages_text"]

_WORDS = re.compile(r"[A-Za-z0-9_.:,-]{1,100}")
"""What names a thing and is no text: an error code, a reason to finish."""
_WITH_WORDS = ("key", "endpoint")
"""The kinds of moments with words of a server after the name of a state."""


class Keep(enum.Enum):
    """What is kept: NONE has no text of a prompt or an answer, ALL has the prompts too."""

    NONE = "none"
    ANSWERS = "answers"
    ALL = "all"


class TextlessJournal:
    """Writes rows without their texts, once `keep` has the results whole: it is the one place that has.

    `keep` may raise sqlite3.OperationalError, as a journal does.
    """

    def __init__(self, journal: Journal, keep: Callable[[Sequence[ResultRow]], None]) -> None:
        self._journal = journal
        self._keep = keep
        self._kept: Group | None = None

    def write(self, group: Group) -> None:
        """Keep the results elsewhere, then commit the rows of `group` without texts."""
        if group is not self._kept:  # a group comes again while the disk is full
            self._keep(group.results)
            self._kept = group
        self._journal.write(
            replace(
                group,
                attempts=list(map(_bare_attempt, group.attempts)),
                results=list(map(_bare_result, group.results)),
                health=[record._replace(detail="") for record in group.health],
                batches=[record._replace(detail=None) for record in group.batches],
                moments=[bare for row in group.moments if (bare := _bare_moment(row)) is not None],
            )
        )

    def close(self) -> None:
        """Close the file."""
        self._journal.close()


def _bare_attempt(record: AttemptRecord) -> AttemptRecord:
    return record._replace(message=None, partial=None, code=_word(record.code))


def _bare_moment(row: MomentRow) -> MomentRow | None:
    """Return a moment without what a server said; None for a notice, which is all text."""
    if row.kind == "notice":
        return None
    if row.kind in _WITH_WORDS and row.value is not None:
        return row._replace(value=row.value.partition(" ")[0])
    return row


def _bare_result(row: ResultRow) -> ResultRow:
    return row._replace(
        text=None,
        expected=None,
        message=None,
        reasoning=None,
        input=None,
        error=NOT_KEPT if row.error is not None else None,
        finish_reason=_word(row.finish_reason),
        flags=_word(row.flags),
        prompt_hash=None,  # a text that is guessed could be known by it
        request_hash=None,
    )


def _word(text: str | None) -> str | None:
    return text if text is not None and _WORDS.fullmatch(text) else None


class PromptJournal:
    """Writes the prompt of each job with its result, in one transaction."""

    def __init__(self, journal: Journal, source: PromptSource) -> None:
        self._journal = journal
        self._source = source

    def write(self, group: Group) -> None:
        """Commit the rows of `group`, and the prompts of its results."""
        self._journal.write(replace(group, prompts=list(self._prompts(group.results))))

    def _prompts(self, results: Sequence[ResultRow]) -> Iterator[tuple[int, str]]:
        for row in results:
            try:
                yield row.job, messages_text(self._source.prompt(row.job).messages)
            except InputError:  # the file has changed meanwhile
                continue

    def close(self) -> None:
        """Close the file."""
        self._journal.close()


def messages_text(messages: Sequence[Said]) -> str:
    """Return messages as the journal has them: a JSON array of objects, each as it is sent."""
    return storable(json.dumps(list(map(_message, messages)), ensure_ascii=False, default=str))


def _message(said: Said) -> Mapping[str, Any]:
    return {"role": said[0], "content": said[1]} if isinstance(said, tuple) else said
