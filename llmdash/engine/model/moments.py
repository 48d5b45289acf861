"""Moments as one types them: a span from now, or a time of day."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Final

__all__ = ["moment_of"]

_SPAN: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|h|d)", re.ASCII)
_TIME: Final = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)", re.ASCII)
_SECONDS: Final = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_LONGEST_S: Final = 366 * 86_400.0
"""No batch is out for so long; and a date that is too far off cannot be shown."""


def moment_of(text: str, now: datetime) -> float:
    """Return the time that a text means, in Unix seconds: a span from now (`6h`, `45m`) of at most a
    year, or a time of day (`18:30`), today or, where that is over, tomorrow. Raises ValueError.
    """
    if (span := _SPAN.fullmatch(text.strip())) is not None:
        if float(span[1]) * _SECONDS[span[2]] > _LONGEST_S:
            raise ValueError(f"{text!r} is longer than a year")
        return now.timestamp() + float(span[1]) * _SECONDS[span[2]]
    if (time := _TIME.fullmatch(text.strip())) is not None:
        at = now.replace(hour=int(time[1]), minute=int(time[2]), second=0, microsecond=0)
        return (at if at > now else at + timedelta(days=1)).timestamp()
    raise ValueError(f"{text!r} is neither a span, as 6h or 45m, nor a time, as 18:30")
