"""Troubles: what is wrong with single keys, and keys that share one limit."""

from __future__ import annotations

from dataclasses import replace

import pytest

from llmdash.engine.frames.blockers import RunStatus, alerts_of
from llmdash.engine.frames.troubles import OneBucket, key_alerts
from llmdash.engine.model.frame import Alert, KeyRow
from llmdash.engine.model.states import AlertKind, KeyState, RunState, Severity

WELL = KeyRow("a1f2", "openai")
RESTS = KeyRow("77de", "openai", KeyState.THROTTLED, 3.6, "rate limited (429)", rest_is_hint=True)
DEAD = KeyRow("c3d4", "openai", KeyState.DEAD, detail="401 Incorrect API key provided")


def test_a_dead_key_is_a_trouble_with_its_reason_though_the_run_goes_on() -> None:
    (alert,) = key_alerts([WELL, DEAD])
    assert (alert.text, alert.detail) == ("key c3d4 dead", "401 Incorrect API key provided")
    assert (alert.severity, alert.blocks) == (Severity.ERROR, False)


@pytest.mark.parametrize(("is_hint", "whose"), [(True, "server's hint"), (False, "our guess")])
def test_a_resting_key_says_for_how_long_and_whose_number_that_is(is_hint: bool, whose: str) -> None:
    (alert,) = key_alerts([WELL, replace(RESTS, rest_is_hint=is_hint)])
    assert (alert.text, alert.passes_in_s, alert.detail) == ("key 77de rests", 3.6, whose)
    assert alert.severity is Severity.WARNING


def test_a_key_that_is_off_by_wish_or_rests_for_a_moment_is_no_trouble() -> None:
    assert not list(key_alerts([replace(DEAD, state=KeyState.DISABLED), replace(RESTS, ready_in_s=0.1)]))


def test_many_keys_in_one_state_share_an_alert() -> None:
    resting = [replace(RESTS, label=f"k{number}", ready_in_s=9.0 - number) for number in range(5)]
    (alert,) = key_alerts(resting)
    assert (alert.text, alert.passes_in_s) == ("5 keys rest, the first", 5.0)
    (alert,) = key_alerts([replace(DEAD, label=f"k{number}") for number in range(5)])
    assert alert.text == "5 keys dead (k0, k1, k2 and 2 more)"


def test_the_one_list_has_what_blocks_and_what_is_wrong_besides_most_severe_first() -> None:
    found = alerts_of(
        RunStatus(RunState.RUNNING), [RESTS, DEAD], [], retries_held=True, open_jobs=4, besides=[SHARE]
    )
    assert [alert.kind for alert in found] == [
        AlertKind.KEY, AlertKind.RETRY_BUDGET, AlertKind.KEY, AlertKind.ONE_BUCKET,
    ]  # fmt: skip
    assert not any(alert.blocks for alert in found)


SHARE = Alert(AlertKind.ONE_BUCKET, "the keys of openai share one limit", blocks=False)


def limited(times: int, *labels: str, endpoint: str = "openai") -> list[KeyRow]:
    return [KeyRow(label, endpoint, throttled=times) for label in labels]


def test_keys_that_are_all_rate_limited_at_once_again_and_again_share_one_limit() -> None:
    bucket = OneBucket()
    assert bucket.look(limited(0, "a", "b"), 0.0) == ()
    assert bucket.look(limited(1, "a", "b"), 10.0) == ()
    assert bucket.look(limited(2, "a", "b"), 20.0) == ()
    (alert,) = bucket.look(limited(3, "a", "b"), 30.0)
    assert alert.text == "the keys of openai share one limit"
    assert alert.kind is AlertKind.ONE_BUCKET
    assert bucket.look(limited(3, "a", "b"), 149.0) == (alert,)
    assert bucket.look(limited(3, "a", "b"), 151.0) == (), "it was long ago"


def test_keys_with_limits_of_their_own_are_not_blamed() -> None:
    bucket = OneBucket()
    for at in range(20):
        assert bucket.look([*limited(at, "a"), *limited(0, "b")], 5.0 * at) == ()
    only = OneBucket()
    for at in range(9):
        assert only.look(limited(at, "a"), 5.0 * at) == (), "one key shares with nobody"


def test_keys_of_other_endpoints_and_dead_keys_do_not_count() -> None:
    bucket = OneBucket()
    for at in range(4):
        rows = [*limited(at, "a", "b"), *limited(0, "c", endpoint="mine"), DEAD]
        found = bucket.look(rows, 10.0 * at)
    assert [alert.text for alert in found] == ["the keys of openai share one limit"]
