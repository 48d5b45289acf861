"""The table of ratios and bars."""

from __future__ import annotations

import pytest

from tests.benchmarks.figures import RATE, THIS, Goal, Row, ratio_table, ratios, records

PEER = Row("batch", "peer", RATE)
FIGURES = {
    Row("batch", THIS, RATE): [3000.0, 2000.0, 4000.0],
    Row("batch", THIS, "µs/job"): [100.0, 100.0, 100.0],
    PEER: [1000.0, 1000.0, 1000.0],
    Row("batch", "peer", "µs/job"): [250.0, 200.0, 300.0],
}
GOALS = {PEER: Goal(3, 15), Row("batch", THIS, "µs/job"): Goal(90)}


@pytest.mark.parametrize(
    ("unit", "expected"), [(RATE, [3.0, 2.0, 4.0]), ("µs/job", [2.5, 2.0, 3.0])], ids=["rate", "cost"]
)
def test_a_ratio_above_one_means_that_llmdash_is_better(unit: str, expected: list[float]) -> None:
    """More jobs a second are faster, more microseconds a job are slower."""
    assert ratios(FIGURES, Row("batch", "peer", unit)) == expected


def test_a_ratio_is_taken_within_a_round() -> None:
    """A machine that was busy in one round slows what is compared down alike."""
    figures = {Row("batch", THIS, RATE): [100.0, 10.0], PEER: [50.0, 5.0]}
    assert ratios(figures, PEER) == [2.0, 2.0]


def test_the_table_puts_what_can_be_compared_one_below_the_other_with_its_bars() -> None:
    table = ratio_table(FIGURES, GOALS, {"rival": "it does not install"})
    assert [" ".join(line.split()) for line in table.splitlines()] == [
        "median min to max ratio min to max bar stretch",
        "batch llmdash jobs/s 3,000 2,000 to 4,000",
        "peer jobs/s 1,000 1,000 to 1,000 3.00x 2.00 to 4.00 3x 15x bar",
        "llmdash µs/job 100.0 100.0 to 100.0 90 below",
        "peer µs/job 250.0 200.0 to 300.0 2.50x 2.00 to 3.00",
        "not measured: rival: it does not install",
    ]


def test_a_peer_without_llmdash_beside_it_has_no_ratio() -> None:
    assert "x" not in ratio_table({PEER: [1000.0]}, {}, {}).replace("max", "")


def test_a_round_in_which_nothing_was_done_has_no_ratio_and_reaches_nothing() -> None:
    figures = {Row("batch", THIS, RATE): [3000.0], PEER: [0.0]}
    assert ratios(figures, PEER) == []
    assert [each["reached"] for each in records(figures, GOALS)] == [None, None]
    assert "bar" not in ratio_table(figures, GOALS, {}).splitlines()[-1]


def test_a_row_that_stands_alone_is_held_to_its_bar_by_its_figure_and_has_no_ratio() -> None:
    """What the target answers by itself, or the milliseconds of a key, is beside nothing."""
    alone = Row("batch", "the target itself", RATE, alone=True)
    late = Row("keys", "a page", "ms", alone=True)
    found = {**FIGURES, alone: [9000.0] * 3, late: [40.0, 60.0, 50.0]}
    shown = ratio_table(found, {late: Goal(80, 50)}, {}).splitlines()
    assert " ".join(shown[3].split()) == "the target itself jobs/s 9,000 9,000 to 9,000"
    assert " ".join(shown[-1].split()) == "keys a page ms 50.0 40.0 to 60.0 80 50 stretch"
    assert [each["reached"] for each in records(found, {late: Goal(30)}) if each["unit"] == "ms"] == [False]


def test_what_was_measured_in_fewer_rounds_is_said_below_the_table() -> None:
    once = Row("memory", "1,000,000 jobs", "MB", alone=True)
    found = {**FIGURES, once: [90.0], Row("batch", "rival", RATE): [1.0, 2.0]}
    assert ratio_table(found, {}, {}).splitlines()[-2:] == [
        "measured 2 times only: batch: rival",
        "measured once only: memory",
    ]


def test_the_records_hold_every_figure_and_whether_the_bar_is_reached() -> None:
    own, peer, cost, _ = records(FIGURES, GOALS)
    assert (own["who"], own["ratio"], own["goal"], own["reached"]) == (THIS, None, None, None)
    assert (cost["goal"], cost["reached"]) == ({"bar": 90, "stretch": None}, False)
    assert peer == {
        "what": "batch",
        "who": "peer",
        "unit": RATE,
        "alone": False,
        "median": 1000.0,
        "min": 1000.0,
        "max": 1000.0,
        "values": [1000.0, 1000.0, 1000.0],
        "ratio": 3.0,
        "ratios": [3.0, 2.0, 4.0],
        "goal": {"bar": 3, "stretch": 15},
        "reached": True,
    }
