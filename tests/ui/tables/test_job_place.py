"""Where the job table stays while jobs come above and below it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from llmdash.engine.model.frame import JobRow, JobsPart
from llmdash.ui.tables.job_place import JobPlace
from llmdash.ui.tables.job_window import JobWindow

PAGE = 10


def part(first: int, jobs: range) -> JobsPart:
    return JobsPart(1_000, 1_000, first, tuple(JobRow(job, f"job-{job}") for job in jobs))


def place_on(job: int | None, *, follow: bool = False) -> tuple[JobPlace, JobWindow]:
    known = JobWindow(part(100, range(100, 140)))
    place = JobPlace(known)
    place.job, place.follow = job, follow
    return place, known


@given(st.integers(110, 119), st.integers(-90, 90))
def test_the_job_under_the_cursor_stays_on_its_line(job: int, moved: int) -> None:
    place, known = place_on(job)
    anchor = place.anchor(110, job, PAGE)
    known.part = part(100 + moved, range(100, 140))
    top, cursor = place.settled(anchor, 110, job)
    assert cursor - top == job - 110
    assert known.row(cursor) == JobRow(job, f"job-{job}")


@given(st.integers(-90, 90))
def test_without_the_cursor_in_sight_the_first_line_stays(moved: int) -> None:
    place, known = place_on(139)
    anchor = place.anchor(110, 139, PAGE)
    known.part = part(100 + moved, range(100, 140))
    top, _cursor = place.settled(anchor, 110, 139)
    assert top == 110 + moved


def test_a_job_that_is_gone_leaves_everything_where_it_is() -> None:
    place, known = place_on(115)
    anchor = place.anchor(110, 115, PAGE)
    known.part = part(100, range(500, 540))
    assert place.settled(anchor, 110, 115) == (110, 115)


def test_the_first_row_stays_on_top_while_the_newest_is_followed_or_its_order_awaited() -> None:
    for awaited in (False, True):
        place, _known = place_on(115, follow=not awaited)
        place.keeps_top = awaited
        assert place.anchor(110, 115, PAGE) is None
        assert place.settled(None, 110, 115) == (0, 0)
