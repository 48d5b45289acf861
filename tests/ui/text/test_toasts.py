"""What came while nobody looked is said in a few toasts, the gravest of it in words."""

from __future__ import annotations

from llmdash.engine.model.frame import Notice
from llmdash.engine.model.states import Severity
from llmdash.ui.text.toasts import as_toasts


def notices(count: int, worst: int = 0) -> list[Notice]:
    kinds = {worst: Severity.ERROR}
    return [
        Notice(serial, kinds.get(serial, Severity.INFORMATION), f"notice {serial}")
        for serial in range(1, count + 1)
    ]


def test_a_few_notices_are_shown_as_they_are() -> None:
    assert [*as_toasts(notices(0))] == []
    assert [*as_toasts(notices(5))] == notices(5)


def test_of_many_the_last_are_shown_and_how_many_went_before_with_the_most_severe() -> None:
    first, *last = as_toasts(notices(200, worst=7))
    assert last == notices(200)[-4:]
    assert first.text == "196 more notices came before these, such as: notice 7"
    assert first.severity is Severity.ERROR
    first, *_ = as_toasts(notices(6))
    assert (first.text, first.severity) == (
        "2 more notices came before these, such as: notice 2",
        Severity.INFORMATION,
    )
