"""Who is served a fault: shares, seeds, keys, prompts, and requests that are sent again."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmdash.simulator.faults.base import Asking, Refuse
from llmdash.simulator.faults.picker import FaultPicker
from llmdash.simulator.faults.registry import FAULTS, check_faults, find_fault
from llmdash.simulator.settings import SimulatorSettings
from tests.simulator.in_process import InProcess

SHARES = st.floats(min_value=0, max_value=1)


def asking(text: str = "Hello", **fields: Any) -> Asking:
    plain: dict[str, Any] = {"dialect": "chat", "streamed": False, "key": "b", "blamed": True}
    return Asking(**{**plain, "body": {"model": "m"}, "prompt": text, **fields})


def served(picker: FaultPicker, text: str, now: float = 0.0, **fields: Any) -> str | None:
    """The name of the fault that a request is served."""
    drawn = picker.draw(asking(text, **fields), text.encode(), now)
    return drawn.fault.name if drawn is not None else None


@pytest.mark.parametrize("share", [0.0, 0.05, 0.5, 1.0])
@pytest.mark.parametrize("name", ["odd-finish", "model-503", "poison-prompt", "key-400"])
def test_a_share_of_the_requests_is_served_a_fault(name: str, share: float) -> None:
    picker = FaultPicker(1, {name: share})
    hits = sum(served(picker, f"prompt {number}") is not None for number in range(2_000))
    assert hits / 2_000 == pytest.approx(share, abs=0.03)


def test_the_seed_decides_and_the_order_does_not() -> None:
    def hits(seed: int, numbers: range) -> set[int]:
        picker = FaultPicker(seed, {"odd-finish": 0.3})
        return {number for number in numbers if served(picker, f"prompt {number}")}

    assert hits(1, range(200)) == hits(1, range(199, -1, -1))
    assert hits(1, range(200)) != hits(2, range(200))


@given(st.text(), SHARES)
def test_a_request_sent_again_is_answered_whole(text: str, share: float) -> None:
    picker = FaultPicker(1, {"odd-finish": share, "bare-error-mid": 1.0})
    asked = {"streamed": True}
    for _ in range(3):
        assert served(picker, text, **asked) is not None
        assert served(picker, text, key="a", **asked) is None


@given(st.text(), SHARES)
def test_a_prompt_has_the_same_fate_each_time(text: str, share: float) -> None:
    picker = FaultPicker(1, {"poison-prompt": share, "error-finish-plain:bad-request": share})
    first = [picker.draw(asking(text), body, 0.0) for body in (b"1", b"2", b"2")]
    assert len({drawn.action for drawn in first if drawn is not None}) <= 1
    assert len({drawn is None for drawn in first}) == 1


@pytest.mark.parametrize("name", ["key-400", "model-404-key", "money-403", "spend-code", "day-quota-body"])
def test_faults_of_keys_concern_the_last_key_alone(name: str) -> None:
    picker = FaultPicker(1, {name: 1.0})
    assert all(served(picker, f"{number}") == name for number in range(20))
    assert not any(served(picker, f"{number}", blamed=False) for number in range(20))


async def test_the_last_of_several_keys_is_the_bad_one() -> None:
    running = InProcess(keys=("a", "b", "c"), faults={"money-403": 1.0})
    statuses = [(await running.ask("chat", key=key)).status for key in ("a", "b", "c", "a")]
    assert statuses[:2] + statuses[3:] == [200] * 3
    assert statuses[2] in (401, 403)


def test_the_variants_of_a_fault_are_all_drawn() -> None:
    picker = FaultPicker(1, {"spend-code": 1.0})
    drawn = [picker.draw(asking(str(number)), b"%d" % number, 0.0) for number in range(200)]
    codes = {
        each.action.make(asking(), 0.0).document["error"]["code"]
        for each in drawn
        if each is not None and isinstance(each.action, Refuse)
    }
    assert len(codes) == len(FAULTS["spend-code"].variants)


def test_what_makes_no_sense_is_not_drawn() -> None:
    picker = FaultPicker(1, dict.fromkeys(("finish-each-slow", "empty-completed", "index-counts"), 1.0))
    assert served(picker, "x", dialect="messages", streamed=True) is None
    assert served(picker, "x", dialect="chat", streamed=False) is None
    assert served(picker, "x", dialect="responses") == "empty-completed"
    assert served(picker, "x", dialect="embeddings") is None


def test_a_key_rests_in_its_dialect_until_the_time_it_is_told() -> None:
    picker = FaultPicker(1, {"two-resets": 1.0})
    assert served(picker, "one", now=0.0) == "two-resets"
    assert served(picker, "two", now=3.9) == "two-resets"
    assert served(picker, "one", now=4.0) is None
    assert served(picker, "two", now=4.0) is None
    assert served(picker, "three", now=4.0) == "two-resets"
    assert served(picker, "four", now=4.0, dialect="messages") is None


def test_faults_of_http_come_on_top_of_others() -> None:
    picker = FaultPicker(1, {"gzip-anyway": 1.0, "model-503": 1.0, "big-headers:long": 1.0})
    assert [fault.name for fault, _ in picker.wraps(asking(), b"x")] == ["gzip-anyway", "big-headers"]
    assert served(picker, "x") == "model-503"


def test_of_many_different_requests_the_oldest_are_forgotten() -> None:
    picker = FaultPicker(1, {"odd-finish": 1.0})
    assert served(picker, "first") == "odd-finish"
    for number in range(70_000):
        served(picker, f"{number}")
    assert served(picker, "first") == "odd-finish"


@pytest.mark.parametrize(
    ("faults", "words"),
    [
        ({"odd": 1.0}, "unknown 'odd'"),
        ({"odd-finish:strange": 1.0}, "no variant 'strange'; known are insufficient"),
        ({"slow-first:x": 1.0}, "or|a number of seconds"),
        ({"slow-first:1e9": 1.0}, "no variant"),
        ({"odd-finish": 1.1}, "not between 0 and 1"),
        ({"odd-finish": float("nan")}, "not between 0 and 1"),
        ({"odd-finish": True}, "not a number"),
        ({"odd-finish": "1"}, "not a number"),
    ],
)
def test_faults_that_there_are_not_are_refused(faults: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        SimulatorSettings(faults=faults)


def test_a_variant_may_be_a_number_where_it_means_seconds() -> None:
    check_faults({"slow-first:2.5": 1, "finish-each-slow:0.1": 0.5, "key-400:arrearage": 0})
    assert find_fault("slow-first:2.5")[1] == "2.5"
    assert find_fault("slow-first")[1] is None


@pytest.mark.parametrize("name", ["finish-each-slow", "finish-null", "index-counts"])
def test_what_concerns_the_only_choice_is_not_drawn_where_there_are_several(name: str) -> None:
    picker = FaultPicker(1, {name: 1.0})
    several: list[dict[str, Any]] = [{"prompt": ["a", "b"]}, {"prompt": "a", "n": 2}]
    for body in several:
        assert served(picker, "x", dialect="completions", streamed=True, body=body) is None
    assert served(picker, "x", dialect="completions", streamed=True, body={"prompt": ["a"]}) == name
