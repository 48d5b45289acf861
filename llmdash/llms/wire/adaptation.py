"""What a server refuses of a request that another would take, and how to ask again.

There is no list of servers: the refusal itself names the option, and often what to send in its place.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any, NamedTuple

from llmdash.llms.wire.failures import Failure, FailureKind

__all__ = ["Change", "change_for", "refused_option"]

_ESSENTIAL = ("model", "messages", "prompt", "input", "system")
_TWINS = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}
_USAGE = re.compile(r"stream[_ ]options|include_usage")
_REFUSED_CODE = re.compile(
    r"unsupported|unknown_param|unrecogni[sz]ed|extra_forbidden|not_supported|not_allowed"
)
_REFUSED = re.compile(
    r"not (?:be )?(?:currently )?(?:supported|allowed|permitted|available|accepted|enabled)|unsupported|"
    r"(?:does|do) not (?:support|allow|accept)|unknown|unrecogni[sz]ed|unexpected|"
    r"extra (?:inputs|fields|parameters)|only supports?\b|is (?:deprecated|required)|no longer|"
    r"must be (?:set to )?(?:true|false)|cannot be used",
    re.IGNORECASE,
)
_INSTEAD = re.compile(
    r"\b(?:use|try|favou?r of|replaced (?:by|with)|instead:?) (?:the )?['\"`]?([a-z]\w{2,39})\b",
    re.IGNORECASE,
)


class Change(NamedTuple):
    """One option of a request to be left out, renamed (`to`) or set (`value`)."""

    option: str
    to: str | None = None
    value: Any = None

    def apply(self, body: MutableMapping[str, Any]) -> None:
        """Change `body`; one that lacks the option stays as it is, unless the option is to be set."""
        if self.value is not None:
            body[self.option] = self.value
        elif self.option in body:
            value = body.pop(self.option)
            if self.to is not None:
                body.setdefault(self.to, value)
        if self.option == "stream" and not self.value:
            body.pop("stream_options", None)


def change_for(
    failure: Failure, body: Mapping[str, Any], *, may_drop: Callable[[str], bool]
) -> Change | None:
    """Return what to change in `body` after this refusal, None if it should not be sent again.

    Other names for the same option, the stream and its usage are changed unasked, since the answer stays the
    same. Any other option is left out only if it `may_drop`: the answer would be another.
    """
    option = refused_option(failure, body)
    if option is None:
        return None
    if option == "stream_options":
        return Change(option)
    if option == "stream":
        return Change(option) if body.get("stream") else Change(option, value=True)
    other = _instead_of(option, failure.words)
    if other is not None and other not in body:
        return Change(option, to=other)
    return Change(option) if may_drop(option) else None


def refused_option(failure: Failure, body: Mapping[str, Any]) -> str | None:
    """Return the option of `body` that a refusal names as not supported, None if it names none."""
    if failure.status not in (400, 404, 422) or failure.kind is not FailureKind.REQUEST or failure.of_content:
        return None
    said = failure.words.lower()
    if "stream_options" in body and _USAGE.search(said):
        return "stream_options"  # asked for by us, and not by the caller: any complaint is enough
    if not (_REFUSED_CODE.search((failure.code or "").lower()) or _REFUSED.search(said)):
        return None
    named = re.split(r"[.\[]", failure.param)
    words = [*named, *re.findall(r"(?<![\w.])\w+(?!\w)", said)]
    options = ("stream" if word == "streaming" else word for word in words)
    return next((one for one in options if one not in _ESSENTIAL and _may_change(one, body)), None)


def _may_change(option: str, body: Mapping[str, Any]) -> bool:
    return option in body or option == "stream"


def _instead_of(option: str, message: str) -> str | None:
    named = next((found[1].lower() for found in _INSTEAD.finditer(message)), None)
    if named is not None and "_" in named and named != option and named not in _ESSENTIAL:
        return named
    return _TWINS.get(option)
