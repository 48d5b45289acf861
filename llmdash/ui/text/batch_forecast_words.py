"""The forecast of jobs in batches, beside that of the same jobs live, in words."""

from __future__ import annotations

import math
from collections.abc import Iterator

from llmdash.engine.model.counts import counted
from llmdash.engine.model.forecast import BatchForecast
from llmdash.ui.text.format import dollars, si, span

__all__ = ["forecast_parts", "stay_words"]

_USUAL = "usually under 1 h"


def forecast_parts(forecast: BatchForecast) -> Iterator[str]:
    """Yield `live ~$41.20, 38m12s`, `batch ~$20.60, usually under 1 h (your last 9: 12m04s), at most 24 h`
    and `1 file, 34 MB`.
    """
    live = "free" if not forecast.spends else _cost(forecast.live_cost, at_most=forecast.is_bound)
    yield _joined(f"live {live}", "" if forecast.live_s is None else span(forecast.live_s))
    at_most = forecast.is_bound or forecast.is_full_price
    batch = "free" if not forecast.spends else _cost(forecast.cost, at_most=at_most)
    seen = f"your last {'one' if forecast.seen == 1 else forecast.seen}"
    usual = _USUAL if forecast.usual_s is None else f"{_USUAL} ({seen}: {span(forecast.usual_s)})"
    yield _joined(f"batch {batch}", usual, f"at most {_hours(forecast.most_s)}" if forecast.most_s else "")
    yield f"{counted(forecast.files, 'file')}, {_size(forecast.bytes)}"


def stay_words(forecast: BatchForecast) -> str:
    """Return how many jobs no batch can carry, and why, or that none is pending; empty where all can go."""
    if not forecast.stay:
        return "" if forecast.jobs else "None of them is pending: there is nothing to send"
    jobs = counted(forecast.stay, "job stays", "jobs stay") if forecast.jobs else "None of them can go"
    return f"{jobs}: {forecast.why}"


def _joined(*parts: str) -> str:
    return ", ".join(filter(None, parts))


def _cost(value: float | None, *, at_most: bool) -> str:
    if value is None:
        return "at no known price"
    return f"{'at most ' if at_most else '~'}{dollars(value)}"


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:.0f} h" if math.isfinite(seconds) else "–"


def _size(number: int) -> str:
    return (
        f"{si(number).strip().replace('k', ' k').replace('M', ' M').replace('G', ' G')}B"
        if number >= 1000
        else f"{number} B"
    )
