"""What is said of a run through a proxy."""

from __future__ import annotations

from dataclasses import replace

from tests.benchmarks.litellm_proxy import Figures, lines, times

_FINE = Figures(500, 500, 500, 0, 530, 40.0, {"rate-limit": 25, "drop": 5})


def test_a_run_is_whole_if_every_prompt_has_its_right_answer() -> None:
    assert _FINE.whole
    assert not replace(_FINE, done=499, right=499).whole
    assert not replace(_FINE, right=499).whole
    assert not replace(_FINE, empty=1).whole


def test_the_runs_stand_below_each_other_with_the_faults_that_were_served() -> None:
    figures = {"direct": _FINE, "through the proxy": replace(_FINE, elapsed_s=50.0)}
    assert times(figures) == 1.25
    heading, direct, through, _, sum_ = "\n".join(lines(figures)).splitlines()
    assert heading.split()[-2:] == ["faults", "served"]
    assert direct.split() == [
        "direct",
        "500/500",
        "500",
        "0",
        "530",
        "40.0",
        *["drop", "5,", "rate-limit", "25"],
    ]
    assert through.startswith("through the proxy")
    assert sum_ == "1.25 times as long"
