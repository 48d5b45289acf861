"""What the fault server saw, in counts."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(slots=True)
class Row:
    """Of one key or one prompt: how many requests came, how many got a whole answer, how many a fault."""

    requests: int = 0
    whole: int = 0
    faults: int = 0


class Counts:
    """Counts of requests; one whose client went away before its end is neither whole nor a fault.

    `fullest_second` is the most requests that any second held, by the server's monotonic clock.
    """

    def __init__(self) -> None:
        self.total = Row()
        self.by_key: dict[str, Row] = {}
        self.by_prompt: dict[str, Row] = {}
        self.by_fault: Counter[str] = Counter()
        self.fullest_second = 0
        self.elsewhere: list[bytes] = []
        """Heads of the requests that another host got: redirects lead there."""
        self._last_second: deque[float] = deque()

    def arrived(self, key: str, prompt: str, at: float) -> tuple[Row, ...]:
        """Count a request; the rows are where its outcome goes."""
        rows = (self.total, self.by_key.setdefault(key, Row()), self.by_prompt.setdefault(prompt, Row()))
        for row in rows:
            row.requests += 1
        self._last_second.append(at)
        while self._last_second[0] <= at - 1.0:
            self._last_second.popleft()
        self.fullest_second = max(self.fullest_second, len(self._last_second))
        return rows

    def report(self, *, prompts: bool = False) -> dict[str, Any]:
        """All of it as JSON may hold it; what every prompt got is told if asked for."""
        report: dict[str, Any] = {
            **asdict(self.total),
            "by_key": {key: asdict(row) for key, row in self.by_key.items()},
            "by_fault": dict(self.by_fault),
            "prompts": len(self.by_prompt),
            "prompts_whole": sum(row.whole > 0 for row in self.by_prompt.values()),
            "prompts_whole_twice": sum(row.whole > 1 for row in self.by_prompt.values()),
            "fullest_second": self.fullest_second,
            "elsewhere": len(self.elsewhere),
        }
        if prompts:
            report["by_prompt"] = {prompt: asdict(row) for prompt, row in self.by_prompt.items()}
        return report
