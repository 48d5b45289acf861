"""What a resume refuses: answers of one run are asked for, and judged, in one way."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from llmdash.config import ConfigError
from llmdash.launch.judgement import Judgement
from llmdash.launch.resuming import refuse_changes

DECIDED = json.dumps({"endpoints": [{"name": "e", "model": "m"}]})
BEGUN = Judgement("number", {"type": "object"})


def facts(judgement: Judgement) -> dict[str, Any]:
    return {"decided": DECIDED, **judgement.notes()}


@pytest.mark.parametrize(
    ("now", "told"),
    [
        (Judgement(check="contains"), "check was 'number' and is 'contains'. Put"),
        (Judgement(schema={"type": "array"}), "schema.type was 'object' and is 'array'. Put"),
        (Judgement(repair=True), "repair was 'off' and is 'on'. Put"),
        (Judgement(empty_fails=True), "empty was 'done' and is 'fail'. Put"),
    ],
)
def test_another_way_to_judge_answers_is_named_and_refused(now: Judgement, told: str) -> None:
    with pytest.raises(ConfigError) as refused:
        refuse_changes(facts(BEGUN), facts(now.or_as_in(facts(BEGUN))))
    assert told in str(refused.value)


@pytest.mark.parametrize("now", [Judgement(), BEGUN, Judgement(repair=False, empty_fails=False)])
def test_the_same_check_and_schema_are_no_change(now: Judgement) -> None:
    refuse_changes(facts(BEGUN), facts(now.or_as_in(facts(BEGUN))))


def test_what_is_switched_off_now_is_a_change_too_and_is_recorded_as_off() -> None:
    begun = facts(replace(BEGUN, repair=True, empty_fails=True))
    now = Judgement(repair=False, empty_fails=False).or_as_in(begun)
    with pytest.raises(ConfigError, match="repair was 'on' and is 'off'; empty was 'fail' and is 'done'"):
        refuse_changes(begun, facts(now))
    assert (now.notes()["repair"], now.notes()["empty_fails"]) == (0, 0)


def test_a_repair_without_a_schema_is_refused_and_one_on_record_counts_for_nothing() -> None:
    on_record = facts(Judgement(repair=True))
    with pytest.raises(ConfigError, match="--repair needs --schema"):
        Judgement(repair=True).or_as_in(on_record).check_complete()
    restored = Judgement().or_as_in(on_record)
    restored.check_complete()
    refuse_changes(on_record, facts(restored))
