"""The verdict line: in every state of a run one line says what binds it, what is wrong, and what helps."""

from __future__ import annotations

import math
import re
import time
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from llmdash.engine.model.forecast import ForecastPart, Hold, HoldKind, Range
from llmdash.engine.model.frame import (
    Alert,
    Frame,
    KeyRow,
    Percentiles,
    RatePart,
    ReplayPart,
    RunPart,
    SharedLimitRow,
)
from llmdash.engine.model.states import AlertKind, Binding, KeyState, RunState, Severity
from llmdash.ui.panels.verdict_line import VerdictLine, laid_out
from llmdash.ui.text.verdict_words import Advice, RunVerdict, verdict
from tests.ui.troubles import DISK_FULL, KEYS_REST, KILL_SWITCH, MINE_PAUSED, OPENAI_DOWN
from tests.ui.widget_app import HOSTILE, assert_drawn_safely, lines, lines_drawn, posted, running

RUN = RunPart(
    state=RunState.RUNNING, jobs=10_000, queued=6_544, waiting=3, in_flight=41, done=3_380, failed=32,
    latency=Percentiles(4.1, 5.0, 6.0, 7.0),
)  # fmt: skip
RATE = RatePart(20.0, 17.8, 64, 41, Binding.RATE)
DEAD = Alert(
    AlertKind.KEY, "key c3d4 dead", "revive it", severity=Severity.ERROR, blocks=False,
    detail="401 Incorrect API key provided",
)  # fmt: skip
RESTS = Alert(AlertKind.KEY, "key 77de rests", "revive it", 3.6, blocks=False, detail="server's hint")
SILENT = Alert(AlertKind.WORKER, "worker w5 silent for 7s: its 83 jobs go again", blocks=False)
BOUND = Frame(run=RUN, rate=RATE)
TRIAL = Hold(
    HoldKind.TRIAL, "20 of 10,000 done, 95% right, $0.003", "the rest about $1.26, 8m20s",
    "u releases, -+ rate, q stops",
)  # fmt: skip
BUDGET = Hold(
    HoldKind.BUDGET, "$4.98 of $5.00 spent", "3,120 left, about $1.57", "b raises it, q stops",
    "41 in flight may add $0.02",
)  # fmt: skip
NO_BATCH = Hold(HoldKind.BATCHES, "no batch took 1,240 jobs", fix="u releases, B sends in batches, q stops")
HOLDS = (AlertKind.TRIAL, AlertKind.BUDGET, AlertKind.NO_BATCH)
DONE = RunPart(
    state=RunState.DONE, jobs=10_000, done=9_962, failed=38, cost=1.27, requests_per_s=17.8,
    output="/home/ann/results.jsonl",
)  # fmt: skip


def said(frame: Frame, columns: int = 120) -> str:
    """The line on a screen of so many columns, without the blanks around it."""
    text = "".join(words for words, _style in laid_out(verdict(frame), columns - 2))
    assert cell_len(text) == columns - 2
    return text.rstrip()


def parts(frame: Frame, columns: int = 120) -> list[str]:
    return [part for part in (part.strip() for part in said(frame, columns).split("   ")) if part]


BOUND_BY_CONCURRENCY = replace(BOUND, rate=replace(RATE, binding=Binding.CONCURRENCY))


