"""What a job takes of memory."""

from __future__ import annotations

import sys
from array import array

from llmdash.engine.store.job_columns import JobColumns


def test_a_job_takes_45_bytes_in_all_columns_together() -> None:
    columns = JobColumns(100_000, range(100_000))
    columns.begin_all(range(100_000))
    kept = [each for each in vars(columns).values() if isinstance(each, (bytearray, array, list))]
    assert sum(map(sys.getsizeof, kept)) < 45 * 100_000
