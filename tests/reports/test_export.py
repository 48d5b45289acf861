"""Results come out whole, exact and private, or not at all."""

from __future__ import annotations

import json
import os
import resource
import stat
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmdash.engine.model.records import ResultRecord
from llmdash.reports.export import (
    ExportError,
    TakenError,
    check_free,
    check_writable,
    encode_record,
    export,
    write_jsonl,
)

WHOLE = ResultRecord(
    index=0,
    id="add-1",
    state="done",
    text='{"result": 5}',
    expected="5",
    correct=True,
    key="a1f2",
    attempts=2,
    ttft_s=0.25,
    latency_s=1.5,
    input_tokens=30,
    output_tokens=12,
    finish_reason="stop",
)
FAILED = ResultRecord(index=1, id="add-2", state="failed", key="a1f2", attempts=6, error="TRANSIENT: 503")
PENDING = ResultRecord(index=2, id="add-3", state="pending")


def test_a_line_has_exactly_the_fields_scripts_count_on(tmp_path: Path) -> None:
    out = tmp_path / "results.jsonl"
    assert write_jsonl([WHOLE, FAILED, PENDING], out) == 3
    first, second, third = out.read_text().splitlines()
    assert first == (
        '{"index":0,"id":"add-1","state":"done","text":"{\\"result\\": 5}","expected":"5","correct":true,'
        '"key":"a1f2","attempts":2,"ttft_s":0.25,"latency_s":1.5,'
        '"usage":{"input_tokens":30,"output_tokens":12,"cached_tokens":null,"reasoning_tokens":null},'
        '"finish_reason":"stop","error":null,'
        '"model":null,"endpoint":null,"flags":[],"message":null,"input":{}}'
    )
    assert json.loads(second) == {
        "index": 1,
        "id": "add-2",
        "state": "failed",
        "text": None,
        "expected": None,
        "correct": None,
        "key": "a1f2",
        "attempts": 6,
        "ttft_s": None,
        "latency_s": None,
        "usage": None,
        "finish_reason": None,
        "error": "TRANSIENT: 503",
        "model": None,
        "endpoint": None,
        "flags": [],
        "message": None,
        "input": {},
    }
    assert list(json.loads(third)) == list(json.loads(first))


def test_usage_that_is_half_known_says_so() -> None:
    line = json.loads(encode_record(ResultRecord(index=0, id="a", state="done", output_tokens=3)))
    missing = dict.fromkeys(("input_tokens", "cached_tokens", "reasoning_tokens"))
    assert line["usage"] == missing | {"output_tokens": 3}


def test_usage_that_is_estimated_says_so() -> None:
    record = ResultRecord(index=0, id="a", state="done", input_tokens=5, output_tokens=3, estimated=True)
    assert json.loads(encode_record(record))["usage"]["estimated"] is True


@given(st.text(st.characters(exclude_categories=()), max_size=300))
def test_every_text_comes_back_exactly_and_no_line_breaks_in_two(text: str) -> None:
    record = ResultRecord(index=0, id=text, state="done", text=text, expected=text, error=text)
    encoded = encode_record(record)
    line = json.loads(encoded)
    assert line["id"] == line["text"] == line["expected"] == line["error"] == text
    assert len(encoded.decode("utf-8").splitlines()) == 1


def test_a_file_that_is_looked_at_does_not_steer_the_terminal() -> None:
    hostile = "".join(
        map(chr, [*range(0x20), *range(0x7F, 0xA0), 0x61C, *range(0x2028, 0x202F), 0x2066, 0x200F])
    )
    encoded = encode_record(ResultRecord(index=0, id="a", state="done", text=hostile + "é漢😀"))
    assert encoded.decode("utf-8").isprintable()
    assert json.loads(encoded)["text"] == hostile + "é漢😀"


def test_an_answer_of_ten_megabytes_is_written_whole(tmp_path: Path) -> None:
    text = "\x1b\n漢" * 3_000_000
    write_jsonl([ResultRecord(index=0, id="a", state="done", text=text)], tmp_path / "out")
    assert json.loads((tmp_path / "out").read_bytes())["text"] == text


def test_the_file_is_private_and_the_only_one(tmp_path: Path) -> None:
    out = tmp_path / "results.jsonl"
    out.write_text("old")
    out.chmod(0o644)
    write_jsonl([WHOLE], out)
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [out]


def test_no_results_are_an_empty_file(tmp_path: Path) -> None:
    assert write_jsonl([], tmp_path / "out") == 0
    assert (tmp_path / "out").read_bytes() == b""


def test_a_failure_half_way_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    out = tmp_path / "results.jsonl"
    out.write_text("old")

    def broken() -> Iterator[ResultRecord]:
        yield WHOLE
        raise RuntimeError("the journal is gone")

    with pytest.raises(RuntimeError):
        write_jsonl(broken(), out)
    assert out.read_text() == "old"
    assert list(tmp_path.iterdir()) == [out]


def test_the_file_is_not_seen_before_it_is_whole(tmp_path: Path) -> None:
    out = tmp_path / "results.jsonl"
    seen: list[bool] = []

    def records() -> Iterator[ResultRecord]:
        for _ in range(3):
            seen.append(out.exists())
            yield WHOLE

    write_jsonl(records(), out)
    assert seen == [False, False, False]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / "results.jsonl"
    link.symlink_to(tmp_path / "elsewhere" / "real.jsonl")
    check_writable(link)
    write_jsonl([PENDING], link)
    assert link.is_symlink()
    assert (tmp_path / "elsewhere" / "real.jsonl").read_bytes() == encode_record(PENDING) + b"\n"


