"""Parsers of settings: text or TOML value in, checked value out, or ConfigError."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Collection
from urllib.parse import SplitResult, urlsplit

from llmdash.llms.dialects import DIALECTS
from llmdash.sanitize import clean_line

__all__ = [
    "MAX_RATE",
    "MIN_RATE",
    "ConfigError",
    "is_on_this_machine",
    "ordinal",
    "parse_base_url",
    "parse_budget",
    "parse_dialect",
    "parse_name",
    "parse_number",
    "parse_rate",
    "parse_switch",
    "parse_text",
    "parse_whole",
    "shown",
]

MIN_RATE = 0.01
MAX_RATE = 100_000.0

_RATE = re.compile(r"(?P<number>[0-9]+(?:\.[0-9]*)?|\.[0-9]+) *(?:/ *(?P<unit>[a-z]+))?", re.ASCII)
_UNLIMITED = frozenset({"unlimited", "max"})
_NO_BUDGET = frozenset({"none", "unlimited"})
_MOST_DOLLARS = 1_000_000_000.0
_PERIODS = {
    **dict.fromkeys(("s", "sec", "second"), 1.0),
    **dict.fromkeys(("m", "min", "minute"), 60.0),
    **dict.fromkeys(("h", "hr", "hour"), 3600.0),
}
_RATE_FIX = "write a rate such as 5/s, 300/min or 1000/h (0.01/s to 100000/s), or unlimited"
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
_SWITCH = {
    **dict.fromkeys(("1", "true", "yes", "on"), True),
    **dict.fromkeys(("0", "false", "no", "off"), False),
}
_KEY_LIKE = re.compile(r"\bsk-[\w-]*|(?=[\w-]*[0-9])[\w-]{20,}")
_URL_FIX = "write one such as https://api.openai.com/v1"
_VISIBLE_ASCII = re.compile(r"[\x21-\x7e]+")


class ConfigError(ValueError):
    """A setting that cannot be used. The text is one line: place, what was given, fix; never a key."""


def shown(value: object) -> str:
    """Return a value, short, on one line and safe to show: what looks like a key or password is masked."""
    text = _text_of(value)
    if len(text) > 200:  # a word that is cut might be a key that is no longer recognised
        text = re.sub(r"[\w-]*\Z", "…", text[:200])
    text = re.sub(r"[^/\s]*@", "***@", text)
    text = re.sub(r"\?.*", "?***", text, flags=re.DOTALL)
    text = clean_line(_KEY_LIKE.sub("***", text))
    return f"'{text[:60]}…'" if len(text) > 60 else f"'{text}'"


def _text_of(value: object) -> str:
    try:
        return str(value)
    except ValueError:  # Python refuses to format a number of thousands of digits
        return "a huge number"


def parse_rate(value: object) -> float | None:
    """Return requests a second from `5/s`, `300/min`, `1000/h`, `5` (a second) or a number; None for
    `unlimited`.

    Raises ConfigError for anything else, and outside 0.01 to 100000 a second.
    """
    text = _text_of(value).strip().lower() if _is_number(value) or isinstance(value, str) else ""
    if text in _UNLIMITED:
        return None
    match = _RATE.fullmatch(text)
    period = _PERIODS.get(match["unit"] or "s") if match else None
    if match is None or period is None:
        raise ConfigError(f"{shown(value)} is not a rate; {_RATE_FIX}")
    rate = float(match["number"]) / period
    if not MIN_RATE <= rate <= MAX_RATE:
        raise ConfigError(f"{shown(value)} is out of range; {_RATE_FIX}")
    return rate


def parse_budget(value: object) -> float | None:
    """Return dollars from `5.00`, `$5` or a number; None for `none`. Raises ConfigError."""
    text = value.strip().lower() if isinstance(value, str) else value
    if isinstance(text, str) and text in _NO_BUDGET:
        return None
    try:
        return parse_number(text.removeprefix("$") if isinstance(text, str) else text, 0.0, _MOST_DOLLARS)
    except ConfigError:
        raise ConfigError(f"{shown(value)} is not a budget; write dollars such as 5.00, or none") from None


def parse_whole(value: object, low: int, high: int) -> int:
    """Return a whole number from `low` to `high`. Raises ConfigError for anything else."""
    number: int | None = None
    if isinstance(value, str) and _WHOLE.fullmatch(value.strip()):
        number = int(value)
    elif isinstance(value, int) and not isinstance(value, bool):
        number = value
    if number is None:
        raise ConfigError(f"{shown(value)} is not a whole number; write one from {low} to {high}")
    if not low <= number <= high:
        raise ConfigError(f"{shown(value)} is out of range; write a whole number from {low} to {high}")
    return number


def parse_number(value: object, low: float, high: float) -> float:
    """Return a finite number from `low` to `high`. Raises ConfigError for anything else."""
    number = math.nan
    if (isinstance(value, str) and _NUMBER.fullmatch(value.strip())) or _is_number(value):
        number = _as_float(value)
    if not math.isfinite(number):
        raise ConfigError(f"{shown(value)} is not a number; write one from {low:g} to {high:g}")
    if not low <= number <= high:
        raise ConfigError(f"{shown(value)} is out of range; write a number from {low:g} to {high:g}")
    return number


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _as_float(value: object) -> float:
    try:
        return float(_text_of(value))
    except ValueError:
        return math.nan


def parse_switch(value: object) -> bool:
    """Return True or False from a TOML boolean or `true`, `yes`, `on`, `1` and their opposites."""
    found = value if isinstance(value, bool) else None
    if isinstance(value, str):
        found = _SWITCH.get(value.strip().lower())
    if found is None:
        raise ConfigError(f"{shown(value)} is neither true nor false; write one of them")
    return found


def parse_text(value: object) -> str:
    """Return one line of 1 to 200 printable characters, trimmed. Raises ConfigError."""
    text = value.strip() if isinstance(value, str) else ""
    if not text or len(text) > 200 or clean_line(text) != text:
        raise ConfigError(f"{shown(value)} is not a name; write 1 to 200 printable characters on one line")
    return text


def ordinal(number: int) -> str:
    """Return `1st`, `2nd`, `3rd`, `4th`, `11th`, `21st`."""
    if number % 100 in (11, 12, 13):
        return f"{number}th"
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def parse_base_url(value: object, *, allow_insecure: bool) -> str:
    """Return an endpoint's base URL without a trailing slash.

    It has to be `https`, or `http` to this machine; `http` elsewhere needs `allow_insecure`. User, password,
    query and fragment are refused, since a key does not belong in a URL. Raises ConfigError.
    """
    text = value.strip() if isinstance(value, str) else ""
    # The backslash is excluded because URL parsers disagree about the host in a URL with one.
    if not _VISIBLE_ASCII.fullmatch(text) or "\\" in text:
        raise ConfigError(f"{shown(value)} is not a URL; {_URL_FIX}")
    parts = _split(text)
    if "@" in parts.netloc:
        raise ConfigError(f"{shown(value)} holds a user or password; remove it, keys go into API_KEY")
    if "?" in text or "#" in text:
        fix = "end it with the path, such as /v1, and put a query into the query setting (--query NAME=VALUE)"
        raise ConfigError(f"{shown(value)} holds a query or fragment; {fix}")
    if parts.scheme == "http" and not allow_insecure and not _is_loopback(parts.hostname or ""):
        raise ConfigError(
            f"{shown(value)} would send keys unencrypted; use https, or set allow_insecure = true"
        )
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def _split(text: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        port, host = parts.port, parts.hostname
    except ValueError:
        raise ConfigError(f"{shown(text)} has an invalid host or port; {_URL_FIX}") from None
    if parts.scheme not in ("http", "https"):
        raise ConfigError(f"{shown(text)} does not begin with https:// or http://; {_URL_FIX}")
    if not host or port == 0:
        raise ConfigError(f"{shown(text)} has an invalid host or port; {_URL_FIX}")
    return parts


def is_on_this_machine(url: str) -> bool:
    """Return whether `url` leads to this machine; False for what is no URL."""
    try:
        return _is_loopback(urlsplit(url).hostname or "")
    except ValueError:
        return False


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    from ipaddress import ip_address

    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def parse_dialect(value: object) -> str:
    """The name of a dialect; raises ConfigError, with the nearest one, for anything else."""
    return parse_name(value, DIALECTS, "a dialect")


def parse_name(value: object, known: Collection[str], what: str) -> str:
    """Return one of the `known` names; raises ConfigError, with the nearest one, for anything else."""
    text = value.strip().lower() if isinstance(value, str) else ""
    if text in known:
        return text
    near = difflib.get_close_matches(text, known, 1, 0.5)
    fix = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
    raise ConfigError(f"{shown(value)} is not {what}; {fix}")