@pytest.mark.parametrize(
    ("frame", "wide", "narrow"),
    [
        pytest.param(
            BOUND,
            ["▲ bound by rate 20.0/s", "nothing holds the run up"],
            ["▲ bound by rate 20.0/s", "nothing holds the run up"],
            id="rate",
        ),
        pytest.param(
            replace(BOUND, rate=replace(RATE, rate=50 / 3600)),
            ["▲ bound by rate 50/h", "nothing holds the run up"],
            ["▲ bound by rate 50/h", "nothing holds the run up"],
            id="low rate",
        ),
        pytest.param(
            BOUND_BY_CONCURRENCY,
            [
                "▲ bound by concurrency 64: answers take 4.1s, 20.0/s would need 82 in flight",
                "nothing holds the run up",
            ],
            ["▲ bound by concurrency 64: answers take 4.1s, 20.0/s would need 82 in flight"],
            id="concurrency",
        ),
        pytest.param(
            replace(BOUND, alerts=(DEAD, RESTS)),
            [
                "▲ bound by rate 20.0/s",
                "✖ key c3d4 dead: 401 Incorrect API key provided",
                "◐ key 77de rests 4s, server's hint",
                "! 2",
            ],
            ["▲ bound by rate 20.0/s", "✖ key c3d4 dead: 401 Incorrect…", "◐ 77de 4s", "! 2"],
            id="troubles",
        ),
        pytest.param(
            replace(
                BOUND,
                run=replace(RUN, in_flight=0),
                alerts=(DEAD, replace(KEYS_REST, detail="server's hint"), RESTS),
                keys=(
                    KeyRow("a1f2", state=KeyState.THROTTLED),
                    KeyRow("77de", state=KeyState.THROTTLED),
                    KeyRow("c3d4", state=KeyState.DEAD),
                ),
            ),
            ["◐ all keys rest: the first goes on in 4s (server's hint)", "2 resting, 1 dead", "! 3"],
            ["◐ all keys rest: the first goes on in 4s (server's hint)", "! 3"],
            id="keys-rest",
        ),
        pytest.param(
            replace(BOUND, run=replace(RUN, state=RunState.PAUSED)),
            ["◫ paused by you: 41 in flight go on", "p goes on", "nothing else holds the run up"],
            ["◫ paused by you: 41 in flight go on", "p goes on"],
            id="paused",
        ),
        pytest.param(
            replace(BOUND, run=replace(RUN, hold=TRIAL), alerts=(Alert(AlertKind.TRIAL, TRIAL.text),)),
            [
                "◆ trial held: 20 of 10,000 done, 95% right, $0.003; the rest about $1.26, 8m20s",
                *("u release  -+ rate  q stop", "! 0"),
            ],
            ["◆ the rest about $1.26, 8m20s", "u release  -+ rate  q stop", "! 0"],
            id="trial",
        ),
        pytest.param(
            replace(BOUND, run=replace(RUN, hold=NO_BATCH)),
            [
                "◆ batches held: no batch took 1,240 jobs",
                *("u one by one  B in batches  q stop", "! 0"),
            ],
            ["◆ no batch took 1,240 jobs", "u one by one  B in batches  q stop", "! 0"],
            id="no batch",
        ),
        pytest.param(
            replace(BOUND, run=replace(RUN, hold=BUDGET)),
            [
                "◆ budget held: $4.98 of $5.00 spent, 3,120 left, about $1.57",
                *("b raise it  q stop", "41 in flight may add $0.02", "! 0"),
            ],
            ["◆ $4.98 of $5.00 spent", "b raise it  q stop", "41 in flight may add $0.02", "! 0"],
            id="budget",
        ),
        pytest.param(
            replace(BOUND, alerts=(OPENAI_DOWN,)),
            [
                "✖ endpoint openai down: connection refused; one request tries it in 8s",
                *("6,547 jobs wait", "! 1"),
            ],
            ["✖ endpoint openai down: connection refused; one request tries it in 8s", "! 1"],
            id="endpoint",
        ),
        pytest.param(
            replace(BOUND, run=replace(RUN, state=RunState.PAUSED), alerts=(KILL_SWITCH,)),
            [
                "✖ stopped to ask: 20 requests in a row failed alike: 404 model not found",
                *("fix the cause  R retry  q stop", "! 1"),
            ],
            ["✖ stopped to ask: 20 requests in a row failed alike…", "R retry  q stop", "! 1"],
            id="kill-switch",
        ),
        pytest.param(
            replace(BOUND, run=replace(RUN, state=RunState.DRAINING)),
            ["◐ draining: 41 in flight finish, about 6s; 6,547 stay for later", "X cuts them off", "! 0"],
            ["◐ draining: 41 in flight finish, about 6s; 6,547…", "X cuts them off", "! 0"],
            id="draining",
        ),
        pytest.param(
            Frame(run=DONE),
            [
                "✓ all ended", "38 failed: R tries them again, about $0.0048, 2s",
                "results.jsonl is complete",
            ],
            ["✓ all ended", "38 failed: R tries them again, about $0.0048, 2s"],
            id="ended",
        ),
        pytest.param(
            Frame(run=RunPart()), ["◌ starting", "nothing holds the run up"],
            ["◌ starting", "nothing holds the run up"], id="starting",
        ),
    ],
)  # fmt: skip
def test_every_state_has_its_words_at_120_and_at_80_columns(
    frame: Frame, wide: list[str], narrow: list[str]
) -> None:
    assert parts(frame) == wide
    assert parts(frame, 80) == narrow


