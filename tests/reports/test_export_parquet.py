"""Parquet files: typed columns, bounded memory, and a clear word where pyarrow is missing."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from llmdash.engine.model.records import ResultRecord
from llmdash.reports.export import WORKER, write_parquet
from tests.reports.records import ALL, DONE

WITHOUT_PYARROW = """
import sys
from pathlib import Path
sys.modules["pyarrow"] = None  # as if it were not installed
from llmdash.reports.export import FormatError, check_writable, export
for step in (check_writable, lambda path: export([], path)):
    try:
        step(Path(sys.argv[1]))
    except FormatError as error:
        print(error)
check_writable(Path(sys.argv[1]).with_suffix(".csv"))
"""

TYPES = {
    "index": "int64",
    "id": "string",
    "state": "string",
    "text": "string",
    "expected": "string",
    "correct": "bool",
    "key": "string",
    "attempts": "int64",
    "ttft_s": "double",
    "latency_s": "double",
    "usage_input_tokens": "int64",
    "usage_output_tokens": "int64",
    "usage_cached_tokens": "int64",
    "usage_reasoning_tokens": "int64",
    "usage_estimated": "bool",
    "finish_reason": "string",
    "error": "string",
    **dict.fromkeys(("model", "endpoint", "flags", "message", "input"), "string"),
}


def opened(path: Path) -> Any:
    return pytest.importorskip("pyarrow.parquet").ParquetFile(path)


def test_columns_are_typed_and_values_exact(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    out = tmp_path / "r.parquet"
    write_parquet(ALL, out)
    table = opened(out).read()
    assert {field.name: str(field.type) for field in table.schema} == TYPES
    first, *_, last = table.to_pylist()
    assert first == {
        "index": 0,
        "id": "add-1",
        "state": "done",
        "text": DONE.text,
        "expected": "-5",
        "correct": False,
        "key": "a1f2",
        "attempts": 2,
        "ttft_s": 0.25,
        "latency_s": -1.5,
        "usage_input_tokens": 30,
        "usage_output_tokens": 12,
        "usage_cached_tokens": None,
        "usage_reasoning_tokens": None,
        "usage_estimated": None,
        "finish_reason": "stop",
        "error": None,
        "model": "gpt-4o-mini",
        "endpoint": None,
        "flags": "",
        "message": None,
        "input": None,
    }
    assert last["text"] is None
    assert table["id"].to_pylist() == [record.id for record in ALL]


@pytest.mark.case("files", "columns-out")
def test_carried_fields_are_columns_of_text_whatever_their_values_are(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    first = replace(DONE, input={"row": "007", "n": 5, "x": [1], "\ud800": None})
    second = replace(DONE, index=1, input={"n": "five", "row": True})
    write_parquet(
        [first, second], tmp_path / "r.parquet", ("input.row", "input.n", "input.x", "input.\ud800")
    )
    table = opened(tmp_path / "r.parquet").read().to_pylist()
    names = ("input.row", "input.n", "input.x", "input.\ufffd")
    assert [[line[name] for name in names] for line in table] == [
        ["007", "5", "[1]", None],
        ["true", "five", None, None],
    ]


def test_no_records_are_a_table_without_rows(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    write_parquet([], tmp_path / "r.parquet")
    assert opened(tmp_path / "r.parquet").read().num_rows == 0


def test_rows_are_written_in_groups_so_that_they_need_not_be_held(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    out = tmp_path / "r.parquet"
    asked_ahead: list[int] = []

    def records(number: int, text: str) -> Any:
        for index in range(number):
            asked_ahead.append(index)
            yield ResultRecord(index, f"r-{index}", "done", text)

    assert write_parquet(records(50_000, "short"), out) == 50_000
    metadata = opened(out).metadata
    assert [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)] == [
        20_000,
        20_000,
        10_000,
    ]
    write_parquet(records(10, "x" * 8_000_000), out)
    metadata = opened(out).metadata
    assert [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)] == [2] * 5


def test_hostile_text_comes_back(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    texts = ["\x00\x1b[2J", "=1+1", "\u202e\u2028", "😀" * 1_000, "", "\ud800half", "a\udfffb"]
    records = [ResultRecord(index, text, "done", text) for index, text in enumerate(texts)]
    write_parquet(records, tmp_path / "r.parquet")
    expected = [*texts[:5], "\ufffdhalf", "a\ufffdb"]
    table = opened(tmp_path / "r.parquet").read()
    assert table["text"].to_pylist() == table["id"].to_pylist() == expected


def test_without_pyarrow_the_fix_is_named_before_the_run(tmp_path: Path) -> None:
    """In a process of its own, as modules once loaded stay."""
    out = tmp_path / "r.parquet"
    told = subprocess.run(
        [sys.executable, "-c", WITHOUT_PYARROW, str(out)], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    fix = "Parquet needs pyarrow, which is not installed; pip install 'llmdash[parquet]', or choose .csv"
    assert told == [f"{out}: {fix}"] * 2
    assert list(tmp_path.iterdir()) == []


def test_pyarrow_is_loaded_by_nothing_but_a_parquet_file() -> None:
    code = "import sys, llmdash.reports.export as e; print('pyarrow' in sys.modules, bool(e.write_csv))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told.split() == ["False", "True"]


def test_the_workers_have_a_column_of_text_where_it_is_asked_for(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    write_parquet([replace(DONE, worker="w1"), DONE], tmp_path / "r.parquet", (WORKER,))
    assert opened(tmp_path / "r.parquet").read()["worker"].to_pylist() == ["w1", None]
