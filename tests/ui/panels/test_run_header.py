"""The run header: complete where there is room, never a cut word where there is none."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmdash.engine.model.frame import RunPart, Score
from llmdash.engine.model.states import RunState
from llmdash.ui.charts.run_bar import run_bar
from llmdash.ui.panels.run_header import RunHeader
from llmdash.ui.text.run_words import Piece, counted_line, figure_dollars, progress_line
from tests.ui.widget_app import HOSTILE, WidgetApp, assert_drawn_safely, lines, lines_drawn, running

RUN = RunPart(
    name="arithmetic-10k",
    model="gpt-4o-mini",
    endpoint="simulator",
    keys=3,
    state=RunState.RUNNING,
    elapsed_s=192.418,
    jobs=10_000,
    queued=6524,
    in_flight=64,
    done=3380,
    failed=32,
    attempts=3600,
    retries=118,
    requests_per_s=17.9,
    tokens_per_s=2100,
    input_tokens=123_000,
    output_tokens=45_000,
    score=Score(3292, 60, 28),
    ends_in_s=(330, 370, 430),
)


async def header(run: RunPart, width: int) -> list[str]:
    widget = RunHeader()
    async with running(widget, (width, 3)):
        widget.show(run)
        assert_drawn_safely(widget)
        return lines(widget)


async def test_a_wide_header_says_everything() -> None:
    title, progress, counters = await header(replace(RUN, ends_at=1_767_225_600.0), 200)
    assert title.startswith("llmdash  arithmetic-10k   gpt-4o-mini @ simulator   3 keys   ")
    assert title.endswith("   ● running   00:03:12.418")
    assert " 3,412 / 10,000   34%    6m10s left    5m30s to 7m10s    ends about " in progress
    assert counters.split("  │  ") == [
        "✓  3,380 done   ✗   32 failed   ↻  118 retried   ∅    0 invalid",
        " 64 in flight   17.9 req/s    2.1k tok/s    123k in     45k out",
        " 97.4% right",
    ]


async def test_120_columns_have_the_three_groups_and_80_the_figures_of_them() -> None:
    priced = replace(RUN, cost=0.43, cost_projected=1.26)
    _title, progress, counters = await header(priced, 120)
    assert progress.startswith("━━━━") and "×╍──" in progress
    assert progress.endswith("   3,412 / 10,000   34%    6m10s left    5m30s to 7m10s")
    assert [group.strip() for group in counters.split("│")] == [
        "✓  3,380 done  ✗   32 failed  ↻  118 retried",
        "64 in flight  17.9 req/s   2.1k tok/s",
        "97.4% right  $0.43 → $1.26",
    ]
    title, progress, counters = await header(priced, 80)
    assert title.startswith("arithmetic-10k  gpt-4o-mini @ simulator  3 keys  ")
    assert title.endswith("  ● running  00:03:12")
    assert progress.endswith("   3,412/10,000  34%   6m10s left")
    assert counters == "✓  3,380  ✗  32  ↻ 118   64 in flight  17.9 req/s   97.4% right  $0.43 → $1.26"


@pytest.mark.case("screen", "final-rates")
async def test_a_finished_run_shows_means_and_what_it_took() -> None:
    run = replace(
        RUN, state=RunState.DONE, done=9_962, failed=38, queued=0, in_flight=0, ended_at=1_767_226_161.7,
        peak_in_flight=63.9,
    )  # fmt: skip
    title, progress, counters = await header(run, 120)
    assert "✓ done   00:03:12.418" in title
    assert "   10,000 / 10,000   done " in progress
    assert progress.endswith("took 3m12s")
    assert "mean 17.9 req/s" in counters
    assert "tok/s   peak 64  │" in counters
    assert "in flight" not in counters
    stopped = await header(replace(run, state=RunState.STOPPED, done=3_380), 118)
    assert "   stopped " in stopped[1]
    assert " 34% " in stopped[1]


COUNTS = st.integers(0, 2_000)
PACES = st.one_of(st.none(), st.floats(0, 900))


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from([78, 98, 118, 158, 198]),
    st.lists(
        st.builds(
            replace,
            st.just(RUN),
            done=st.integers(1, 7_000),
            failed=COUNTS,
            retries=st.integers(0, 99_000),
            in_flight=st.integers(0, 512),
            requests_per_s=PACES,
            tokens_per_s=st.floats(0, 9e6),
            score=st.builds(Score, st.integers(1, 9_000), COUNTS),
            cost=st.floats(0, 900_000),
            cost_projected=st.floats(0, 900_000),
            ends_in_s=st.one_of(st.none(), st.tuples(*[st.floats(0, 80_000_000)] * 3)),
            elapsed_s=st.floats(0, 300_000),
        ),
        min_size=2,
        max_size=6,
    ),
)
def test_no_slot_ever_moves_whatever_the_figures(width: int, runs: list[RunPart]) -> None:
    for words in ("done", "failed", "retried", "in flight", "req/s", "tok/s", "right", "│"):
        places = [place_of(words, counted_line(run, width)) for run in runs]
        assert len(set(places)) == 1, words
    for words in (" left", "%", " to "):
        said = [progress_line(run, width) for run in runs]
        known = [pieces for pieces, run in zip(said, runs, strict=True) if run.ends_in_s or words != " to "]
        assert len({place_of(words, pieces) for pieces in known}) <= 1, words
    assert len({sum(len(text) for text, _ in progress_line(run, width)) for run in runs}) == 1, (
        "the bar stays"
    )


@pytest.mark.parametrize(
    ("width", "cost"), [(198, "$0.43 → $1.26 of $5.00 budget"), (118, "$0.43 → $1.26"), (78, "$0.43 → $1.26")]
)
def test_what_a_run_with_a_budget_costs_stands_there_at_any_width(width: int, cost: str) -> None:
    run = replace(RUN, cost=0.43, cost_projected=1.26, budget=5.0)
    said = "".join(text for text, _style in counted_line(run, width))
    assert said.rpartition("right")[2].strip() == cost
    said = "".join(text for text, _style in counted_line(replace(run, cost_uncertain=0.05), width))
    assert said.rpartition("right")[2].strip() == cost + (", $0.05 of it unsure" if width > 150 else "")


def place_of(words: str, pieces: list[Piece]) -> int:
    return "".join(text for text, _style in pieces).find(words)


@given(st.integers(1, 200), st.lists(st.integers(0, 10**6), min_size=6, max_size=6))
def test_the_bar_is_as_wide_as_asked_and_no_share_is_unseen(width: int, numbers: list[int]) -> None:
    done, failed, invalid, cancelled, in_flight, left = numbers
    run = RunPart(
        jobs=sum(numbers), done=done, failed=failed, invalid=invalid, cancelled=cancelled, in_flight=in_flight
    )
    cells = run_bar(run, width)
    assert sum(stretch.cells for stretch in cells) == width
    shares = [done, failed + invalid, cancelled, in_flight, left]
    if width >= 10 and run.jobs:
        assert len(cells) == sum(map(bool, shares))


@pytest.mark.case("screen", "cost-digits")
@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"), (0.0, "$0.00"), (0.0031, "$0.0031"), (0.000043, "$0.000043"), (0.073, "$0.073"),
        (0.43, "$0.43"), (1.27, "$1.27"), (31.2, "$31.2"), (127.4, "$127"), (1_270.0, "$1.3k"),
    ],
)  # fmt: skip
def test_dollars_have_the_digits_that_count(value: float | None, text: str) -> None:
    assert figure_dollars(value) == text


async def test_figures_change_four_times_a_second_and_the_clock_with_each_frame() -> None:
    now = [0.0]
    widget = RunHeader(now=lambda: now[0])
    async with running(widget, (120, 3)):
        widget.show(RUN)
        now[0] = 0.1
        widget.show(replace(RUN, elapsed_s=192.5, requests_per_s=18.4))
        assert "00:03:12.500" in lines(widget)[0]
        assert "17.9 req/s" in lines(widget)[2]
        now[0] = 0.26
        widget.show(replace(RUN, elapsed_s=192.7, requests_per_s=18.4))
        assert "18.4 req/s" in lines(widget)[2]
        now[0] = 0.3
        widget.show(replace(RUN, state=RunState.PAUSED, in_flight=0, requests_per_s=0.0))
        assert "0.00 req/s" in lines(widget)[2], "at rest the last figures are shown at once"


@pytest.mark.case("files", "same-ids")
async def test_input_lines_that_were_left_out_are_counted() -> None:
    assert "16 left out" in (await header(replace(RUN, left_out=16), 160))[2]
    assert "left out" not in (await header(RUN, 160))[2]


async def test_what_is_missing_is_said_on_a_narrow_screen_too() -> None:
    counters = (await header(replace(RUN, left_out=16, empty=3), 80))[2]
    assert "16 left out" in counters
    assert "3 empty" in (await header(replace(RUN, empty=3), 80))[2]


@pytest.mark.parametrize("width", [20, 30, 40, 60, 80, 100, 120, 200])
async def test_a_narrow_header_drops_members_and_cuts_none(width: int) -> None:
    words = {"done", "failed", "retried", "invalid", "in", "flight", "out", "req/s", "tok/s", "right"}
    for line in (await header(RUN, width))[2:]:
        assert "…" not in line
        assert {word for word in line.split() if word.strip("/").isalpha()} <= {*words, "in"}


async def test_the_state_and_the_time_stay_when_little_else_does() -> None:
    title, _progress, counters = await header(RUN, 40)
    assert title.endswith("● running  00:03:12")
    assert counters.startswith("✓  3,380")


async def test_what_the_run_waits_for_stands_behind_the_state() -> None:
    title = (await header(replace(RUN, state=RunState.PAUSED, state_detail="disk full"), 100))[0]
    assert "◫ paused · disk full   00:03:12.418" in title


async def test_a_run_that_cannot_send_is_called_waiting_though_nobody_paused_it() -> None:
    title = (await header(replace(RUN, state_detail="waiting on key"), 100))[0]
    assert "   ◑ waiting on key   00:03:12.418" in title
    assert "running" not in title


async def test_a_long_reason_leaves_room_for_the_name_of_the_run() -> None:
    long = "nothing is sent until there is room in /home/ann/.local/share/llmdash/runs"
    for width in (60, 80, 100):
        title = (await header(replace(RUN, state_detail=long), width))[0]
        assert title.startswith(("arithmet", "llmdash"))
        assert title.endswith(("…  00:03:12", "…   00:03:12.418"))


@pytest.mark.parametrize("state", list(RunState))
async def test_every_state_has_its_word(state: RunState) -> None:
    assert f" {state.value}" in (await header(replace(RUN, state=state), 100))[0]


async def test_a_run_without_jobs_or_numbers_is_drawn() -> None:
    title, progress, counters = await header(RunPart(), 100)
    assert "starting" in title
    assert "0 / 0" in progress
    assert "– req/s" in counters


async def test_one_failure_in_a_million_is_seen_in_the_bar() -> None:
    widget = RunHeader()
    async with running(widget, (100, 3)):
        widget.show(RunPart(jobs=1_000_000, done=500_000, failed=1))
        error = widget.get_component_rich_style("run-header--error").color
        assert any(
            segment.style is not None and segment.style.color == error for segment in widget.render_line(1)
        )


@pytest.mark.case("screen", "eta-range")
async def test_a_range_is_not_cut_and_does_not_move_the_bar() -> None:
    for low, high, text in ((401, 626, "6m41s to 10m26s"), (92, 145, "1m32s to 2m25s"), (3, 9, "3s to 9s")):
        _title, progress, _counters = await header(replace(RUN, ends_in_s=(low, low, high)), 120)
        assert f" {text}" in progress
        assert progress.index(" to ") == 118 - len(" to 10m26s")


@pytest.mark.case("screen", "cancelled-red")
async def test_cancelled_jobs_are_no_errors_in_the_bar() -> None:
    widget = RunHeader()
    async with running(widget, (100, 3)):
        widget.show(RunPart(jobs=100, done=40, cancelled=30))
        error = widget.get_component_rich_style("run-header--error").color
        muted = widget.get_component_rich_style("run-header--muted").color
        colors = [(segment.text, segment.style.color) for segment in widget.render_line(1) if segment.style]
        assert not any(color == error for _text, color in colors)
        assert sum(len(text) for text, color in colors if color == muted and "━" in text) > 10


@pytest.mark.case("screen", "one-retry")
async def test_one_of_a_kind_is_no_plural() -> None:
    title, _progress, counters = await header(replace(RUN, keys=1, retries=1), 140)
    assert "1 key " in title
    assert "1 retried" in counters


async def test_counts_do_not_move_what_stands_right_of_them() -> None:
    before = (await header(replace(RUN, done=9), 120))[2]
    after = (await header(replace(RUN, done=3380), 120))[2]
    assert before.index("failed") == after.index("failed")


async def test_the_bar_never_runs_over() -> None:
    for done, failed in ((0, 0), (0, 10), (10, 0), (5, 5), (9, 1), (0, 1)):
        await header(RunPart(jobs=10, done=done, failed=failed), 60)


@pytest.mark.parametrize("width", [20, 58, 120])
@pytest.mark.parametrize("text", HOSTILE)
async def test_hostile_names_are_made_visible(text: str, width: int) -> None:
    await header(replace(RUN, name=text, model=text, endpoint=text, state_detail=text), width)


async def test_an_equal_run_is_not_painted_again() -> None:
    widget = RunHeader()
    async with running(widget, (100, 3)) as pilot:
        widget.show(RUN)
        await pilot.pause()
        drawn = lines_drawn(widget)
        widget.show(replace(RUN))
        await pilot.pause()
        assert drawn == []


async def test_only_the_line_that_differs_is_painted() -> None:
    widget = RunHeader()
    async with running(widget, (100, 3)) as pilot:
        widget.show(RUN)
        await pilot.pause()
        drawn = lines_drawn(widget)
        widget.show(replace(RUN, elapsed_s=192.6))
        await pilot.pause()
        assert drawn == [0]
        assert "00:03:12.600" in lines(widget)[0]


async def test_colours_follow_the_theme() -> None:
    widget = RunHeader()
    async with running(widget, (100, 3)) as pilot:
        assert isinstance(pilot.app, WidgetApp)
        widget.show(RUN)
        before = list(widget.render_line(0))
        pilot.app.theme = "textual-light"
        await pilot.pause()
        after = list(widget.render_line(0))
        assert [segment.text for segment in before] == [segment.text for segment in after]
        assert [segment.style for segment in before] != [segment.style for segment in after]
