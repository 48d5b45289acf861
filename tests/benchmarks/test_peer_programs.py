"""What is read from the reports of programs that measure endpoints."""

from __future__ import annotations

import pytest

from tests.benchmarks.peer_programs import requests_per_second

AIPERF = {"request_count": {"avg": 1000.0}, "request_throughput": {"unit": "requests/sec", "avg": 1036.7}}
GUIDELLM = {
    "benchmarks": [
        {
            "scheduler_metrics": {"requests_made": {"successful": 1000, "errored": 0}},
            "metrics": {"requests_per_second": {"successful": {"mean": 565.8, "median": 491.9}}},
        }
    ]
}


@pytest.mark.parametrize(
    ("name", "report", "rate"), [("aiperf", AIPERF, 1036.7), ("guidellm", GUIDELLM, 565.8)]
)
def test_a_report_says_how_many_were_answered_and_how_many_a_second(
    name: str, report: dict[str, object], rate: float
) -> None:
    assert requests_per_second(name, report) == (1000, rate)
