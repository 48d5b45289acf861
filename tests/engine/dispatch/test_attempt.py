"""The answer of one attempt, put together from its chunks."""

from __future__ import annotations

import pytest

from llmdash.engine.dispatch.attempt import Answer, GatheredAnswer
from llmdash.llms.messages import Delta
from llmdash.prompts.source import Prompt


def answer_of(*deltas: Delta) -> Answer:
    gathered = GatheredAnswer(0, lambda: 1.0, lambda _: None)
    for delta in deltas:
        gathered.add(delta)
    return gathered.answer(Prompt("1", (("user", "hi"),)), None)


@pytest.mark.parametrize("reason", ["stop", None])
def test_flags_and_message_come_with_the_last_chunk_whether_it_has_a_finish_reason_or_not(
    reason: str | None,
) -> None:
    message = {"role": "assistant", "content": "Hi"}
    answer = answer_of(Delta("Hi"), Delta(finish_reason=reason, message=message, flags=("length",)), Delta())
    assert (answer.text, answer.finish_reason) == ("Hi", reason)
    assert (answer.message, answer.flags) == (message, ("length",))
