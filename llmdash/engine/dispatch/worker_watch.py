"""WorkerWatch: tells of workers that come and go, and knows for how long there was none."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from llmdash.engine.dispatch.asker import Asker
from llmdash.engine.journal.writer import JournalWriter
from llmdash.engine.model.counts import counted, listed
from llmdash.engine.model.events import Noticed
from llmdash.engine.model.frame import WorkerRow
from llmdash.engine.model.payment import Payment
from llmdash.engine.model.states import Severity, WorkerState
from llmdash.engine.store.hosts import hosts_facts
from llmdash.engine.store.store import Store

__all__ = ["WorkerWatch"]

_GATHER_S = 1.0
"""How long others may join, to be told of together."""
_GONE = (WorkerState.LOST, WorkerState.LEFT)


class WorkerWatch:
    """Looks at the workers of a run from time to time, on the event loop."""

    def __init__(
        self,
        asker: Asker,
        store: Store,
        journal: JournalWriter,
        clock: Callable[[], float],
        payment: Payment,
    ) -> None:
        self._asker = asker
        self._store = store
        self._journal = journal
        self._clock = clock
        self._payment = payment
        self._states: dict[str, WorkerState] = {}
        self._lost: dict[str, int] = {}
        self._joined: list[WorkerRow] = []
        self._tells_at = 0.0
        self._blocked_at: float | None = None

    @property
    def blocked_s(self) -> float:
        """For how long no attempt could be made, in seconds; 0 if one could at the last look."""
        return 0.0 if self._blocked_at is None else self._clock() - self._blocked_at

    def look(self) -> None:
        """Report what has changed since the last look, and keep the hosts of new workers on record."""
        rows = self._asker.workers()
        for row in rows:
            before = self._states.get(row.name, WorkerState.LEFT)
            self._states[row.name] = row.state
            if (before in _GONE) != (row.state in _GONE):
                self._report(row)
        if self._joined and self._clock() >= self._tells_at:
            self._welcome(self._joined)
            self._joined = []
        known = self._store.hosts
        if any(row.name not in known for row in rows):
            known.update({row.name: row.host for row in rows if row.name not in known})
            self._journal.facts(hosts_facts(known))
        if self._asker.blocked() is None:
            self._blocked_at = None
        elif self._blocked_at is None:
            self._blocked_at = self._clock()

    def _report(self, row: WorkerRow) -> None:
        if row.state not in _GONE:
            self._joined.append(row)
            self._tells_at = self._clock() + _GATHER_S
        elif row.state is WorkerState.LEFT:
            self._notice(Severity.INFORMATION, f"Worker {row.name} has left")
        else:
            lost = self._store.lost_by[row.name]
            new, self._lost[row.name] = lost - self._lost.get(row.name, 0), lost
            what = f": {counted(new, 'request')} {self._payment.unknown}" if new > 0 else ""
            self._notice(Severity.WARNING, f"Worker {row.name} is lost{what}")

    def _welcome(self, rows: Sequence[WorkerRow]) -> None:
        """Report workers that joined together."""
        if len(rows) == 1:
            self._notice(Severity.INFORMATION, f"Worker {rows[0].name} joins, on {rows[0].host}")
        else:
            self._notice(
                Severity.INFORMATION, f"{len(rows)} workers join: {listed([row.name for row in rows])}"
            )

    def _notice(self, severity: Severity, words: str) -> None:
        self._store.apply(Noticed(severity, words))
