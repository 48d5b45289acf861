"""What a resume refuses: answers of one run are asked for, and judged, in one way."""

from __future__ import annotations

import json
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
    ],
)
def test_another_check_or_schema_is_named_and_refused(now: Judgement, told: str) -> None:
    with pytest.raises(ConfigError) as refused:
        refuse_changes(facts(BEGUN), facts(now.or_as_in(facts(BEGUN))))
    assert told in str(refused.value)


@pytest.mark.parametrize("now", [Judgement(), BEGUN])
def test_the_same_check_and_schema_are_no_change(now: Judgement) -> None:
    refuse_changes(facts(BEGUN), facts(now.or_as_in(facts(BEGUN))))
