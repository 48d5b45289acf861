"""Numbers of things in words."""

from __future__ import annotations

from llmdash.engine.model.counts import counted, listed


def test_a_number_comes_with_its_noun() -> None:
    assert counted(1, "request") == "1 request"
    assert counted(2_000, "retry", "retries") == "2,000 retries"


def test_of_many_things_the_first_are_named_and_the_others_counted() -> None:
    assert listed([]) == ""
    assert listed(["w1", "w2", "w3"]) == "w1, w2, w3"
    assert listed([f"w{number}" for number in range(100)]) == "w0, w1, w2 and 97 more"
    assert listed(["a", "b", "c"], 1) == "a and 2 more"
