"""What failed, as a frame shows it: classes of failures, groups of tries that failed alike, and examples."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Final

from llmdash.lean_dataclass import dataclass

__all__ = ["MOST_GROUPS", "NOT_KEPT", "ErrorClass", "ErrorExample", "ErrorGroup", "FailedTries", "class_of"]

MOST_GROUPS: Final = 200
"""Groups that a frame has: the largest."""
NOT_KEPT: Final = "not kept"
"""The text of an error where a run keeps no texts."""


class ErrorClass(enum.StrEnum):
    """What went wrong with a try, in a word; the filter of the job table has them as well.

    | class | meaning |
    |---|---|
    | stalled | the server stopped sending in the midst of an answer |
    | timeout | no connection, no first byte or no end in time |
    | connection | the network or TLS, before anything was answered |
    | truncated | the answer ended before its end, or is none |
    | server | the server says that it is at fault: 500, 503, ... |
    | throttled | rate limited (429) |
    | quota | the key has no money left |
    | key | the key is refused |
    | request | the request itself is refused |
    | settings | the endpoint is not what the settings say |
    | machine | this machine cannot send |
    | invalid | the answer breaks a rule: its schema, or it is empty |
    | other | no try failed: the job could not be sent, or was lost with its worker |
    """

    STALLED = "stalled"
    TIMEOUT = "timeout"
    CONNECTION = "connection"
    TRUNCATED = "truncated"
    SERVER = "server"
    THROTTLED = "throttled"
    QUOTA = "quota"
    KEY = "key"
    REQUEST = "request"
    SETTINGS = "settings"
    MACHINE = "machine"
    INVALID = "invalid"
    OTHER = "other"


_OF_KIND: Final[Mapping[str, ErrorClass]] = {
    "throttle": ErrorClass.THROTTLED,
    "quota": ErrorClass.QUOTA,
    "auth": ErrorClass.KEY,
    "request": ErrorClass.REQUEST,
    "config": ErrorClass.SETTINGS,
    "local": ErrorClass.MACHINE,
    "invalid": ErrorClass.INVALID,
}
_BY_START: Final = (
    ("stalled", ErrorClass.STALLED),
    ("no answer within", ErrorClass.TIMEOUT),
    ("no end within", ErrorClass.TIMEOUT),
    ("no connection in time", ErrorClass.TIMEOUT),
    ("truncated", ErrorClass.TRUNCATED),
    ("malformed", ErrorClass.TRUNCATED),
    ("the answer", ErrorClass.TRUNCATED),
)
"""How the messages begin that are our own, not the server's."""
_OK: Final = 200


def class_of(failure: str | None, status: int | None, message: str) -> ErrorClass:
    """Return the class of a failed try, by what its row in the journal says.

    >>> class_of("transient", 503, "503 overloaded")
    <ErrorClass.SERVER: 'server'>
    >>> class_of("transient", None, "stalled: no content for 60 s")
    <ErrorClass.STALLED: 'stalled'>
    """
    if failure is None:
        return ErrorClass.OTHER
    known = _OF_KIND.get(failure.lower())
    if known is not None:
        return known
    if status is not None and status != _OK:
        return ErrorClass.SERVER
    words = message.removeprefix(f"{_OK} ")
    found = next((each for start, each in _BY_START if words.startswith(start)), None)
    return found or (ErrorClass.CONNECTION if status is None else ErrorClass.SERVER)


@dataclass(frozen=True, slots=True)
class ErrorGroup:
    """Tries that failed alike, those made good by a later try as well, and the jobs that failed for good so.

    `name` is the message without its status, with `*` for what varies.
    """

    name: str
    jobs: int
    """The jobs that failed for good, and those whose last answer is invalid."""
    examples: tuple[int, ...]
    """Some of these jobs, newest first; where there are none, some that were tried again."""
    tries: int = 0
    """The single tries; an answer that breaks a rule counts as one."""
    keys: tuple[tuple[str, int], ...] = ()
    """The keys of the tries with their number, the most frequent first."""
    more_keys: int = 0
    """How many keys are not listed."""
    kind: ErrorClass = ErrorClass.OTHER
    status: int | None = None
    code: str | None = None
    first_s: float | None = None
    last_s: float | None = None
    """When it happened first and last, in seconds at work."""
    spark: tuple[int, ...] = ()
    """The tries over the run, in equal spans from its start until now."""

    @property
    def id(self) -> str:
        """What tells the group from every other one of the run."""
        return f"{self.kind} {self.status or ''} {self.code or ''} {self.name}"

    @property
    def words(self) -> str:
        """The message with its status, as it is shown where there is no column for that."""
        return f"{self.status} {self.name}" if self.status else self.name


@dataclass(frozen=True, slots=True)
class ErrorExample:
    """A job of a group, and what came of each of its tries."""

    job: int
    id: str
    keys: tuple[str, ...] = ()
    """The keys of its tries, in order."""
    message: str = ""
    """The last failure in full, as the server said it."""
    request_id: str | None = None
    """The server's id of the try that failed last."""


@dataclass(frozen=True, slots=True)
class FailedTries:
    """Failed tries a second over the run: a value for each `step_s`, from its start until now."""

    step_s: float = 1.0
    per_s: tuple[float, ...] = ()
