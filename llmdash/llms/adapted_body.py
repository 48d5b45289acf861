"""AdaptedBody: a request's body, changed as the server's refusals say."""

from __future__ import annotations

from collections.abc import Callable, Iterable, MutableMapping
from typing import Any

from llmdash.llms.wire.adaptation import Change, change_for, refused_option
from llmdash.llms.wire.failures import Failure

__all__ = ["AdaptedBody", "Droppable", "KnownChanges", "Place"]

_MOST_CHANGES = 4  # of one request, before its refusal counts

Place = tuple[str, str]
"""The URL of requests, and their model."""

KnownChanges = MutableMapping[Place, tuple[Change, ...]]
"""The changes after which requests were accepted, by place."""


class Droppable:
    """The options that may be left out where the server does not support them: `options`, or `every` one.

    `names` are theirs, sorted; `*` means all.
    """

    __slots__ = ("_every", "_options", "names")

    def __init__(self, options: Iterable[str] = (), *, every: bool = False) -> None:
        self._every = every
        self._options = frozenset(options)
        self.names = ("*",) if every else tuple(sorted(self._options))

    def may_drop(self, option: str) -> bool:
        """Return True if a request may go without this option."""
        return self._every or option in self._options


class AdaptedBody:
    """The `body` of a request to a place, with the changes that are `known` for it.

    `may_drop` says which options may be left out, although the answer will be another.
    """

    __slots__ = ("_known", "_learned", "_may_drop", "_place", "fields")

    def __init__(
        self, fields: dict[str, Any], place: Place, known: KnownChanges, may_drop: Callable[[str], bool]
    ) -> None:
        self.fields = fields
        self._place = place
        self._known = known
        self._may_drop = may_drop
        self._learned: list[Change] = []
        for change in known.get(place, ()):
            change.apply(fields)

    def accept(self) -> None:
        """Let what was learned hold for later requests to the place: the server has accepted this one."""
        if self._learned:
            self._known[self._place] = (*self._known.get(self._place, ()), *self._learned)

    def change_after(self, refusal: Failure) -> None:
        """Make the change after which the request may be sent again. Raises `refusal` if there is none."""
        change = change_for(refusal, self.fields, may_drop=self._may_drop)
        if change is None:
            option = refused_option(refusal, self.fields)
            if option is not None:
                refusal.reword(f"{refusal.message} (drop_unsupported = true leaves out {option})")
            raise refusal
        if self._is_undone_by(change) or len(self._learned) >= _MOST_CHANGES:
            raise refusal
        change.apply(self.fields)
        self._learned.append(change)

    def _is_undone_by(self, change: Change) -> bool:
        return any(one.option in (change.option, change.to) for one in self._learned)
