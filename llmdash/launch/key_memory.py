"""What came of the last check of each key, remembered by the key's fingerprint."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from time import time
from typing import TYPE_CHECKING, Any

from llmdash import locations
from llmdash.sanitize import clean_line
from llmdash.secrets import Secret, labels

if TYPE_CHECKING:
    from llmdash.launch.key_check import KeyCheck

__all__ = ["KeyMemory"]

_MOST = 1_000
"""Keys that are remembered; the oldest are forgotten."""


class KeyMemory:
    """Remembers checks in a file of mode 0600; where that cannot be used, nothing is known."""

    def __init__(self, path: Path, clock: Callable[[], float] = time) -> None:
        self._path = path
        self._clock = clock

    def of(self, key: Secret) -> tuple[bool | None, str]:
        """Return whether a key works, None if it was not tried, and what is known of it."""
        known = self._read()
        found = known and known.get(key.fingerprint)  # nothing is counted out for what nobody has checked
        if not isinstance(found, dict) or not isinstance(found.get("works"), bool):
            return None, ""
        works, said, at = found["works"], str(found.get("said", "")), found.get("at")
        when = (
            f"{datetime.fromtimestamp(at):%a %H:%M}" if isinstance(at, int | float) and 0 < at < 1e11 else ""
        )
        return works, said if works else ", ".join(part for part in (said, when) if part)

    def learn(self, checks: Iterable[KeyCheck]) -> None:
        """Remember what came of these checks."""
        learned = {
            key.fingerprint: {"works": check.works, "said": _said(check), "at": self._clock()}
            for check in checks
            for label, key in zip(labels(check.endpoint.keys), check.endpoint.keys, strict=True)
            if label == check.label
        }
        if learned:
            known = {name: one for name, one in self._read().items() if name not in learned}
            kept = list({**known, **learned}.items())[-_MOST:]
            self._write(dict(kept))

    def _read(self) -> dict[str, Any]:
        try:
            text = self._path.read_text("utf-8")
            import json  # after the file was found: many have none, and home asks at once

            found = json.loads(text)
        except (OSError, ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}

    def _write(self, known: dict[str, Any]) -> None:
        draft = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        try:
            locations.private_dir(self._path.parent)
            descriptor = os.open(draft, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
            import json

            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(known, file)
            draft.replace(self._path)
        except OSError:
            draft.unlink(missing_ok=True)  # it is only a help for the eye


def _said(check: KeyCheck) -> str:
    """The limits a minute that the server reported, or why the key does not work, in a few words."""
    if check.failure is not None:
        status = check.failure.status
        return clean_line(str(status) if status is not None else check.failure.kind.value)
    hints = check.hints
    requests = hints.limit_requests if hints is not None else None
    tokens = hints.limit_tokens if hints is not None else None
    said = (f"{requests:,}/min" if requests else "", f"{tokens:,} tok/min" if tokens else "")
    return ", ".join(part for part in said if part)
