"""RunStorage: what the disk does to a run: its journal, its folder, and the output that grows with it."""

from __future__ import annotations

from collections.abc import Sequence

from llmdash.engine.journal.file import JournalError, JournalFile, StorageError
from llmdash.engine.journal.keeping import Keep, PromptJournal, TextlessJournal
from llmdash.engine.journal.writer import Journal, JournalWriter
from llmdash.engine.model.ending import Ending
from llmdash.engine.model.events import Noticed
from llmdash.engine.model.records import ResultRow
from llmdash.engine.model.states import Severity
from llmdash.engine.plan import RunPlan
from llmdash.engine.run.lifecycle import Lifecycle
from llmdash.engine.store.store import Store

__all__ = ["RunStorage"]


class RunStorage:
    """Opens the writer of a run's journal, and ends the run if nothing more can be saved."""

    def __init__(self, plan: RunPlan, file: JournalFile, store: Store, lifecycle: Lifecycle) -> None:
        self._plan = plan
        self._file = file
        self._store = store
        self._lifecycle = lifecycle
        self._output_reported = False
        self.blocked: str | None = None
        """Why the disk blocks the journal; jobs wait for their rows by themselves."""

    def writer(self) -> JournalWriter:
        """Return a writer, with its thread started."""
        return JournalWriter(self._journal(), self._failed, self._held, self._saved)

    def look(self) -> None:
        """Report once that the live output cannot be written; end a run that has no other place for answers,
        and one whose folder was deleted.
        """
        live = self._plan.live
        if live is not None and live.problem is not None and not self._output_reported:
            self._output_reported = True
            if self._plan.keep is Keep.NONE:
                self._failed(StorageError(live.problem))
            else:
                self._store.apply(Noticed(Severity.WARNING, live.problem))
        if not self._file.is_in_place:
            self._failed(StorageError(f"{self._plan.folder}: the folder of the run is gone"))

    def _journal(self) -> Journal:
        """The journal as the writer sees it, by what is to be kept."""
        plan = self._plan
        if plan.keep is Keep.ALL:
            return PromptJournal(self._file, plan.source)
        if plan.keep is Keep.NONE and plan.live is not None:
            return TextlessJournal(self._file, plan.live.append)
        return self._file

    def _failed(self, error: JournalError) -> None:
        self._store.apply(Noticed(Severity.ERROR, str(error)))
        self._lifecycle.end(Ending.STORAGE)

    def _held(self, reason: str | None) -> None:
        self.blocked = f"{reason}: {self._plan.folder}" if reason is not None else None

    def _saved(self, rows: Sequence[ResultRow]) -> None:
        """Append results that are on disk to the live output; called on the journal's thread."""
        if self._plan.live is not None and self._plan.keep is not Keep.NONE:
            self._plan.live.append(rows)
