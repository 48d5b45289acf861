"""What of the journal goes into a file of results."""

from __future__ import annotations

import pytest

from llmdash.engine.journal.export_record import microseconds


@pytest.mark.case("screen", "float-digits")
@pytest.mark.parametrize(
    ("seconds", "written"), [(0.3661513070001092, 0.366151), (12.5, 12.5), (0.0, 0.0), (None, None)]
)
def test_a_time_has_the_digits_that_a_clock_measures(seconds: float | None, written: float | None) -> None:
    assert microseconds(seconds) == written