def test_a_device_is_written_to_and_stays_what_it_is() -> None:
    null = Path("/dev/null")
    check_writable(null)
    check_free(null)
    assert export([WHOLE, PENDING], null) == 2
    assert null.is_char_device()


def test_a_device_that_is_full_is_reported() -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("there is no device that is always full")
    with pytest.raises(ExportError, match=r"/dev/full: cannot be written \(No space left on device\)"):
        export([WHOLE], full)


def test_a_descriptor_that_is_not_open_is_refused() -> None:
    with pytest.raises(ExportError, match=r"/dev/fd/999: cannot be written to; choose another name"):
        check_writable(Path("/dev/fd/999"))


@pytest.mark.parametrize("folder", ["/dev/fd", "/proc/self/fd"])
def test_an_open_file_is_shared_with_its_place(tmp_path: Path, folder: str) -> None:
    """As /dev/stdout is where output goes to a file: what was written there before stays."""
    if not Path(folder).is_dir():
        pytest.skip("this system has no such folder")
    with (tmp_path / "all.txt").open("wb", buffering=0) as file:
        file.write(b"before\n")
        export([PENDING], Path(folder, str(file.fileno())))
        file.write(b"behind\n")
    written = (tmp_path / "all.txt").read_bytes()
    assert written == b"before\n" + encode_record(PENDING) + b"\n" + b"behind\n"


@pytest.mark.case("files", "out-over-existing")
@pytest.mark.parametrize("name", ["pipe.jsonl", "pipe", "pipe.batch.jsonl"])
def test_a_fifo_is_written_to_and_stays_one(tmp_path: Path, name: str) -> None:
    pipe = tmp_path / name
    os.mkfifo(pipe)
    check_writable(pipe)
    check_free(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    assert export([WHOLE], pipe) == 1
    reader.join()
    assert WHOLE.id.encode() in read[0]
    assert pipe.is_fifo()


@pytest.mark.case("files", "out-over-existing")
@pytest.mark.parametrize("name", ["r.jsonl", "r.json", "r.csv", "r.tsv", "r.batch.jsonl"])
def test_a_file_with_something_in_it_is_not_free_and_an_empty_one_is(tmp_path: Path, name: str) -> None:
    out = tmp_path / name
    check_free(out)
    out.touch()
    check_free(out)
    out.write_text("mine")
    (tmp_path / f"link-{name}").symlink_to(out)
    for path in (out, tmp_path / f"link-{name}"):
        with pytest.raises(
            TakenError, match="holds something already; name another file, or add --overwrite"
        ):
            check_free(path)


@pytest.mark.case("files", "out-over-existing")
def test_the_second_file_of_a_batch_is_not_replaced_either(tmp_path: Path) -> None:
    (tmp_path / "r.batch.errors.jsonl").write_text("mine")
    with pytest.raises(TakenError, match=r"r\.batch\.errors\.jsonl: holds something"):
        check_free(tmp_path / "r.batch.jsonl")


def test_a_good_place_is_found_good_and_left_empty(tmp_path: Path) -> None:
    check_writable(tmp_path / "results.jsonl")
    assert list(tmp_path.iterdir()) == []


def test_a_bad_place_is_refused_with_the_fix(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path, words in [
        (tmp_path, "is a folder; name a file in it"),
        (tmp_path / "none" / "out", "its folder does not exist; create it"),
        (tmp_path / "file" / "out", "its folder does not exist; create it"),
        (tmp_path / ("n" * 300), "cannot be written (File name too long)"),
    ]:
        with pytest.raises(ExportError) as caught:
            check_writable(path)
        assert words in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_protected_place_is_refused(tmp_path: Path) -> None:
    protected = tmp_path / "file"
    protected.touch(0o400)
    with pytest.raises(ExportError, match="is write-protected; choose another name"):
        check_writable(protected)
    tmp_path.chmod(0o500)
    with pytest.raises(ExportError, match=r"cannot be written \(Permission denied\)"):
        check_writable(tmp_path / "out")
    tmp_path.chmod(0o700)


def test_a_disk_without_room_leaves_the_old_file(tmp_path: Path) -> None:
    """The limit on a file's size stands in for the end of the disk: both fail in the middle of writing."""
    out = tmp_path / "results.jsonl"
    out.write_text("old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(ExportError, match=r"results\.jsonl: cannot be written \(File too large\)"):
            write_jsonl([WHOLE] * 100_000, out)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert out.read_text() == "old"
    assert list(tmp_path.iterdir()) == [out]


def test_a_folder_that_went_away_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"out: cannot be written \(No such file or directory\)"):
        write_jsonl([WHOLE], tmp_path / "gone" / "out")


def test_a_hostile_name_cannot_steer_the_terminal(tmp_path: Path) -> None:
    with pytest.raises(ExportError) as caught:
        check_writable(tmp_path / "a\x1b[2J\nb" / "out")
    assert str(caught.value).isprintable()


def test_a_line_names_the_worker_where_there_was_one(tmp_path: Path) -> None:
    out = tmp_path / "results.jsonl"
    write_jsonl([replace(WHOLE, worker="w\x9b2J"), WHOLE], out)
    first, second = out.read_bytes().splitlines()
    assert first.endswith(b',"worker":"w\\u009b2J"}')
    assert b"worker" not in second
