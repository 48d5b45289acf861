"""The errors screen: what failed, try by try; from a group to its jobs, to an example, to what may help."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unicodedata import category

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.pilot import Pilot
from textual.widgets import Input, Static

from llmdash.engine.frames.filter import compile_filter
from llmdash.engine.model.commands import DisableKey, RetryFailed, RetryJobs, ReviveKey
from llmdash.engine.model.errors import MOST_GROUPS
from llmdash.engine.model.frame import (
    ErrorClass,
    ErrorExample,
    ErrorGroup,
    FailedTries,
    Frame,
    KeyRow,
    ReplayPart,
    RunPart,
)
from llmdash.engine.model.states import JobState, KeyState
from llmdash.engine.model.view import View
from llmdash.engine.store.grouping import shape
from llmdash.engine.store.job_columns import CLASSES, JobColumns
from llmdash.ui.app import LlmdashApp
from llmdash.ui.charts.tries_plot import TriesPlot
from llmdash.ui.panels.error_details import ErrorDetails
from llmdash.ui.panels.key_bar import KeyBar
from llmdash.ui.screens.dashboard import DashboardScreen
from llmdash.ui.screens.errors import ErrorsScreen
from llmdash.ui.screens.help import HelpScreen
from llmdash.ui.screens.inspector import InspectorScreen
from llmdash.ui.tables.error_filter import filter_for
from llmdash.ui.tables.error_table import SCREEN_COLUMNS, ErrorTable
from llmdash.ui.text.error_words import bench_target, copied_words, group_lines
from tests.ui.fake_session import FakeSession, RestingSession, Scene
from tests.ui.screens.test_comparison import screen_text
from tests.ui.troubles import EXAMPLES, FAILURES, failures
from tests.ui.waiting import picture, until
from tests.ui.widget_app import HOSTILE, assert_drawn_safely, lines, running

SHIPPED = Path(__file__).parents[3] / "themes"
STALLED, SERVER, THROTTLED, KEY = FAILURES


@asynccontextmanager
async def opened(
    session: FakeSession, size: tuple[int, int] = (120, 36), keys: tuple[str, ...] = ("e",)
) -> AsyncIterator[Pilot[Any]]:
    app = LlmdashApp(session=session, shipped_themes=SHIPPED)
    async with app.run_test(size=size) as pilot:
        await picture(pilot, session)
        await pilot.press(*keys)
        await until(pilot, lambda: isinstance(app.screen, ErrorsScreen) and app.screen.is_mounted)
        await picture(pilot, session)
        yield pilot


def table(pilot: Pilot[Any]) -> ErrorTable:
    return pilot.app.screen.query_one(ErrorTable)


def text_of(pilot: Pilot[Any], name: str) -> str:
    """All that a panel of the screen says."""
    panel = pilot.app.screen.query_one(f"#{name}", ErrorDetails)
    return str(panel.query_one(Static).render())


def notices(pilot: Pilot[Any]) -> str:
    return " ".join(each.message for each in pilot.app._notifications)


async def test_each_kind_of_error_has_a_row_with_its_jobs_and_its_tries() -> None:
    async with opened(FakeSession(scene=failures())) as pilot:
        await until(pilot, lambda: table(pilot).row_count() == len(FAILURES))
        rows = [line[1:].split() for line in lines(table(pilot))]
        assert rows[1][:9] == ["23", "71", "0:41", "4s", "stalled", "–", "no", "content", "for"]
        assert rows[3][:6] == ["0", "16", "1:17", "9s", "throttled", "429"]
        assert "9bc0 31, 2 more" in lines(table(pilot))[1]
        assert "77de 14 9bc0 2" in lines(table(pilot))[3]
        head = str(pilot.app.screen.query_one("#errors-counts", Static).render())
        assert "32 jobs failed · 150 tries failed, 118 made good by a retry" in head
        assert "4 groups; jobs: failed for good" in str(table(pilot).border_subtitle)


@pytest.mark.case("engine", "attempts-hidden")
async def test_tries_that_were_all_made_good_are_shown() -> None:
    session = FakeSession(scene=Scene(errors=(THROTTLED,), made_good=16))
    async with opened(session) as pilot:
        await until(pilot, lambda: table(pilot).row_count() == 1)
        assert "Rate limited" in text_of(pilot, "error-group")
        await pilot.press("r")
        await until(pilot, lambda: "none to try again" in notices(pilot))
        assert session.commands == []
        await pilot.press("enter")
        await until(pilot, lambda: session.views[-1].jobs.filter == "had:throttled")


async def test_the_group_under_the_cursor_is_explained_with_what_may_help_and_its_price() -> None:
    session = FakeSession(scene=replace(failures(), cost=1.0))
    async with opened(session) as pilot:
        await until(pilot, lambda: "sent nothing" in text_of(pilot, "error-group"))
        said = text_of(pilot, "error-group")
        for words in (
            "31 of 71 on 9bc0, 22 on a1f2, 18 on 77de.",
            "retry the 23 jobs",
            "about $0.00",
            "at 18.0/s",
            "bench 9bc0",
            "12 in flight finish; 1 key left",
            "filter error:stalled",
            "stall_timeout",
            "Up to 71 tries may have been paid for",
            "none, it said nothing",
        ):
            assert words in said
        await pilot.press("down")
        await until(pilot, lambda: "at fault" in text_of(pilot, "error-group"))
        assert session.views[-1].examples_of == SERVER.id


async def test_beside_it_are_jobs_of_the_group_with_the_keys_of_their_tries() -> None:
    async with opened(FakeSession(scene=failures())) as pilot:
        await until(pilot, lambda: "add-3445" in text_of(pilot, "error-examples"))
        said = text_of(pilot, "error-examples")
        assert "add-3445  5 tries  9bc0 9bc0 a1f2 9bc0 a1f2" in said
        assert "19 more" in said
        assert re.search("last request id +req_7f31", said)
        await pilot.press("down")
        await until(pilot, lambda: "add-3445" not in text_of(pilot, "error-examples"))


async def test_below_is_when_tries_failed_from_the_start_of_the_run_on() -> None:
    async with opened(FakeSession(scene=failures())) as pilot:
        plot = pilot.app.screen.query_one(TriesPlot)
        await until(pilot, lambda: "12┤" in lines(plot)[0])
        assert "0┤" in lines(plot)[2]
        assert "└┬" in lines(plot)[3]
        assert lines(plot)[2][6] != " ", "it begins at the left"
        assert "0:00 to 3:10" in str(plot.border_title)


@pytest.mark.parametrize("seconds", [0, 1, 3, 60, 256])
async def test_the_line_grows_to_the_right(seconds: int) -> None:
    plot = TriesPlot()
    async with running(plot, (60, 6)):
        plot.show(FailedTries(1.0, (2.0,) * seconds), "")
        drawn = lines(plot)[0][6:].rstrip()
        assert bool(drawn) is bool(seconds)
        assert len(drawn) <= 60
        if seconds:
            assert drawn[0] != " "
        assert_drawn_safely(plot)


async def test_enter_filters_the_job_table_to_the_group() -> None:
    session = FakeSession(scene=failures())
    async with opened(session) as pilot:
        await pilot.press("down", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, DashboardScreen))
        await until(pilot, lambda: session.views[-1].jobs.filter == "error:server")
        assert not session.views[-1].errors
        await pilot.press("escape")
        await until(pilot, lambda: session.views[-1].jobs.filter == "")


async def test_r_retries_the_jobs_of_the_group_and_shift_r_all_of_them() -> None:
    session = FakeSession(scene=failures())
    async with opened(session) as pilot:
        await pilot.press("down", "r")
        assert session.commands == [RetryJobs(tuple(range(12)))]
        assert SERVER.id in [view.failed_as for view in session.views]
        await pilot.press("R")
        assert session.commands[1:] == [RetryFailed()]


async def test_k_folds_a_group_away_and_takes_it_back_and_all_is_then_all_but_it() -> None:
    session = FakeSession(scene=failures())
    async with opened(session) as pilot:
        await pilot.press("k")
        await until(pilot, lambda: "skipped" in lines(table(pilot))[4])
        assert lines(table(pilot))[1][1:].split()[4] == "server"
        assert "1 skipped" in str(table(pilot).border_subtitle)
        await pilot.press("R")
        asked = [view.failed_as for view in session.views if view.failed_as is not None]
        assert asked == [SERVER.id]
        assert session.commands == [RetryJobs(tuple(range(12)))]
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, DashboardScreen))
        await pilot.press("e")
        await until(pilot, lambda: isinstance(pilot.app.screen, ErrorsScreen))
        await until(pilot, lambda: table(pilot).row_count() == 4)
        assert "skipped" in lines(table(pilot))[4]
        await pilot.press("end", "k", "home")
        await until(pilot, lambda: lines(table(pilot))[1][1:].split()[4] == "stalled")


async def test_b_benches_the_key_that_fails_most_and_uses_it_again() -> None:
    scene = failures()
    session = FakeSession(scene=scene)
    async with opened(session) as pilot:
        await pilot.press("b")
        assert session.commands == [DisableKey("9bc0")]
        scene.key_rows = (KeyRow("9bc0", state=KeyState.DISABLED), KeyRow("a1f2"))
        await until(pilot, lambda: "use 9bc0 again" in text_of(pilot, "error-group"))
        await pilot.press("b")
        assert session.commands[1:] == [ReviveKey("9bc0")]


async def test_a_group_without_a_key_has_none_to_bench() -> None:
    lost = ErrorGroup("lost * times with its worker", 1, (3,))
    async with opened(FakeSession(scene=Scene(errors=(lost,)))) as pilot:
        await pilot.press("b")
        await until(pilot, lambda: "none to bench" in notices(pilot))
        assert "bench" not in text_of(pilot, "error-group")


async def test_a_group_whose_jobs_an_engine_names_too_late_is_said_to_be_untouched() -> None:
    class Late(FakeSession):
        is_late = True

        def frame(self, view: View) -> Frame:
            frame = super().frame(view)
            return replace(frame, failed=()) if self.is_late else frame

    session = Late(scene=failures())
    async with opened(session) as pilot:
        await pilot.press("down", "r")
        await until(pilot, lambda: "not known now" in notices(pilot))
        assert session.commands == []
        session.is_late = False
        await pilot.press("r")
        assert session.commands == [RetryJobs(tuple(range(12)))]


async def test_i_inspects_an_example_and_escape_leads_back_step_by_step() -> None:
    session = FakeSession(scene=failures())
    async with opened(session) as pilot:
        errors = pilot.app.screen
        await pilot.press("i")
        await until(pilot, lambda: isinstance(pilot.app.screen, InspectorScreen))
        await picture(pilot, session)
        assert session.views[-1].inspect == STALLED.examples[0]
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is errors)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, DashboardScreen))
        await picture(pilot, session)
        assert not session.views[-1].errors


async def test_c_copies_what_the_server_said_and_the_ids_of_its_requests() -> None:
    async with opened(FakeSession(scene=failures())) as pilot:
        await until(pilot, lambda: "add-3445" in text_of(pilot, "error-examples"))
        await pilot.press("c")
        await until(pilot, lambda: "what the server said, and the ids of its requests" in notices(pilot))
        assert pilot.app.clipboard.splitlines() == [
            "stalled no content for * s: 23 jobs, 71 tries",
            "stalled: no content for 60 s",
            "request req_7f31",
        ]


async def test_s_sorts_by_the_next_column_and_a_click_on_a_header_by_that() -> None:
    async with opened(FakeSession(scene=failures())) as pilot:
        await pilot.press("s", "s")
        await until(pilot, lambda: lines(table(pilot))[1][1:].split()[4] == "server")
        assert "by last" in str(table(pilot).border_title)
        await until(pilot, lambda: "last ▾" in screen_text(pilot) and "jobs ▾" not in screen_text(pilot))
        header = lines(table(pilot))[0]
        await pilot.click(ErrorTable, offset=(2 + header.index("class"), 1))
        await until(pilot, lambda: lines(table(pilot))[1][1:].split()[4] == "key")
        assert table(pilot).group == STALLED, "the cursor stays on its group"


async def test_of_many_groups_it_is_said_that_the_largest_alone_are_there() -> None:
    many = tuple(ErrorGroup(f"shape {number}", 1, (3,), 1) for number in range(MOST_GROUPS))
    async with opened(FakeSession(scene=Scene(errors=many))) as pilot:
        await until(pilot, lambda: "the largest 200 groups" in str(table(pilot).border_subtitle))


async def test_a_slash_shows_groups_with_some_words_and_escape_all_again() -> None:
    session = FakeSession(scene=failures())
    async with opened(session) as pilot:
        await pilot.press("slash", *"429 77de")
        await until(pilot, lambda: table(pilot).row_count() == 1)
        assert "1 of 4 groups" in str(table(pilot).border_subtitle)
        await pilot.press("enter", "enter")
        await until(pilot, lambda: session.views[-1].jobs.filter == "had:throttled")


async def test_escape_closes_the_filter_first() -> None:
    async with opened(FakeSession(scene=failures())) as pilot:
        await pilot.press("slash", *"quota", "tab")
        await until(pilot, lambda: table(pilot).row_count() == 0)
        await pilot.press("escape")
        await until(pilot, lambda: table(pilot).row_count() == 4)
        assert isinstance(pilot.app.screen, ErrorsScreen)
        assert pilot.app.screen.query_one(Input).value == ""


async def test_e_on_a_key_shows_what_that_key_has_failed_in() -> None:
    session = FakeSession(scene=failures())
    async with opened(session, keys=("tab", "down", "e")) as pilot:
        assert session.views[-1].errors_of == "9bc0"
        assert "Groups with key 9bc0" in str(table(pilot).border_title)
        await pilot.press("R")
        assert session.commands == [RetryJobs(tuple(range(12)))]
        await pilot.press("b")
        assert session.commands[1:] == [DisableKey("9bc0")]
        await pilot.press("a")
        await until(pilot, lambda: session.views[-1].errors_of == "")


async def test_every_action_can_be_clicked() -> None:
    session = FakeSession(scene=failures())
    async with opened(session) as pilot:
        await until(pilot, lambda: "bench 9bc0" in text_of(pilot, "error-group"))
        said = text_of(pilot, "error-group").split("\n")
        for words in ("retry the", "bench 9bc0"):
            line = next(number for number, text in enumerate(said) if words in text)
            await pilot.click("#error-group", offset=(2 + said[line].index(words), 1 + line))
        assert session.commands == [RetryJobs(tuple(range(12))), DisableKey("9bc0")]
        await pilot.click("#error-examples", offset=(3, 2))
        await until(pilot, lambda: isinstance(pilot.app.screen, InspectorScreen))
        await picture(pilot, session)
        assert session.views[-1].inspect == EXAMPLES[1].job


def on_the_bar(pilot: Pilot[Any]) -> set[str]:
    """The names of the actions on the key bar."""
    items = pilot.app.screen.query_one(KeyBar)._items
    return {item.name for item in (*items.panel, *items.everywhere)}


async def test_the_bar_and_the_help_list_its_keys_in_its_order() -> None:
    async with opened(FakeSession(scene=failures())) as pilot:
        panel = [item.name for item in pilot.app.screen.query_one(KeyBar).items.panel]
        assert panel[:5] == ["Show jobs", "Retry group", "Retry all", "Bench key", "Skip"]
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(pilot.app.screen, HelpScreen))


@pytest.mark.parametrize("replay", [None, ReplayPart(1.0, 2.0, 1.0, playing=False)])
async def test_what_changes_a_run_has_no_key_where_none_is_at_work(replay: ReplayPart | None) -> None:
    async with opened(RestingSession(scene=failures(), replay=replay)) as pilot:
        names = on_the_bar(pilot)
        assert not {"Retry group", "Retry all", "Bench key", "All keys"} & names
        assert "Show jobs" in names
        assert "retry the" not in text_of(pilot, "error-group")


async def test_where_nothing_failed_that_is_said_and_keys_do_nothing() -> None:
    session = FakeSession()
    async with opened(session) as pilot:
        words = pilot.app.screen.query_one("#no-errors", Static)
        await until(pilot, lambda: words.display)
        assert str(words.render()) == "Nothing has failed, no try and no job."
        assert not table(pilot).display
        await pilot.press("enter", "i", "r", "b", "k", "c")
        assert isinstance(pilot.app.screen, ErrorsScreen)
        assert session.commands == []


async def test_a_key_that_has_failed_in_nothing_says_so() -> None:
    session = FakeSession()
    async with opened(session, keys=("tab", "e")) as pilot:
        words = pilot.app.screen.query_one("#no-errors", Static)
        await until(pilot, lambda: str(words.render()) == "Nothing has failed with key a1f2.")
        assert {"All keys", "Help", "Back"} <= on_the_bar(pilot)
        assert not {"Retry group", "Bench key", "Copy"} & on_the_bar(pilot)


@pytest.mark.parametrize(("size", "shown"), [((80, 24), (False, False)), ((120, 36), (True, True))])
async def test_what_does_not_fit_is_left_out(size: tuple[int, int], shown: tuple[bool, bool]) -> None:
    async with opened(FakeSession(scene=failures()), size) as pilot:
        found = tuple(pilot.app.screen.query_one(name).display for name in ("#error-examples", "#error-plot"))
        assert found == shown
        assert table(pilot).size.height >= 4
        assert pilot.app.screen.query_one("#error-group").size.height >= 8


async def test_the_cursor_stays_on_its_group_when_another_one_grows_past_it() -> None:
    errors = ErrorTable()
    async with running(errors) as pilot:
        errors.show(FAILURES, 190.0)
        await pilot.press("down")
        errors.show((replace(FAILURES[2], jobs=9999), *FAILURES[:2]), 191.0)
        assert errors.group == FAILURES[1]
        errors.show((), 192.0)
        assert errors.group is None


@pytest.mark.parametrize("width", [20, 58, 120])
async def test_hostile_errors_keep_the_columns_straight(width: int) -> None:
    errors = ErrorTable("Groups", SCREEN_COLUMNS)
    async with running(errors, (width, 24)):
        hostile = (
            ErrorGroup(text, 10**number, (3,), 10**number, ((text, 7),), code=text, status=500)
            for number, text in enumerate(HOSTILE)
        )
        errors.show(hostile, 1.0)
        assert_drawn_safely(errors)


@pytest.mark.parametrize("text", HOSTILE)
async def test_hostile_words_do_no_harm_in_the_details(text: str) -> None:
    group = ErrorGroup(text, 2, (3,), 4, ((text, 4),), code=text, kind=ErrorClass.SERVER)
    scene = Scene(errors=(group,), examples=(ErrorExample(3, text, (text,) * 5, text, text),))
    async with opened(FakeSession(scene=scene)) as pilot:
        await until(pilot, lambda: "What may help" in text_of(pilot, "error-group"))
        for name in ("error-group", "error-examples"):
            lines_of_it = text_of(pilot, name).split("\n")
            assert not any(category(each) in ("Cc", "Cs") for line in lines_of_it for each in line)
            assert len(lines_of_it) < 20
            assert max(map(len, lines_of_it)) < 5_000


ERRORS = st.text() | st.from_regex(
    re.compile(r"[45]\d\d [a-z'., ]{0,40}(: [a-z =<>:#]{0,30})?"), fullmatch=True
)


@given(error=ERRORS, alike=st.booleans())
def test_the_filter_of_a_group_lets_its_jobs_through_whatever_the_error(error: str, *, alike: bool) -> None:
    columns = JobColumns(2, range(2))
    columns.error[0] = columns.errors.number(error)
    columns.failure[0] = CLASSES[ErrorClass.SERVER]
    columns.set_state(0, JobState.FAILED)
    group = ErrorGroup(shape(error), 1, (0,), kind=ErrorClass.SERVER)
    other = ErrorGroup("another", 1, (1,), kind=ErrorClass.SERVER)
    lets_through = compile_filter(
        filter_for(group, [group, other] if alike else []), columns, lambda _job: ""
    ).predicate
    assert lets_through is not None
    assert lets_through(0) or not error
    assert not lets_through(1)


def test_a_filter_names_words_only_where_another_group_of_the_class_has_failed_jobs() -> None:
    other = ErrorGroup("overloaded", 2, (7,), kind=ErrorClass.SERVER, status=503)
    assert filter_for(SERVER, FAILURES) == "error:server"
    assert filter_for(SERVER, (*FAILURES, other)).split()[:3] == ["error:server", "error:500", "error:The"]
    assert filter_for(SERVER, (*FAILURES, replace(other, jobs=0))) == "error:server"


def test_the_key_that_errors_are_shown_of_is_the_one_to_bench() -> None:
    assert bench_target(STALLED, "") == "9bc0"
    assert bench_target(STALLED, "77de") == "77de"
    assert bench_target(None, "77de") == bench_target(ErrorGroup("lost", 1, (1,)), "") == ""


@pytest.mark.parametrize("kind", ErrorClass)
def test_each_class_is_explained(kind: ErrorClass) -> None:
    group = ErrorGroup("why", 1, (0,), 2, (("a", 1), ("b", 1)), kind=kind)
    keys = (KeyRow("a", "one"), KeyRow("b", "two"))
    said = ["".join(piece.text for piece in line) for line in group_lines(group, Frame(keys=keys), "a", ())]
    assert said[0].endswith((".", "more"))
    assert said[1] == "1 of 2 on a @ one, 1 on b @ two."


def test_that_no_other_key_is_left_is_said_before_one_is_benched() -> None:
    said = [
        "".join(piece.text for piece in line)
        for line in group_lines(STALLED, Frame(keys=(KeyRow("9bc0"),), run=RunPart()), "9bc0", ())
    ]
    assert any("no other key is healthy: nothing would be sent" in line for line in said)
    assert copied_words(KEY, ()) == "key 401 Incorrect API key provided: *: 0 jobs, 2 tries"
