"""RunEntry: a kept run, as a list shows it."""

from __future__ import annotations

from pathlib import Path

from llmdash.engine.model.states import KeptState
from llmdash.lean_dataclass import dataclass

__all__ = ["KeptState", "RunEntry"]


@dataclass(frozen=True, slots=True)
class RunEntry:
    """A kept run. Texts are as they are recorded: not safe to show."""

    id: str
    """The name of its folder."""
    folder: Path
    title: str
    """What the user calls it, else the name of its input."""
    state: KeptState
    alive: bool = False
    """True while a process works on it, or waits for commands."""
    pid: int | None = None
    """That process, if it is known."""
    tags: tuple[str, ...] = ()
    jobs: int | None = None
    done: int = 0
    failed: int = 0
    invalid: int = 0
    cancelled: int = 0
    right: int = 0
    scored: int = 0
    batched: int = 0
    """The jobs that were sent in batches which are open: some may have their results."""
    exact: bool = True
    """False if more jobs may have ended than are counted here: counting them would take too long."""
    cost: float | None = None
    cost_uncertain: float = 0.0
    """Dollars; None where no price is known."""
    attempts: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    elapsed_s: float | None = None
    """Seconds at work."""
    model: str | None = None
    """The models, joined by commas."""
    endpoint: str | None = None
    started: float | None = None
    ended: float | None = None
    """When it began, and when it ended or was last heard of, in Unix seconds; a living one has no end."""
    bytes: int = 0
    """The size of the files of the run."""
    keep: str = "answers"
    """What is kept: none, answers, or all."""
    out: Path | None = None
    """The file that its results are written to."""
    problem: str | None = None
    """What is wrong with a damaged one."""

    @property
    def accuracy(self) -> float | None:
        """Right answers over all scored ones, 0 to 1."""
        return self.right / self.scored if self.scored else None

    @property
    def pending(self) -> int | None:
        """The jobs that have not ended; None if it is not known how many there are."""
        if self.jobs is None:
            return None
        return max(0, self.jobs - self.done - self.failed - self.invalid - self.cancelled)
