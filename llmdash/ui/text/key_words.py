"""Keys in filters."""

from __future__ import annotations

from llmdash.ui.text.worker_words import plain_pattern

__all__ = ["key_filter"]


def key_filter(label: str) -> str:
    """Return a filter of the job table that matches the jobs of a key, by the whole of its label."""
    return "key:" + plain_pattern(label)
