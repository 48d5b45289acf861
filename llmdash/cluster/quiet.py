"""Keeps Dask's log off the terminal, which a dashboard owns, and its errors short."""

from __future__ import annotations

import asyncio
import logging

__all__ = ["reason_of", "silence_dask"]


def silence_dask() -> None:
    """Drop what Dask and what it stands on would log; the run tells of its workers itself."""
    for name in ("distributed", "tornado", "bokeh"):
        log = logging.getLogger(name)
        log.handlers.clear()
        log.addHandler(logging.NullHandler())
        log.propagate = False


def reason_of(error: BaseException) -> str:
    """Why a scheduler does not answer, without the noise of several layers."""
    root: BaseException = error
    while root.__cause__ is not None:
        root = root.__cause__
    if isinstance(root, TimeoutError | asyncio.CancelledError):  # the latter is how a time limit cuts in
        return "no answer in time"
    said = getattr(root, "strerror", None) or str(root).partition("\n")[0][:120]
    return said or type(root).__name__
