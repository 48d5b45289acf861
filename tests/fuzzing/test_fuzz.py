"""The fuzzer itself, for a moment: `python -m tests.fuzz` is the long form."""

from __future__ import annotations

import itertools

import pytest

from tests.fuzz import cases, tried
from tests.fuzzing.targets import TARGETS

COUNTS = {"input": 500, "wire": 3}


@pytest.mark.parametrize("target", TARGETS)
def test_no_hostile_input_does_more_than_raise_what_is_documented(target: str) -> None:
    found = [tried(case) for case in itertools.islice(cases(target, 7), COUNTS.get(target, 2000))]
    assert [finding for finding in found if finding is not None] == []


@pytest.mark.parametrize(("seconds", "why"), [((9.0, 0.1), None), ((9.0, 8.0, 7.0), "took 7.0 s")])
def test_a_case_is_a_finding_if_it_takes_long_each_time(
    seconds: tuple[float, ...], why: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    readings = iter([reading for taken in seconds for reading in (100.0, 100.0 + taken)])
    monkeypatch.setattr("time.process_time", lambda: next(readings))
    found = tried("hints:7:0")
    assert (None if found is None else found.why) == why
    assert list(readings) == []


def test_a_finding_can_be_tried_again_by_its_name() -> None:
    """The same name is the same case, whatever was tried before it."""
    first = tried("unknown:1:2")
    assert first is not None
    assert "KeyError" in first.why
