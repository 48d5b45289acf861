"""Pictures of the job table alone, at the widths of three screens, dark and light.

After a wanted change of looks: `pytest tests/ui/tables/test_job_table_snapshots.py --snapshot-update`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from textual.pilot import Pilot

from llmdash.engine.model.frame import JobRow, JobsPart, JobText, Percentiles, RunPart, Score
from llmdash.engine.model.states import JobState, RunState, SortColumn, WaitReason
from llmdash.prompts.verdict import Verdict
from llmdash.ui.tables.job_table import JobTable
from tests.ui.widget_app import WidgetApp

SAID = '{"expression": "4 x 17 - 3", "result": %s}'
DONE = JobRow(
    3447, "add-3447", JobState.DONE, key="a1f2", tries=1, wait_s=0.05, ttft_s=0.37, time_s=0.92,
    input_tokens=54, output_tokens=16, verdict=Verdict.RIGHT, text=JobText(SAID % 65, "65", "65"),
)  # fmt: skip
LIVE = replace(DONE, output_tokens=None, verdict=Verdict.UNSCORED, text=JobText())
ROWS = (
    replace(LIVE, job=3456, id="add-3456", state=JobState.SENT, ttft_s=None, time_s=0.11),
    replace(LIVE, job=3453, id="add-3453", state=JobState.STREAMING, time_s=0.61, text=JobText(SAID[:36])),
    replace(
        LIVE, job=3452, id="add-3452", state=JobState.BACKOFF, reason=WaitReason.BACKOFF, due_in_s=1.9,
        key="9bc0", ttft_s=None, time_s=0.4, error="500 server error",
    ),
    DONE,
    replace(
        LIVE, job=3445, id="add-3445", state=JobState.FAILED, key="9bc0", tries=5, ttft_s=None, time_s=60.0,
        error="stalled for 60 s",
    ),
    replace(DONE, job=3444, id="add-3444", verdict=Verdict.NOT_EQUAL, text=JobText(SAID % 408, "408", "418")),
    replace(
        DONE, job=3441, id="add-3441", verdict=Verdict.NOT_PARSEABLE,
        text=JobText("Sure! The result is sixty-one.", "", "61"),
    ),
)  # fmt: skip
RUN = RunPart(
    state=RunState.RUNNING, latency=Percentiles(p95=1.5), waited=Percentiles(p95=0.2), failed=38, done=9_962,
    score=Score(9_730, 162, 70),
)  # fmt: skip
PART = JobsPart(10_000, 3_456, 0, ROWS, queued=6_544, waiting=((WaitReason.LIMITER, 3), (WaitReason.KEY, 0)))


@pytest.fixture(autouse=True)
def same_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures do not depend on the terminal of who runs the tests."""
    for name in ("NO_COLOR", "TEXTUAL_THEME", "TEXTUAL_FILTERS", "TEXTUAL"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("theme", ["textual-dark", "textual-light"])
@pytest.mark.parametrize("width", [80, 76, 128])
@pytest.mark.parametrize("scene", ["running", "ended"])
def test_job_table(snap_compare: Callable[..., bool], scene: str, width: int, theme: str) -> None:
    table = JobTable()
    table.styles.border = ("heavy", "blue")
    app = WidgetApp(table)

    async def ready(pilot: Pilot[Any]) -> None:
        pilot.app.theme = theme
        if scene == "running":
            table.show(PART, RUN)
        else:
            table.sort_by(SortColumn.WRONG)
            table.show(
                replace(PART, matched=10_000, rows=ROWS[3:], queued=0), replace(RUN, state=RunState.DONE)
            )
        await pilot.pause()

    assert snap_compare(app, terminal_size=(width, 12), run_before=ready)
