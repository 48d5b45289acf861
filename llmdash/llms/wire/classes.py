"""Which class a failure is: by status, code and type, and by words only where these leave it open."""

from __future__ import annotations

import enum
import json
import re
from typing import NamedTuple

from llmdash.llms.wire import vocabulary
from llmdash.llms.wire.error_document import Said

__all__ = ["FailureClass", "FailureKind", "classify", "is_about_model", "spoken"]


class FailureKind(enum.StrEnum):
    """What a failure says about the next attempt.

    | kind | meaning | what follows |
    |---|---|---|
    | LOCAL | this machine cannot send: no sockets, names, network | wait; no attempt used, no key blamed |
    | TRANSIENT | a fault of the network or the server | try again, on another key if there is one |
    | THROTTLE | rate limited (429) | the key rests; no attempt used |
    | QUOTA | the key has no money left | the key is set aside; the job moves |
    | AUTH | the key is refused | the key is dead after a second refusal; the job moves |
    | REQUEST | the request itself is refused | the job fails |
    | CONFIG | the endpoint is not what the settings say | it is paused, the message names the fix |

    >>> FailureKind("throttle") is FailureKind.THROTTLE
    True
    """

    LOCAL = "local"
    TRANSIENT = "transient"
    THROTTLE = "throttle"
    QUOTA = "quota"
    AUTH = "auth"
    REQUEST = "request"
    CONFIG = "config"


class FailureClass(NamedTuple):
    """The class of a failure, and what `Failure` says of it under the same names."""

    kind: FailureKind
    by_words: bool = False
    names_request: bool = False
    of_content: bool = False
    slow_down: bool = False


_UNDONE = (408, 409, 421, 425, 498, 499)
"""Statuses by which a request was not looked at to its end, through no fault of its own."""
_OPEN_TO_MONEY = (200, 400, 401, 403, 429)
_OPEN_TO_KEYS = (200, 400, 403)


def classify(status: int, said: Said, asked: str = "") -> FailureClass:
    """Return the class of an answer with this status, or of an error inside a 200.

    `asked` is the request's text as `spoken` returns it: words that are in it do not count.
    """
    if status == 200 and said.status is not None:
        status = said.status
    told = _by_code(status, said)
    without_words = told or _by_type(status, said) or _by_status(status, said)
    by_words = None if said.is_cut else _by_words(status, said, asked)
    kind = told or by_words or without_words
    if status == 429 and kind is FailureKind.THROTTLE and _says(vocabulary.TOO_LARGE, said.words, asked):
        kind = FailureKind.REQUEST  # beyond the whole limit of a minute: never served, however long one waits
    return FailureClass(
        kind,
        by_words=kind is not without_words,
        names_request=kind is FailureKind.REQUEST and _names_request(status, said),
        of_content=kind is FailureKind.REQUEST and _is_content(said, asked),
        slow_down=kind is FailureKind.THROTTLE and any(map(vocabulary.SLOW_DOWN.search, said.codes)),
    )


def _by_code(status: int, said: Said) -> FailureKind | None:
    """The class that codes and types settle, None where they only say again what the status says."""
    for code in said.codes:
        if vocabulary.SLOW_DOWN.search(code) and status in (200, 429, 503):
            return FailureKind.THROTTLE
        if vocabulary.CONTENT.search(code):
            return FailureKind.REQUEST
        if vocabulary.QUOTA.search(code):
            return FailureKind.QUOTA
        if vocabulary.THROTTLE.search(code) and status in (200, 429) and code not in said.types:
            return _of_limit(said)
        if vocabulary.KEY.search(code) and status != 429 and status < 500:
            return FailureKind.AUTH
    if any(map(vocabulary.CONTENT.search, said.within)):
        return FailureKind.REQUEST
    if said.is_daily and status in (200, 429):
        return FailureKind.QUOTA
    return None


def _by_type(status: int, said: Said) -> FailureKind | None:
    """The class of codes and types that only say again what a status says: words may say more."""
    for code in said.codes:
        if vocabulary.THROTTLE.search(code) and status in (200, 429):
            return FailureKind.THROTTLE
        if vocabulary.REFUSED.search(code) and status != 429 and status < 500:
            return FailureKind.AUTH
    return None


def _of_limit(said: Said) -> FailureKind:
    return FailureKind.QUOTA if said.is_daily else FailureKind.THROTTLE


def _by_status(status: int, said: Said) -> FailureKind:
    if status == 200:
        return FailureKind.REQUEST if _is_refusal(said) else FailureKind.TRANSIENT
    if status == 402:
        return FailureKind.QUOTA
    if status == 429:
        return FailureKind.THROTTLE
    if status == 401:
        return FailureKind.TRANSIENT if said.is_page else FailureKind.AUTH
    if status == 403:
        return FailureKind.AUTH if said.codes or said.message else FailureKind.TRANSIENT
    if status in _UNDONE or status >= 500 or status < 200:
        return FailureKind.TRANSIENT
    if 300 <= status < 400 or status == 407:
        return FailureKind.CONFIG
    return FailureKind.REQUEST


def _by_words(status: int, said: Said, asked: str) -> FailureKind | None:
    if status in _OPEN_TO_MONEY and _says(vocabulary.QUOTA_WORDS, said.words, asked):
        return FailureKind.QUOTA
    if status in _OPEN_TO_KEYS and _says(vocabulary.AUTH_WORDS, said.words, asked):
        return FailureKind.AUTH
    if _by_type(status, said) is not None:
        return None
    if status == 200 and not _is_refusal(said) and _says(vocabulary.THROTTLE_WORDS, said.words, asked):
        return FailureKind.THROTTLE
    return (
        FailureKind.REQUEST
        if status in (200, 403) and _says(vocabulary.CONTENT_WORDS, said.words, asked)
        else None
    )


def _is_refusal(said: Said) -> bool:
    return any(map(vocabulary.REQUEST.search, said.codes))


def is_about_model(said: Said, asked: str = "") -> bool:
    """Whether the server says that the model is not there, or not for this key."""
    return any(map(vocabulary.MODEL.search, said.codes)) or _says(vocabulary.MODEL_WORDS, said.words, asked)


def _names_request(status: int, said: Said) -> bool:
    """Whether code, type or status say that the request is at fault, whatever the key."""
    if any(map(vocabulary.CONTENT.search, said.codes + said.within)):
        return True
    return (status in (413, 422) or bool(said.param)) and not is_about_model(said)


def _is_content(said: Said, asked: str) -> bool:
    if any(map(vocabulary.CONTENT.search, said.codes + said.within)):
        return True
    settled = said.named and not all(vocabulary.GENERIC.search(code) for code in said.codes)
    return not settled and _says(vocabulary.CONTENT_WORDS, said.words, asked)


def _says(words: re.Pattern[str], message: str, asked: str) -> bool:
    text = " ".join(message.lower().split())
    return any(match.group() not in asked for match in words.finditer(text))


def spoken(request: bytes) -> str:
    """Return the text of a request body in the form in which words are compared: lower case, single spaces.

    >>> spoken(b'{"prompt": "raise my\\\\nspending limit"}')
    '{"prompt": "raise my spending limit"}'
    """
    text = request.decode("utf-8", "replace")
    if "\\" in text:
        text = re.sub(r"\\u[0-9a-fA-F]{4}", _unescaped, re.sub(r"\\[nrtbf]", " ", text)).replace('\\"', '"')
    return " ".join(text.lower().split())


def _unescaped(match: re.Match[str]) -> str:
    found: str = json.loads(f'"{match.group()}"')
    return found