NOW = 1_000_000.0
TRIPPED = replace(
    KILL_SWITCH,
    text="Kill switch: 20 in a row refused: 404 The model gpt-4o-mni does not exist",
)
FORECAST = ForecastPart(
    9_980, trial=20, cost=Range(1.1, 1.4, 1.26), seconds=Range(480.0, 520.0, 500.0), output_tokens=Range(1, 2)
)  # fmt: skip


@pytest.mark.parametrize(
    ("frame", "line"),
    [
        pytest.param(
            replace(BOUND, run=replace(RUN, state=RunState.PAUSED, in_flight=12, paused_at=NOW - 42.3)),
            "◫ paused by you 0:42 ago: 12 in flight go on   p goes on   nothing else holds the run up",
            id="paused",
        ),
        pytest.param(
            replace(BOUND, run=replace(RUN, hold=replace(TRIAL, rest="")), forecast=FORECAST),
            "◆ trial held: 20 of 10,000 done, 95% right, $0.003; the rest about $1.26, 8m20s"
            "   u release  -+ rate  q stop   ! 0",
            id="trial",
        ),
        pytest.param(
            replace(
                BOUND,
                run=replace(RUN, hold=replace(TRIAL, rest="")),
                forecast=replace(FORECAST, seconds=Range(80.0, math.inf)),
            ),
            "◆ the rest about $1.26, at least 1m20s   u release  -+ rate  q stop   ! 0",
            id="trial with a rate that is to be found",
        ),
        pytest.param(
            replace(BOUND, run=replace(RUN, hold=BUDGET), alerts=(RESTS,)),
            "◆ budget held: $4.98 of $5.00 spent, 3,120 left, about $1.57   b raise it  q stop"
            "   41 in flight may add $0.02   ! 1",
            id="budget",
        ),
        pytest.param(
            replace(BOUND, run=replace(RUN, state=RunState.PAUSED), alerts=(TRIPPED,)),
            "✖ stopped to ask: 20 in a row refused: 404 The model gpt-4o-mni does not exist"
            "   c change it  R retry  q stop   ! 1",
            id="stopped-to-ask",
        ),
        pytest.param(
            replace(
                BOUND,
                run=replace(RUN, state=RunState.DRAINING, latency=Percentiles(0.9, 1.4, 1.8, 2.4)),
            ),
            "◐ draining: 41 in flight finish, about 2s; 6,547 stay for later   X cuts them off   ! 0",
            id="draining",
        ),
    ],
)
def test_a_line_reads_as_it_is_drawn(frame: Frame, line: str) -> None:
    pieces = laid_out(verdict(frame, NOW, changes=True), 118)
    assert re.sub(" {3,}", "   ", "".join(words for words, _style in pieces)) == line


def test_what_failed_is_an_error_in_the_line_of_a_run_that_is_done() -> None:
    said = RunVerdict("✓ all ended   38 failed:", "success", "✓ all ended")
    assert laid_out(said, 78)[:2] == [("✓ all ended", "success"), ("   38 failed:", "error")]
    assert laid_out(said._replace(said="✓ all ended, nothing failed"), 78)[0][1] == "success"


def test_at_rest_the_line_stands_still() -> None:
    """A pause without work in flight says since when, and not how long."""
    at_rest = replace(BOUND, run=replace(RUN, state=RunState.PAUSED, in_flight=0, paused_at=NOW))
    assert verdict(at_rest, NOW + 5) == verdict(at_rest, NOW + 500)
    clock = time.strftime("%H:%M:%S", time.localtime(NOW))
    assert verdict(at_rest, NOW).said == f"◫ paused by you at {clock}"


def test_keys_in_the_line_are_those_that_the_user_chose() -> None:
    held = replace(BOUND, run=replace(RUN, hold=TRIAL))
    chosen = {"release": ("enter",), "faster": ("f5",), "quit": ("ctrl+q",)}
    assert [advice.key for advice in verdict(held, chosen=chosen).advice] == ["⏎", "-f5", "^q"]
    paused = replace(BOUND, run=replace(RUN, state=RunState.PAUSED))
    assert verdict(paused, chosen={"pause": ("space",)}).advice == (Advice("space", "goes on"),)


@pytest.mark.case("screen", "nothing-blocks")
def test_a_dead_key_is_never_passed_over() -> None:
    for columns in (120, 100, 80, 60):
        for frame in (BOUND, BOUND_BY_CONCURRENCY):
            text = said(replace(frame, alerts=(DEAD,)), columns)
            assert "c3d4 dead" in text
            assert text.endswith("! 1")
            assert "nothing" not in text


