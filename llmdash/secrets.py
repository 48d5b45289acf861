"""Keys that cannot be shown by accident, and a redactor for text that might hold one."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn, Self, final
from urllib.parse import quote, quote_plus

__all__ = ["MAX_LENGTH", "Redactor", "Secret", "labels"]

MAX_LENGTH = 4096
"""The maximum length of a key; anything longer is a file pasted by mistake."""

_VALID = re.compile(r"[\x21-\x7e]+\Z")
_TAIL = 4
_LONG = 16
"""From this length on, four characters of a key may be shown."""


@final
class Secret:
    """A key. Only `reveal()` returns its value: it prints as `sk-...a1f3` and cannot be pickled or encoded.

    Raises ValueError if `value` is empty, longer than 4096 characters, or holds anything but visible ASCII
    (`[\\x21-\\x7e]`); the error never holds the value.
    """

    __slots__ = ("_known_digest", "_value")
    _value: str
    _known_digest: bytes

    def __init__(self, value: str) -> None:
        if not value:
            raise ValueError("the key is empty")
        if len(value) > MAX_LENGTH:
            raise ValueError(f"the key is {len(value)} characters long, at most {MAX_LENGTH} are allowed")
        if not _VALID.match(value):
            raise ValueError(_bad_character(value))
        object.__setattr__(self, "_value", value)

    def reveal(self) -> str:
        """Return the key itself, for a request header and nothing else."""
        return self._value

    @property
    def _digest(self) -> bytes:
        try:
            return self._known_digest
        except AttributeError:
            import hashlib  # to load it takes longer than all else at the start that has to do with a key

            object.__setattr__(self, "_known_digest", hashlib.sha256(self._value.encode("ascii")).digest())
            return self._known_digest

    @property
    def fingerprint(self) -> str:
        """Return the first 8 hex digits of the value's SHA-256, which identify a key without revealing it."""
        return self._digest.hex()[:8]

    @property
    def is_short(self) -> bool:
        """True for a key of which no character may be shown."""
        return len(self._value) < _LONG

    @property
    def tail(self) -> str:
        """Return the last 4 characters; for a key under 16 characters the first 4 of its fingerprint."""
        return self.fingerprint[:_TAIL] if self.is_short else self._value[-_TAIL:]

    def __repr__(self) -> str:
        prefix = "sk-" if not self.is_short and self._value.startswith("sk-") else ""
        return f"{prefix}...{self.tail}"

    def __format__(self, spec: str) -> str:
        return format(repr(self), spec)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        import hmac

        return hmac.compare_digest(self._digest, other._digest)

    def __hash__(self) -> int:
        return hash(self._value)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("a Secret cannot be changed")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("a Secret cannot be changed")

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("a Secret is never pickled; send reveal() only where a header needs it")

    def __getstate__(self) -> NoReturn:
        raise TypeError("a Secret is never pickled; send reveal() only where a header needs it")


def _bad_character(value: str) -> str:
    """The error for an invalid character: its position, not the character."""
    place = next(i for i, character in enumerate(value, 1) if not "\x21" <= character <= "\x7e")
    character = value[place - 1]
    if character in "\r\n":
        kind = "a line break"
    elif character.isspace():
        kind = "a space"
    elif ord(character) < 0x20 or ord(character) == 0x7F:
        kind = "a control character"
    else:
        kind = "a character outside ASCII"
    return f"the key holds {kind} at place {place}; keys are visible ASCII without spaces"


def labels(secrets: Sequence[Secret]) -> tuple[str, ...]:
    """Return a short unique label for each key: its tail; on a clash the later one is extended by its
    fingerprint.

    Labels of different keys never clash; a key given twice gets `~2` after its longest label.
    """
    used: set[str] = set()
    found: list[str] = []
    for secret in secrets:
        label = next(candidate for candidate in _candidates(secret, len(secrets)) if candidate not in used)
        used.add(label)
        found.append(label)
    return tuple(found)


def _candidates(secret: Secret, count: int) -> Iterable[str]:
    fingerprint = secret.fingerprint
    for length in range(len(fingerprint) + 1):
        yield secret.tail + fingerprint[:length]
    for number in range(2, count + 2):
        yield f"{secret.tail}{fingerprint}~{number}"


class Redactor:
    """Replaces every key in a text by its mask.

    It finds the value itself and its percent-encoded, JSON-escaped, Python-escaped and base64 forms. A key
    under 16 characters is replaced only where it is a word of its own, so that other words stay unchanged.
    """

    def __init__(self, secrets: Iterable[Secret] = ()) -> None:
        self._masks: dict[str, Secret] = {}
        self._short: set[str] = set()
        self._pattern: re.Pattern[str] | None = None
        self.learn(secrets)

    def learn(self, secrets: Iterable[Secret]) -> None:
        """Mask these keys too."""
        known = len(self._masks)
        for secret in secrets:
            for form in _forms(secret.reveal()):
                self._masks.setdefault(form, secret)
                if len(secret.reveal()) < _LONG:
                    self._short.add(form)
        if len(self._masks) > known:
            self._pattern = None  # compiled when there is a text

    def redact(self, text: str) -> str:
        """Return the text with every key masked; the same object if it holds none."""
        if not self._masks or not text:
            return text
        pattern = self._pattern or self._compiled()
        return pattern.sub(lambda match: repr(self._masks[match.group()]), text)

    def _compiled(self) -> re.Pattern[str]:
        # Longest first: where one key is the beginning of another, the whole of the longer one must go.
        ordered = sorted(self._masks, key=len, reverse=True)
        patterns = [_whole_word(form) if form in self._short else re.escape(form) for form in ordered]
        self._pattern = re.compile("|".join(patterns))
        return self._pattern

    def __repr__(self) -> str:
        return f"Redactor({len(self._masks)} forms)"


def _whole_word(form: str) -> str:
    return rf"(?<![0-9A-Za-z_]){re.escape(form)}(?![0-9A-Za-z_])"


def _forms(value: str) -> set[str]:
    """The encodings of a key in URLs, JSON bodies, reprs and Basic headers."""
    quoted = {quote(value), quote(value, safe=""), quote_plus(value)}
    lowered = {re.sub(r"%[0-9A-F]{2}", lambda match: match.group().lower(), form) for form in quoted}
    in_json = value.replace("\\", r"\\").replace('"', r"\"")  # all else of ASCII that is seen is as it is
    escaped = {in_json, in_json.replace("/", r"\/"), repr(value)[1:-1]}
    forms = {value} | quoted | lowered | escaped
    if len(value) >= _LONG:
        forms |= _base64_forms(value.encode("ascii"))
    return forms


def _base64_forms(value: bytes) -> set[str]:
    """The base64 of a value at any offset in the encoded text: one form for each of three alignments.

    The characters at both ends that also depend on the neighbours are left out.
    """
    forms: set[str] = set()
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + value).decode("ascii").rstrip("=")
        start = (offset * 8 + 5) // 6
        end = (offset + len(value)) * 8 // 6
        forms |= {encoded[start:end], encoded[start:end].replace("+", "-").replace("/", "_")}
    return forms
