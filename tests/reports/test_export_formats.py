"""Every format: chosen by the name, checked before the run, written whole or not at all."""

from __future__ import annotations

import json
import resource
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from llmdash.engine.model.records import ResultRecord
from llmdash.reports.export import ExportError, FormatError, check_writable, encode_record, export, writer_for
from tests.reports.records import ALL, DONE, PENDING

NAMES = ["r.jsonl", "r.ndjson", "r.json", "r.csv", "r.tsv", "r.parquet", "r.batch.jsonl"]


@pytest.fixture(params=NAMES)
def out(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A file of each format, in a folder of its own."""
    if request.param.endswith(".parquet"):
        pytest.importorskip("pyarrow")
    return tmp_path / str(request.param)


@pytest.mark.parametrize(
    ("name", "format_name"),
    [
        ("results.jsonl", "JSON lines"),
        ("results.NDJSON", "JSON lines"),
        ("results.json", "JSON array"),
        ("a.b.CSV", "CSV"),
        ("results.tsv", "TSV"),
        ("results.parquet", "Parquet"),
        ("results.batch.jsonl", "OpenAI Batch"),
        ("results.Batch.JSONL", "OpenAI Batch"),
        ("batch.jsonl", "JSON lines"),
    ],
)
def test_the_end_of_the_name_tells_the_format(name: str, format_name: str) -> None:
    assert writer_for(Path(name)).name == format_name


@pytest.mark.parametrize("name", ["results", "results.xlsx", "results.csv.gz", "jsonl"])
def test_an_unknown_ending_is_refused_with_the_known_ones(tmp_path: Path, name: str) -> None:
    for refuse in (writer_for, check_writable):
        with pytest.raises(FormatError) as caught:
            refuse(tmp_path / name)
        for known in (".jsonl", ".csv", ".parquet", ".batch.jsonl", name):
            assert known in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_dash_is_told_the_name_of_standard_output() -> None:
    for refuse in (writer_for, check_writable):
        with pytest.raises(FormatError, match="/dev/stdout"):
            refuse(Path("-"))


def test_a_hostile_ending_cannot_steer_the_terminal(tmp_path: Path) -> None:
    with pytest.raises(FormatError) as caught:
        check_writable(tmp_path / "a.\x1b[2J\n")
    assert str(caught.value).isprintable()


def test_a_good_place_is_found_good_and_left_empty(out: Path) -> None:
    check_writable(out)
    assert list(out.parent.iterdir()) == []


def test_the_number_of_records_is_given_back(out: Path) -> None:
    assert export(iter(ALL), out) == len(ALL)
    assert export([], out) == 0


def test_the_file_is_private_and_replaces_the_old_one(out: Path) -> None:
    out.write_text("old")
    out.chmod(0o644)
    export([DONE], out)
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert list(out.parent.iterdir()) == [out]


def test_a_failure_half_way_leaves_the_old_file_and_nothing_else(out: Path) -> None:
    out.write_text("old")

    def broken() -> Iterator[ResultRecord]:
        yield from ALL
        raise RuntimeError("the journal is gone")

    with pytest.raises(RuntimeError, match="the journal is gone"):
        export(broken(), out)
    assert out.read_text() == "old"
    assert list(out.parent.iterdir()) == [out]


def test_the_file_is_not_seen_before_it_is_whole(out: Path) -> None:
    seen: list[bool] = []

    def records() -> Iterator[ResultRecord]:
        for record in ALL:
            seen.append(out.exists())
            yield record

    export(records(), out)
    assert seen == [False] * len(ALL)
    assert out.exists()


def test_a_disk_without_room_leaves_the_old_file(out: Path) -> None:
    """The limit on a file's size stands in for the end of the disk: both fail in the middle of writing."""
    out.write_text("old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    many = (ResultRecord(index=n, id=f"r-{n}", state="done", text=f"{n} " * 50) for n in range(25_000))
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(ExportError) as caught:
            export(many, out)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert str(caught.value).startswith(f"{out}: cannot be written (File too large)")
    assert out.read_text() == "old"
    assert list(out.parent.iterdir()) == [out]


def test_a_json_array_holds_the_objects_of_json_lines(tmp_path: Path) -> None:
    out = tmp_path / "r.json"
    export(ALL, out)
    assert json.loads(out.read_text()) == [json.loads(encode_record(record)) for record in ALL]
    export([], out)
    assert json.loads(out.read_text()) == []


def test_facts_for_batch_files_do_not_change_the_lines_scripts_count_on(tmp_path: Path) -> None:
    assert not {"status", "request_id", "sent_at"} & set(json.loads(encode_record(DONE)))
    assert list(json.loads(encode_record(DONE))) == list(json.loads(encode_record(PENDING)))
