"""Marks on the time axis, from the words of moments."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from llmdash.engine.model.series import Mark, MarkKind
from llmdash.engine.store.marks import BURST_MOMENT, Marks, burst_words


def marks(*moments: tuple[float, str, str | None, str]) -> Marks:
    found = Marks()
    for moment in moments:
        found.see(*moment)
    return found


def test_what_a_run_begins_with_is_no_slide() -> None:
    """Nor is what it goes on with."""
    seen = marks((0.0, "rate", None, "15.0"), (0.0, "concurrency", None, "64"), (9.0, "rate", None, "15.0"))
    assert seen.between(0.0, 10.0) == ()


def test_a_slide_says_from_where_to_where() -> None:
    seen = marks(
        (0.0, "rate", None, "15.0"),
        (5.0, "rate", None, "20.0"),
        (6.0, "rate", None, "null"),
        (0.0, "concurrency", None, "64"),
        (7.0, "concurrency", None, "32"),
    )
    assert seen.between(0.0, 10.0) == (
        Mark(5.0, MarkKind.SLIDE, "rate", "15→20/s"),
        Mark(6.0, MarkKind.SLIDE, "rate", "20→∞/s"),
        Mark(7.0, MarkKind.SLIDE, "concurrency", "64→32"),
    )


def test_a_rest_lasts_until_its_key_is_well_again() -> None:
    seen = marks(
        (3.0, "key", "77de", "throttled 429"),
        (4.0, "key", "77de", "cooldown 429"),
        (9.0, "key", "77de", "healthy"),
    )
    assert seen.between(0.0, 10.0) == (Mark(3.0, MarkKind.REST, "77de", "429", 9.0),)
    assert seen.between(5.0, 6.0) == (Mark(3.0, MarkKind.REST, "77de", "429", 9.0),), "it goes on there"
    assert seen.between(9.5, 20.0) == ()
    assert seen.between(0.0, 10.0, by_s=5.0) == (Mark(3.0, MarkKind.REST, "77de", "429"),), "not over by then"


def test_deaths_and_losses_are_marked_once() -> None:
    seen = marks(
        (0.0, "key", "c3d4", "healthy"),
        (1.0, "key", "c3d4", "dead 401"),
        (2.0, "worker", "w5", "working"),
        (3.0, "worker", "w5", "lost"),
        (4.0, "worker", "w5", "lost"),
        (5.0, "endpoint", "openai", "down 503"),
        (8.0, "endpoint", "openai", "probing"),
        (9.0, "endpoint", "openai", "up"),
    )
    assert seen.between(0.0, 10.0) == (
        Mark(1.0, MarkKind.KEY_DEAD, "c3d4", "401"),
        Mark(3.0, MarkKind.WORKER_LOST, "w5"),
        Mark(5.0, MarkKind.ENDPOINT_DOWN, "openai", "503", 9.0),
    )


def test_a_burst_is_where_it_began() -> None:
    seen = marks((20.0, BURST_MOMENT, "500", burst_words(11, 8.0, 3.0)))
    assert seen.between(0.0, 30.0) == (Mark(12.0, MarkKind.BURST, "500", "11", 15.0),)


def test_of_very_many_the_most_severe_are_kept_and_shown() -> None:
    seen = marks((0.0, "key", "bad", "healthy"), (1.0, "key", "bad", "dead"))
    for second in range(2, 5_000):
        seen.see(float(second), "key", f"k{second % 7}", "throttled" if second % 2 else "healthy")
    found = seen.between(0.0, 1e9)
    assert len(found) == 100
    assert found[0].kind is MarkKind.KEY_DEAD
    assert [mark.at_s for mark in found] == sorted(mark.at_s for mark in found)
    assert len(seen._marks) <= 1_000


@given(
    st.lists(
        st.tuples(
            st.floats(0, 1e6),
            st.sampled_from(("rate", "concurrency", "key", "worker", "endpoint", BURST_MOMENT, "notice")),
            st.one_of(st.none(), st.text(max_size=5)),
            st.one_of(st.none(), st.text(max_size=30)),
        ),
        max_size=30,
    )
)
def test_no_words_of_a_journal_break_them(moments: list[tuple[float, str, str | None, str | None]]) -> None:
    found = Marks()
    for moment in moments:
        found.see(*moment)
    shown = found.between(0.0, 1e6)
    assert list(shown) == sorted(shown, key=lambda mark: mark.at_s)
