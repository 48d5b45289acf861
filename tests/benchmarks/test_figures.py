"""The table of ratios."""

from __future__ import annotations

import pytest

from tests.benchmarks.figures import RATE, THIS, Row, ratio_table, ratios, records

FIGURES = {
    Row("batch", THIS, RATE): [3000.0, 2000.0, 4000.0],
    Row("batch", THIS, "µs/job"): [100.0, 100.0, 100.0],
    Row("batch", "peer", RATE): [1000.0, 1000.0, 1000.0],
    Row("batch", "peer", "µs/job"): [250.0, 200.0, 300.0],
}


@pytest.mark.parametrize(
    ("unit", "expected"), [(RATE, [3.0, 2.0, 4.0]), ("µs/job", [2.5, 2.0, 3.0])], ids=["rate", "cost"]
)
def test_a_ratio_above_one_means_that_this_tree_is_faster(unit: str, expected: list[float]) -> None:
    """More jobs a second are faster, more microseconds a job are slower."""
    assert ratios(FIGURES, Row("batch", "peer", unit)) == expected


def test_a_ratio_is_taken_within_a_round() -> None:
    """A machine that was busy in one round slows what is compared down alike."""
    figures = {Row("batch", THIS, RATE): [100.0, 10.0], Row("batch", "peer", RATE): [50.0, 5.0]}
    assert ratios(figures, Row("batch", "peer", RATE)) == [2.0, 2.0]


def test_the_table_puts_what_can_be_compared_one_below_the_other() -> None:
    assert [" ".join(line.split()) for line in ratio_table(FIGURES).splitlines()] == [
        "median min to max ratio min to max",
        "batch llmdash, this tree jobs/s 3,000 2,000 to 4,000",
        "peer jobs/s 1,000 1,000 to 1,000 3.00x 2.00 to 4.00",
        "llmdash, this tree µs/job 100.0 100.0 to 100.0",
        "peer µs/job 250.0 200.0 to 300.0 2.50x 2.00 to 3.00",
    ]


def test_the_records_hold_every_figure() -> None:
    own, peer, *_ = records(FIGURES)
    assert (own["who"], own["ratio"], own["ratios"]) == (THIS, None, None)
    assert peer == {
        "what": "batch",
        "who": "peer",
        "unit": RATE,
        "median": 1000.0,
        "min": 1000.0,
        "max": 1000.0,
        "values": [1000.0, 1000.0, 1000.0],
        "ratio": 3.0,
        "ratios": [3.0, 2.0, 4.0],
    }
