"""Percentiles and series as files: what is in them, and that no number is noise."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest

from llmdash.engine.model.frame import (
    HistogramPart,
    Percentiles,
    SeriesPart,
    TimesSeries,
    TimingPart,
    TimingRow,
)
from llmdash.engine.model.states import Binding
from llmdash.engine.model.timings import Grouping, Timing
from llmdash.reports.free_name import write_new
from llmdash.reports.series_csv import series_csv
from llmdash.reports.timing_tables import as_object, as_table, timings_csv

LATENCY = Percentiles(0.9412345678, 1.3, 1.6, 12.5)
WHOLE = TimingRow("all", 1234, latency=LATENCY, tps=Percentiles(38.0, 60.0, 70.0, 1200.0))
PART = TimingPart(
    Grouping.KEY,
    WHOLE,
    (TimingRow("a\x1b[2J", 1000, latency=LATENCY), TimingRow("b", 234, latency=LATENCY)),
    histograms=(HistogramPart(), HistogramPart((0.1, 0.2, 0.4), (3, 4)), *(HistogramPart(),) * 3),
)


def test_json_has_four_digits_and_null_for_what_is_not_known() -> None:
    record = json.loads(json.dumps(as_object(PART), allow_nan=False))
    assert record["by"] == "key"
    assert record["all"]["latency_s"]["p50"] == 0.9412
    assert record["all"]["ttft_s"] == {"p50": None, "p90": None, "p95": None, "p99": None}
    assert [(group["name"], group["answers"]) for group in record["groups"]][1] == ("b", 234)
    assert record["histograms"]["latency_s"] == {"edges": [0.1, 0.2, 0.4], "counts": [3, 4]}


def test_csv_has_a_row_for_each_metric_of_all_and_of_each_group() -> None:
    rows = list(csv.DictReader(io.StringIO(timings_csv(PART))))
    assert [(row["by"], row["metric"]) for row in rows[:6:5]] == [("run", "ttft_s"), ("key", "ttft_s")]
    assert len(rows) == 3 * len(Timing)
    assert (rows[1]["p50"], rows[0]["p50"]) == ("0.9412", "")


def test_failed_requests_stand_apart_from_answers() -> None:
    part = replace(PART, failed=2, failed_after=Percentiles(0.4, 0.5, 0.5, 0.5))
    assert as_object(part)["failed"]["latency_s"]["p50"] == 0.4
    assert timings_csv(part).splitlines()[-1] == "failed,all,2,latency_s,0.4,0.5,0.5,0.5"
    lines = list(as_table(part))
    assert lines[-2].split()[:5] == ["apart", "·", "2", "failed", "requests"]
    assert lines[-1].split() == ["sent", "to", "failed", "400ms", "500ms", "500ms", "500ms"]
    assert as_object(PART)["all"] == as_object(part)["all"]


def test_the_table_leaves_out_what_was_not_measured_and_is_safe_to_show() -> None:
    lines = list(as_table(PART))
    assert lines[0].split() == ["all", "·", "1,234", "answers", "p50", "p90", "p95", "p99"]
    assert lines[1].split() == ["whole", "answer", "941ms", "1.30s", "1.60s", "12.5s"]
    assert lines[2].split()[-4:] == ["38.0", "60.0", "70.0", "1,200"]
    assert not any("first token" in line or "\x1b" in line for line in lines)
    assert list(as_table(TimingPart(whole=WHOLE, rows=(WHOLE,)))) == lines[:3]


def test_series_have_a_row_a_step_and_its_times_where_they_are_known() -> None:
    part = SeriesPart(
        begin_s=0.5, end_s=2.25, rate=(1 / 3, 2.0), in_flight=(1.0, 2.0), tokens_per_s=(0.0, 9.0),
        set_rate=(None, 20.0), set_concurrency=(64, 64), binding=(None, Binding.KEYS),
        latency=TimesSeries((None, 0.5), (None, 0.6), (None, 0.7)),
    )  # fmt: skip
    first, second = csv.DictReader(io.StringIO(series_csv(part)))
    assert (first["begin_s"], first["end_s"], first["requests_per_s"]) == ("0.5", "1.5", "0.333333")
    assert (first["set_rate"], first["bound_by"], first["latency_s_p50"], first["ttft_s_p50"]) == ("",) * 4
    assert (second["end_s"], second["set_rate"], second["bound_by"]) == ("2.25", "20", "key cooldown")
    assert [second[f"latency_s_{share}"] for share in ("p50", "p95", "p99")] == ["0.5", "0.6", "0.7"]


def test_a_file_that_is_there_is_never_replaced_and_a_name_never_leaves_the_folder(tmp_path: Path) -> None:
    first = write_new(tmp_path, "graphs-../..\x1b/x", ".csv", "1")
    second = write_new(tmp_path, "graphs-../..\x1b/x", ".csv", "2")
    assert first.parent == second.parent == tmp_path
    assert first.read_text() == "1"
    assert second.name == first.stem + "-2.csv"
    assert write_new(tmp_path, "...", ".json", "{}").name == "llmdash.json"
    with pytest.raises(OSError, match="gone"):
        write_new(tmp_path / "gone", "x", ".csv", "")
