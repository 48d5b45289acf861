"""The share of right answers is the same text wherever it is shown."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from llmdash.engine.frames.blockers import RunStatus
from llmdash.engine.frames.bounds import Bounds, with_bounds
from llmdash.engine.model.amounts import share
from llmdash.engine.model.forecast import HoldKind
from llmdash.engine.model.frame import Frame, RunPart, Score
from llmdash.engine.model.states import RunState
from llmdash.launch.shutdown import write_last_words
from llmdash.reports.occasions import Occasion, occasion_words
from llmdash.reports.summary import end_report
from llmdash.ui.panels.run_header import RunHeader
from llmdash.ui.text.outcome_words import outcome_lines
from tests.ui.widget_app import lines, running


@pytest.mark.parametrize(
    ("part", "places", "said"),
    [
        (0.9867, 1, "98.7%"),
        (0.99996, 1, "99.9%"),
        (0.99999, 2, "99.99%"),
        (0.00001, 1, "0.1%"),
        (0.001, 0, "1%"),
        (0.999, 0, "99%"),
        (1.0, 0, "100%"),
        (0.0, 2, "0.00%"),
        (None, 1, "–"),
    ],
)
def test_only_the_whole_is_a_hundred_percent_and_only_nothing_is_none(
    part: float | None, places: int, said: str
) -> None:
    assert share(part, places) == said


@pytest.mark.parametrize(
    ("right", "wrong", "said"), [(9_999, 1, "99.9%"), (2, 1, "66.7%"), (1, 0, "100.0%"), (0, 3, "0.0%")]
)
async def test_the_share_of_right_answers_is_rounded_everywhere(
    right: int, wrong: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    jobs = right + wrong
    run = RunPart("sums", jobs=jobs, done=jobs, state=RunState.DONE, score=Score(right, wrong))
    frame = Frame(run=run)
    write_last_words(run, Path("kept"), None)
    held = with_bounds(replace(run, jobs=jobs + 1), RunStatus(held=HoldKind.TRIAL), Bounds()).hold
    assert held is not None
    header = RunHeader()
    async with running(header, (200, 3)):
        header.show(run)
        shown = "\n".join(lines(header))
    texts = {
        "exit line": capsys.readouterr().out,
        "report": end_report(frame),
        "occasion": occasion_words(Occasion.DONE, frame),
        "trial": held.text,
        "outcome": "".join(text for line in outcome_lines(run, (), 60) for text, _ in line.pieces),
        "header": shown,
    }
    assert [place for place, text in texts.items() if said not in text] == []
