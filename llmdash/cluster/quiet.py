"""Keeps Dask's log off the terminal, which a dashboard owns."""

from __future__ import annotations

import logging

__all__ = ["silence_dask"]


def silence_dask() -> None:
    """Drop what Dask and what it stands on would log; the run tells of its workers itself."""
    for name in ("distributed", "tornado", "bokeh"):
        log = logging.getLogger(name)
        log.handlers.clear()
        log.addHandler(logging.NullHandler())
        log.propagate = False
