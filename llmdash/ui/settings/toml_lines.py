"""On which line of a TOML file a key is set."""

from __future__ import annotations

import re
from collections.abc import Iterator

__all__ = ["key_lines"]


def key_lines(text: str) -> Iterator[tuple[str, int]]:
    """Yield ("table.key" or "key", line) for each line that sets a key or opens a table."""
    table = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if opened := re.match(r"\s*\[\s*\"?([\w-]+)\"?\s*\]", line):
            table = opened[1] + "."
            yield opened[1], number
        elif key := re.match(r"\s*([\"']?)(.+?)\1\s*=", line):
            yield table + key[2], number
