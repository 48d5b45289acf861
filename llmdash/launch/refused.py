"""RefusedError: what another process, which works for this one, refused to do."""

from __future__ import annotations

__all__ = ["RefusedError"]


class RefusedError(Exception):
    """An error of another process that the user can fix, with the exit code for it."""

    def __init__(self, text: str, code: int) -> None:
        super().__init__(text)
        self.code = code
