"""What a claim makes of the rows of a limit."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmdash.engine.dispatch.leases import Claim, Held, Limit, Share, Sharer, Wish
from llmdash.shared_limits.table import KEPT_S, LeaseRow, granted, is_live, released, slots_of

LIMIT = Limit("org-a", 60.0, 60_000.0)


def claim(run: str, held: Held | None = None, wish: Wish | None = None, limit: Limit = LIMIT) -> Claim:
    return Claim(limit, Sharer(run, run, "here", 1), wish or Wish(), held or Held())


def used(share: Share, sent: int = 0) -> Held:
    return Held(share.rate, share.slots, share.tokens, sent)


def test_one_run_alone_has_all_of_it() -> None:
    row, share = granted([], claim("a"), 100.0)
    assert (share.rate, share.slots, share.tokens) == (60.0, 63.0, 60_000.0)
    assert is_live(row, 100.0) and not is_live(row, 100.0 + KEPT_S)


def test_one_that_joins_gets_only_what_another_has_given_back() -> None:
    a, all_of_it = granted([], claim("a"), 100.0)
    b, nothing = granted([a], claim("b"), 100.1)
    assert (nothing.rate, nothing.slots, nothing.tokens) == (0.0, 0.0, 0.0)
    a, half = granted([a, b], claim("a", used(all_of_it, sent=60)), 100.2)
    assert half.rate == 30.0
    b, still_nothing = granted([a, b], claim("b"), 100.3)  # nobody knows yet that `a` keeps to it
    assert still_nothing.rate == 0.0
    a, _ = granted([a, b], claim("a", used(half, sent=60)), 100.4)
    b, three = granted([a, b], claim("b"), 100.5)
    assert three.rate == pytest.approx(3 / 1.03)
    assert three.slots == 3.0  # 60 of the last second are `a`'s
    a, _ = granted([a, b], claim("a", used(half, sent=31)), 101.4)
    b, half_too = granted([a, b], claim("b", used(three, sent=3)), 101.5)
    assert half_too.slots == 32.0
    assert half_too.others == (("a", 30.0),)


def test_a_run_that_is_heard_of_no_more_is_waited_for_until_its_last_request_is_a_second_old() -> None:
    a, _ = granted([], claim("a"), 100.0)
    _, before = granted([a], claim("b"), 100.0 + KEPT_S - 0.01)
    _, after = granted([a], claim("b"), 100.0 + KEPT_S)
    assert (before.rate, after.rate) == (0.0, 60.0)
    assert KEPT_S < 2.6


def test_a_run_that_ends_leaves_all_but_the_requests_of_its_last_second() -> None:
    row = released(claim("a", Held(30.0, 31.0, 0.0, sent=20)), 100.0)
    _, soon = granted([row], claim("b"), 100.1)
    _, later = granted([row], claim("b"), 101.1)
    assert (soon.slots, later.slots) == (43.0, 63.0)


def test_the_lowest_of_several_definitions_holds_for_all_who_use_it() -> None:
    a, _ = granted([], claim("a", wish=Wish(1.0, 1.0)), 100.0)
    _, share = granted([a], claim("b", limit=Limit("org-a", 1_000.0, 1_000.0)), 100.0)
    assert (share.limit.rate, share.limit.tpm) == (60.0, 1_000.0)
    assert share.rate <= 59.0


def test_rows_of_the_time_before_the_machine_was_started_anew_count_for_nothing() -> None:
    row, _ = granted([], claim("a"), 9_000.0)
    _, share = granted([row], claim("b"), 5.0)
    assert share.rate == 60.0


def test_a_run_whose_row_is_gone_holds_nothing_any_more() -> None:
    """It slept for longer than its lease: others may use all of it."""
    b, _ = granted([], claim("b"), 100.0)
    a, share = granted([b], claim("a", Held(60.0, 63.0, 60_000.0, sent=2)), 101.0)
    assert (share.rate, share.slots, a.held.slots) == (0.0, 0.0, 2.0)


def test_in_new_rows_nobody_gets_more_than_it_holds_until_all_were_heard_of() -> None:
    a, kept = granted([], claim("a", Held(20.0, 21.0, 20_000.0)), 100.0, quiet_until=102.0)
    b, none = granted([a], claim("b"), 101.0, quiet_until=102.0)
    assert (kept.rate, none.rate) == (20.0, 0.0)
    _, later = granted([a, b], claim("b"), 102.0, quiet_until=102.0)
    assert later.rate == 30.0


def test_where_there_are_more_runs_than_slots_they_take_turns() -> None:
    limit = Limit("org-a", 1.0)
    served: set[str] = set()
    for turn in range(12):
        rows: list[LeaseRow] = []
        for run in "abcdef":  # every one holds nothing, so that each gets what is meant for it
            row, share = granted(rows, claim(run, limit=limit), turn * 4.0)
            rows.append(replace(row, held=Held()))
            served |= {run} if share.slots else set()
    assert served == set("abcdef")


@given(
    st.lists(st.tuples(st.floats(0.0, 300.0), st.integers(0, 300)), min_size=1, max_size=12),
    st.one_of(st.floats(0.01, 1_000.0), st.just(math.inf)),
    st.floats(0.0, 1e6),
)
def test_what_all_hold_together_never_passes_the_limit(
    runs: list[tuple[float, int]], rate: float, now: float
) -> None:
    limit = Limit("org-a", rate)
    rows: dict[str, LeaseRow] = {}
    shares: dict[str, Held] = {}
    for step in range(3):
        for number, (wish, sent) in enumerate(runs):
            run = str(number)
            held = shares.get(run, Held())
            held = replace(held, sent=int(min(sent, held.slots)) if math.isfinite(held.slots) else sent)
            row, share = granted(tuple(rows.values()), claim(run, held, Wish(wish), limit), now + step * 0.2)
            rows[run], shares[run] = row, used(share)
            assert sum(row.held.slots for row in rows.values()) <= slots_of(rate)
            assert sum(row.held.rate for row in rows.values()) <= rate * (1 + 1e-9)