def test_what_blocks_comes_first_and_what_is_wrong_besides_is_at_the_right() -> None:
    text = said(replace(BOUND, alerts=(DEAD, DISK_FULL, SILENT)), 200)
    assert text.startswith("✖ Disk full: nothing is sent")
    assert "✖ key c3d4 dead" in text
    assert text.endswith("! 3")
    assert said(replace(BOUND, alerts=(MINE_PAUSED,))).startswith("✖ mine is paused: the certificate")


def test_a_shared_limit_that_binds_is_named_with_its_share() -> None:
    limits = (SharedLimitRow("org-a", 60.0, None, 20.0, None, (("evals", 20.0),), 20.0),)
    frame = replace(BOUND, rate=replace(RATE, binding=Binding.SHARED), limits=limits)
    assert parts(frame)[0] == "▲ bound by the shared limit: 20 of 60/s"


def test_without_a_limit_of_the_rate_concurrency_says_what_it_allows() -> None:
    frame = replace(BOUND, rate=RatePart(None, 15.0, 64, 64, Binding.CONCURRENCY))
    assert parts(frame)[0] == "▲ bound by concurrency 64: answers take 4.1s, so about 15.6/s at most"


@pytest.mark.parametrize("binding", list(Binding))
def test_whatever_binds_has_words(binding: Binding) -> None:
    assert said(replace(BOUND, rate=replace(RATE, binding=binding))).startswith("▲ ")


def test_a_replay_is_told_no_key_that_it_does_not_have() -> None:
    paused = replace(BOUND, run=replace(RUN, state=RunState.PAUSED), replay=ReplayPart(9.0, 20.0, 1.0, True))
    assert "p goes on" not in said(paused)


def test_a_countdown_moves_nothing_beside_it() -> None:
    places = set()
    for seconds in (3.6, 9.9, 10.2, 59.0, 61.0):
        text = said(replace(BOUND, alerts=(DEAD, replace(RESTS, passes_in_s=seconds))))
        places.add((text.index("✖"), text.index("◐"), text.index("!")))
    assert len(places) == 1


ALERTS = st.lists(
    st.builds(
        Alert,
        st.sampled_from([kind for kind in AlertKind if kind not in HOLDS]),
        st.text(max_size=60),
        st.text(max_size=30),
        st.one_of(st.none(), st.floats(0, 9e5)),
        st.sampled_from(Severity),
        st.booleans(),
        st.text(max_size=40),
    ),
    max_size=6,
)


@settings(deadline=None)
@given(st.integers(20, 240), ALERTS, st.sampled_from(RunState), st.sampled_from(Binding))
def test_whatever_is_wrong_the_line_is_full_and_counts_it(
    columns: int, alerts: list[Alert], state: RunState, binding: Binding
) -> None:
    frame = Frame(run=replace(RUN, state=state), rate=replace(RATE, binding=binding), alerts=tuple(alerts))
    text = said(frame, columns)
    if alerts and not state.ended:
        assert text.endswith(f"! {len(alerts)}")


async def test_it_is_painted_again_only_where_it_reads_differently() -> None:
    widget = VerdictLine()
    async with running(widget, (120, 1)) as pilot:
        widget.show(replace(BOUND, alerts=(RESTS,)))
        await pilot.pause()
        drawn = lines_drawn(widget)
        widget.show(replace(BOUND, alerts=(replace(RESTS, passes_in_s=3.2),)))
        await pilot.pause()
        assert drawn == []
        widget.show(replace(BOUND, alerts=(replace(RESTS, passes_in_s=2.9),)))
        await pilot.pause()
        assert drawn == [0]


async def test_a_click_asks_for_all_alerts_in_full() -> None:
    widget = VerdictLine()
    async with running(widget, (80, 1)) as pilot:
        await pilot.click(VerdictLine)
        assert [message.control for message in posted(pilot, VerdictLine.Opened)] == [widget]


@pytest.mark.parametrize("text", HOSTILE)
async def test_hostile_text_is_made_visible(text: str) -> None:
    widget = VerdictLine()
    async with running(widget, (80, 1)):
        for blocks in (True, False):
            alert = Alert(AlertKind.LIMIT, text, text, detail=text, blocks=blocks)
            widget.show(replace(BOUND, alerts=(alert,)))
            assert_drawn_safely(widget)
            assert len(lines(widget)) == 1
