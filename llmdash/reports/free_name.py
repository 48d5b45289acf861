"""Writes a text into a new file: one that is there is never replaced."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["write_new"]

_MOST = 1000


def write_new(folder: Path, name: str, suffix: str, text: str) -> Path:
    """Write a text into `name` with its suffix, or with a number between them where that is there. Return the
    path. Raises OSError.
    """
    safe = re.sub(r"[^\w.-]+", "-", name).strip("-.")[:80] or "llmdash"
    for number in range(1, _MOST):
        path = folder / (f"{safe}{suffix}" if number == 1 else f"{safe}-{number}{suffix}")
        try:
            with path.open("x", encoding="utf-8", newline="") as file:
                file.write(text)
        except FileExistsError:
            continue
        return path
    raise FileExistsError(f"{folder / safe}{suffix}: there are {_MOST} such files; move some of them away")
