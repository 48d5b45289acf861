"""What came of the tests of each row."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

import pytest

from tests.cases.rows import PROPERTY, Row

__all__ = ["Outcome", "Outcomes"]


@dataclass
class Outcome:
    """The tests of a row, by what came of them."""

    passed: set[str] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)
    skipped: set[str] = field(default_factory=set)

    @property
    def word(self) -> str:
        """`pass` if tests passed and none failed; else what stands in the way of it."""
        if self.failed:
            return "FAIL"
        if self.passed:
            return "pass"
        return "skipped" if self.skipped else "no test"


class Outcomes:
    """A plugin of pytest that collects the outcomes of tests by row, in the process that starts the tests."""

    def __init__(self) -> None:
        self.by_row: defaultdict[Row, Outcome] = defaultdict(Outcome)
        self.broken: list[str] = []
        """Files whose tests could not be collected."""

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.broken.append(report.nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for name, value in report.user_properties:
            if name == PROPERTY and isinstance(value, list):
                self._count(self.by_row[Row(*value)], report)

    def _count(self, outcome: Outcome, report: pytest.TestReport) -> None:
        """A test passes by its call, and fails by any of its phases."""
        if report.failed:
            outcome.failed.add(report.nodeid)
        elif report.skipped:
            outcome.skipped.add(report.nodeid)
        elif report.when == "call":
            outcome.passed.add(report.nodeid)
