"""A run of which most is in batches, as a scene for the fake session."""

from __future__ import annotations

from llmdash.engine.model.forecast import BatchForecast
from llmdash.engine.model.frame import BatchRow
from llmdash.engine.model.states import BatchState
from tests.ui.fake_session import Scene

__all__ = ["BATCHES", "FORECAST", "batched"]

BATCHES = (
    BatchRow(
        *(1, BatchState.CLOSED, "a1f2", "openai", "gpt-4o-mini", "batch_6650a1"),
        jobs=2_000,
        done=1_988,
        failed=12,
        age_s=724.0,
        cost=0.41,
        expired=0,
    ),
    BatchRow(
        *(2, BatchState.OUT, "9bc0", "openai", "gpt-4o-mini", "batch_6650b7", "in_progress"),
        jobs=4_000,
        left=4_000,
        done=2_470,
        failed=10,
        age_s=1_512.0,
        expires_in_s=84_888.0,
        bytes=11_000_000,
    ),
    BatchRow(
        *(3, BatchState.OUT, "k7q2", "anthropic", "claude-haiku", "msgbatch_01HkcTjaV5uDC8jWR4ZsDV8d"),
        word="in_progress",
        jobs=1_200,
        left=1_200,
        age_s=910.0,
        expires_in_s=85_490.0,
    ),
    BatchRow(
        *(4, BatchState.HELD, "a1f2", "openai", "gpt-4o-mini", None),
        jobs=500,
        left=500,
        age_s=402.0,
        detail="two batches may be this one: batch_6650c1, batch_6650c2",
    ),
    BatchRow(
        *(5, BatchState.PLANNED, "9bc0", "openai", "gpt-4o-mini", None),
        jobs=300,
        left=300,
        age_s=4.0,
        bytes=900_000,
        detail="the queue of the provider is full; next try in 40 s",
    ),
)
FORECAST = BatchForecast(
    jobs=12_400,
    live_cost=41.2,
    cost=20.6,
    live_s=2_280.0,
    usual_s=724.0,
    seen=9,
    most_s=86_400.0,
    files=1,
    bytes=34_000_000,
)


def batched() -> Scene:
    """Five batches, one of them closed, while live jobs go on."""
    return Scene(batches=BATCHES, batch_forecast=FORECAST, endpoint="openai", cost=0.92, batch_cost=0.41)
