"""What a run counts of a worker, over time."""

from __future__ import annotations

from llmdash.cluster.worker_record import WorkerRecord
from llmdash.engine.dispatch.attempt import Answer
from llmdash.engine.model.rows import SPARK_SPAN_S, SPARK_SPANS
from llmdash.llms.messages import Usage


def test_answers_are_counted_in_spans_of_the_last_four_minutes_once_they_are_over() -> None:
    clock = [1_000.0 * SPARK_SPAN_S]
    worker = WorkerRecord("w1", "here", lambda: clock[0])
    for _ in range(10):
        worker.answered(Answer("4", "stop", Usage(3, 1), 0.1, 0.2))
    assert worker.jobs_per_s == 10
    assert sum(worker.spark) == 0
    clock[0] += SPARK_SPAN_S
    assert worker.spark == (*[0] * (SPARK_SPANS - 1), 10)
    clock[0] += SPARK_SPAN_S * SPARK_SPANS
    assert sum(worker.spark) == 0
    assert worker.jobs_per_s == 0
