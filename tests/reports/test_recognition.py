"""Files of results are told from files of prompts by what is in them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from llmdash.reports.export import export
from llmdash.reports.recognition import is_results
from tests.reports.records import ALL, CANCELLED, DONE

FORMATS = ["r.jsonl", "r.ndjson", "r.json", "r.csv", "r.tsv", "r.parquet", "r.batch.jsonl"]


@pytest.mark.parametrize("name", FORMATS)
def test_results_of_every_format_are_told_whatever_their_name_is_now(tmp_path: Path, name: str) -> None:
    if name.endswith(".parquet"):
        pytest.importorskip("pyarrow")
    records = [replace(DONE, id='a "quoted"\n\\ id'), *ALL]
    for each in ([records[0]], records, [DONE, CANCELLED]):
        path = tmp_path / name
        export(each, path)
        assert is_results(path.rename(tmp_path / "prompts.txt"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]\n",
        "[",
        '{"index": 1, "id": "a", "prompt": "b"}\n',
        '{"id":"a","prompt":"index"}\n',
        '{"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":{}}\n',
        "index,id,state,text\n1,a,b,c\n",
        "PAR1 index id state",
        "\ud800",
    ],
)
def test_other_files_are_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "p"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    assert not is_results(path)


def test_what_cannot_be_read_is_none(tmp_path: Path) -> None:
    assert not is_results(tmp_path / "missing")
    assert not is_results(tmp_path)
