"""Records of every kind, for writers to write."""

from __future__ import annotations

from llmdash.engine.model.records import ResultRecord

DONE = ResultRecord(
    index=0,
    id="add-1",
    state="done",
    text='{"result": 5},\nthat is "five"',
    expected="-5",
    correct=False,
    key="a1f2",
    attempts=2,
    ttft_s=0.25,
    latency_s=-1.5,
    input_tokens=30,
    output_tokens=12,
    finish_reason="stop",
    status=200,
    request_id="req_1",
    model="gpt-4o-mini",
    sent_at=1_700_000_000.75,
)
REFUSED = ResultRecord(
    index=1,
    id="add-2",
    state="failed",
    key="a1f2",
    attempts=1,
    error="too long",
    status=400,
    request_id="req_2",
)
LOST = ResultRecord(
    index=2, id="add-3", state="failed", key="a1f2", attempts=6, error="the answer was cut short"
)
CANCELLED = ResultRecord(index=3, id="add-4", state="cancelled")
PENDING = ResultRecord(index=4, id="add-5", state="pending")
ALL = (DONE, REFUSED, LOST, CANCELLED, PENDING)
