"""One limit for many runs: who shares it, and what each of them may use."""

from __future__ import annotations

__all__: list[str] = []
