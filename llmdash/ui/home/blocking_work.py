"""Work that may block, on threads of its own; what comes of it is handed over where the screen lives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from textual.dom import DOMNode
from textual.worker import Worker, WorkerState

from llmdash.ui.launcher import LaunchError

__all__ = ["BlockingWork"]

_T = TypeVar("_T")


class _Answer(NamedTuple):
    done: Callable[[Any], None]
    refused: Callable[[str], None]


class BlockingWork:
    """Runs work of `node`, which passes on to `settle` each change of state of its workers.

    Of work of one name only the last counts: what comes of the earlier is dropped.
    """

    def __init__(self, node: DOMNode) -> None:
        self._node = node
        self._answers: dict[Worker[Any], _Answer] = {}

    def start(
        self, name: str, work: Callable[[], _T], done: Callable[[_T], None], refused: Callable[[str], None]
    ) -> None:
        """Work; then call `done` with what it returned, or `refused` with the text of its LaunchError."""
        worker = self._node.run_worker(
            work, thread=True, exit_on_error=False, name=name, group=name, exclusive=True
        )
        self._answers[worker] = _Answer(done, refused)

    def goes_on(self, name: str) -> bool:
        """Return True while what is to come of the work of that name is waited for."""
        return any(worker.name == name for worker in self._answers)

    def drop(self, name: str) -> None:
        """Drop what is to come of the work of that name."""
        self._node.workers.cancel_group(self._node, name)

    def settle(self, event: Worker.StateChanged) -> None:
        """Hand over what came of it. Raises whatever the work raised that is not a LaunchError."""
        worker = event.worker
        if event.state in (WorkerState.PENDING, WorkerState.RUNNING) or worker not in self._answers:
            return
        answer = self._answers.pop(worker)
        if event.state is WorkerState.SUCCESS:
            answer.done(worker.result)
        elif isinstance(worker.error, LaunchError):
            answer.refused(str(worker.error))
        elif event.state is WorkerState.ERROR:
            raise worker.error or RuntimeError(f"{worker.name} has failed")
