"""Splits the value of a variable into keys, however they are listed."""

from __future__ import annotations

import re

from llmdash.config.values import ConfigError, ordinal
from llmdash.secrets import Secret

__all__ = ["parse_keys"]

_SEPARATOR = re.compile(r"[,;]")
_SHORTEST = 4
"""Words below this length beside a key are a remark, not another key."""

_FIX = "split several by commas"


def parse_keys(text: str) -> tuple[tuple[Secret, ...], tuple[str, ...]]:
    """Return the keys of a list, without blanks and duplicates; and a warning for each duplicate, and for
    what might separate keys but was taken as part of one.

    Keys are split by commas, semicolons, blanks or line breaks, or are a JSON list of texts. Raises
    ConfigError that names the position of a wrong key, never its value.
    """
    found: dict[Secret, int] = {}
    warnings: list[str] = []
    for number, entry in enumerate(_split(text), 1):
        secret = _key(entry, number)
        if "|" in entry:
            warnings.append(f"the {ordinal(number)} key holds a |, taken as a part of it; {_FIX}")
        if secret in found:
            warnings.append(f"the {ordinal(number)} key repeats the {ordinal(found[secret])}; it counts once")
        else:
            found[secret] = number
    return tuple(found), tuple(warnings)


def _key(entry: str, number: int) -> Secret:
    if any(mark in entry for mark in "[]\"'"):
        raise ConfigError(f"the {ordinal(number)} key holds a bracket or a quote; {_FIX}")
    try:
        return Secret(entry)
    except ValueError as error:
        detail = str(error).removeprefix("the key ")
        raise ConfigError(f"the {ordinal(number)} key {detail}; {_FIX}") from None


def _split(text: str) -> list[str]:
    text = text.strip()
    if text.startswith("[") and text.endswith("]"):
        return _listed(text)
    return [word for part in _SEPARATOR.split(text) for word in _words(_bare(part)) if word]


def _listed(text: str) -> list[str]:
    """The texts of a list: of JSON, or written alike with other quotes or none."""
    import msgspec  # most lists are none of JSON

    try:
        return [key for each in msgspec.json.decode(text, type=list[str]) if (key := each.strip())]
    except msgspec.MsgspecError:
        return [bare for part in _SEPARATOR.split(text[1:-1]) if (bare := _bare(part))]


def _bare(part: str) -> str:
    part = part.strip()
    quoted = len(part) > 1 and part[0] == part[-1] and part[0] in "\"'"
    return part[1:-1].strip() if quoted else part


def _words(part: str) -> list[str]:
    """The words of a part, if each may be a key; else the part, so that the blank in it is refused."""
    words = part.split()
    return words if all(len(word) >= _SHORTEST for word in words) else [part]
