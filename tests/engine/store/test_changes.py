"""What has happened to a run is counted, and who waits for more of it is told once."""

from __future__ import annotations

from llmdash.engine.model.events import Noticed
from llmdash.engine.model.states import Severity
from llmdash.engine.store.job_columns import JobColumns
from llmdash.engine.store.store import Store


def store() -> Store:
    return Store(JobColumns(3, range(3)), lambda: 1.0)


def happen(to: Store) -> None:
    to.apply(Noticed(Severity.INFORMATION, "something"))


def test_who_waits_is_told_of_the_next_event_and_of_no_other() -> None:
    waited_for, told = store(), []
    happen(waited_for)
    waited_for.changes.when_more(1, lambda: told.append(waited_for.changes.count))
    assert not told
    happen(waited_for)
    happen(waited_for)
    assert told == [2]


def test_who_has_missed_an_event_is_told_at_once() -> None:
    waited_for, told = store(), []
    happen(waited_for)
    waited_for.changes.when_more(0, lambda: told.append(True))
    assert told


def test_who_waits_no_more_is_not_told() -> None:
    waited_for, told = store(), []
    waited_for.changes.when_more(0, lambda: told.append(True))()
    happen(waited_for)
    assert not told
