"""Which notices are shown as toasts: what has come while nobody looked would bury the screen."""

from __future__ import annotations

from collections.abc import Sequence

from llmdash.engine.model.counts import counted
from llmdash.engine.model.frame import Notice
from llmdash.engine.model.states import Severity

__all__ = ["as_toasts"]

_MOST = 5
_RISING = (Severity.INFORMATION, Severity.WARNING, Severity.ERROR)


def as_toasts(notices: Sequence[Notice]) -> Sequence[Notice]:
    """Return the last of the notices that came at once, after one that says how many went before them.

    That one is as severe as the most severe of those, whose text it has.
    """
    if len(notices) <= _MOST:
        return notices
    earlier, last = notices[: 1 - _MOST], notices[1 - _MOST :]
    worst = max(reversed(earlier), key=lambda notice: _RISING.index(notice.severity))
    words = f"{counted(len(earlier), 'more notice')} came before these, such as: {worst.text}"
    return (Notice(worst.serial, worst.severity, words), *last)
