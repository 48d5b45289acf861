"""Tables that any reader of CSV reads back, and no spreadsheet runs."""

from __future__ import annotations

import csv
import json
import string
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from llmdash.engine.model.records import ResultRecord
from llmdash.reports.export import WORKER, write_csv, write_jsonl, write_tsv
from tests.reports.records import ALL, DONE, PENDING

HEADER = (
    "index,id,state,text,expected,correct,key,attempts,ttft_s,latency_s,"
    "usage_input_tokens,usage_output_tokens,usage_cached_tokens,usage_reasoning_tokens,usage_estimated,"
    "finish_reason,error,model,endpoint,flags,message,input"
)
FORMULA = ("=", "+", "-", "@", "\t", "\r")

# What a spreadsheet would make of it, half of the time in front of any text at all, lone surrogates included.
hostile = st.builds(
    str.__add__,
    st.sampled_from(["", *FORMULA, '"', ",", "\n", "\r\n", "'", "\x00", "\ud800"]),
    st.text(st.characters(exclude_categories=()), max_size=20),
)


def rows(path: Path, delimiter: str = ",") -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter=delimiter, strict=True))


def test_a_row_is_a_json_line_laid_flat(tmp_path: Path) -> None:
    write_csv(ALL, tmp_path / "r.csv")
    write_jsonl(ALL, tmp_path / "r.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "r.jsonl").read_text().splitlines()]
    for row, line in zip(rows(tmp_path / "r.csv"), lines, strict=True):
        names = ("input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens", "estimated")
        usage = dict.fromkeys(names) | (line.pop("usage") or {})
        flat = line | {f"usage_{name}": value for name, value in usage.items()}
        flat |= {"flags": ",".join(line["flags"]), "input": line["input"] or None}
        assert set(row) == set(flat)
        plain = {
            name: value if isinstance(value, str) else json.dumps(value).replace("null", "")
            for name, value in flat.items()
        }
        assert row == plain


CARRYING = [
    replace(DONE, input={"row": "007", "n": -5, "x": [1, "a"], "=f": "=1", "on": True, "odd": None}),
    replace(PENDING, input={"row": "-1+1", "text": "mine"}),
    replace(PENDING, index=5),
]
NAMES = ("row", "n", "x", "=f", "on", "odd", "text")


@pytest.mark.case("files", "columns-out")
def test_carried_fields_have_columns_of_their_own_that_are_none_of_the_results(tmp_path: Path) -> None:
    write_csv(CARRYING, tmp_path / "r.csv", [f"input.{name}" for name in NAMES])
    first, second, third = rows(tmp_path / "r.csv")
    assert list(first) == [*HEADER.split(",")[:-1], *(f"input.{name}" for name in NAMES)]
    assert [first[f"input.{name}"] for name in NAMES] == ["007", "-5", '[1,"a"]', "'=1", "true", "", ""]
    assert [second[f"input.{name}"] for name in NAMES] == ["'-1+1", "", "", "", "", "", "mine"]
    assert not any(third[f"input.{name}"] for name in NAMES)
    assert second["text"] == ""


def test_carried_fields_without_columns_of_their_own_are_one_of_json(tmp_path: Path) -> None:
    write_csv(CARRYING, tmp_path / "r.csv")
    first, *_ = rows(tmp_path / "r.csv")
    assert json.loads(first["input"]) == CARRYING[0].input


def test_the_bytes_are_those_of_rfc_4180(tmp_path: Path) -> None:
    out = tmp_path / "r.csv"
    write_csv([DONE, PENDING], out)
    assert out.read_bytes().decode() == (
        f"{HEADER}\r\n"
        '0,add-1,done,"{""result"": 5},\nthat is ""five""",-5,false,a1f2,2,0.25,-1.5,30,12,,,,stop,,'
        "gpt-4o-mini,,,,\r\n"
        "4,add-5,pending,,,,,0,,,,,,,,,,,,,,\r\n"
    )


def test_no_records_are_a_header(tmp_path: Path) -> None:
    assert write_csv([], tmp_path / "r.csv") == 0
    assert (tmp_path / "r.csv").read_text() == f"{HEADER}\n"


def test_tabs_stand_between_the_cells_of_a_tsv_file(tmp_path: Path) -> None:
    write_tsv([ResultRecord(index=0, id="a", state="done", text="one\ttwo\n")], tmp_path / "r.tsv")
    lines = (tmp_path / "r.tsv").read_bytes().decode().split("\r\n")
    assert lines[0] == HEADER.replace(",", "\t")
    assert rows(tmp_path / "r.tsv", "\t")[0]["text"] == "one\ttwo\n"


@pytest.mark.parametrize("sign", FORMULA)
def test_text_that_would_be_a_formula_gets_a_quote_in_front(tmp_path: Path, sign: str) -> None:
    out = tmp_path / "r.csv"
    text = f"{sign}HYPERLINK(1)"
    write_csv([ResultRecord(0, text, text, text, text, True, text, finish_reason=text, error=text)], out)
    [row] = rows(out)
    for column in ("id", "state", "text", "expected", "key", "finish_reason", "error"):
        assert row[column] == f"'{text}"


def test_a_number_of_ours_stays_a_number(tmp_path: Path) -> None:
    write_csv([DONE], tmp_path / "r.csv")
    [row] = rows(tmp_path / "r.csv")
    assert (row["latency_s"], row["expected"]) == ("-1.5", "-5")


@pytest.mark.case("files", "minus-50")
@pytest.mark.parametrize("delimiter", [",", "\t"])
@pytest.mark.parametrize(
    "number",
    [
        "-50",
        "+1.5",
        "-1e5",
        "-1,234.5",
        "+1,234,567",
        "-0,5",
        "-1.234,5",
        "-.5",
        "+5.",
        "-1E-7",
        "-3%",
        "-50\n",
    ],
)
def test_an_answer_that_is_a_number_stays_one(tmp_path: Path, number: str, delimiter: str) -> None:
    (write_csv if delimiter == "," else write_tsv)([ResultRecord(0, "a", "done", number)], tmp_path / "r")
    assert rows(tmp_path / "r", delimiter)[0]["text"] == number


@pytest.mark.case("files", "minus-50")
@pytest.mark.parametrize(
    "text",
    ["-50+1", "+1+cmd|' /C calc'!A0", "-", "--5", "=5", "@5", "\t5", "-5 apples", "-1\n=2", "-٣", "-A1"],
)
def test_what_only_begins_like_a_number_is_text(tmp_path: Path, text: str) -> None:
    write_csv([ResultRecord(0, "a", "done", text)], tmp_path / "r")
    assert rows(tmp_path / "r")[0]["text"] == f"'{text}"


@settings(max_examples=200)
@given(st.lists(st.tuples(hostile, hostile, hostile), min_size=1, max_size=4), st.sampled_from([",", "\t"]))
@example([("=1", "+\n", "\r\n")], ",")
def test_every_text_comes_back_and_none_is_a_formula(
    tmp_path_factory: pytest.TempPathFactory, texts: list[tuple[str, str, str]], delimiter: str
) -> None:
    out = tmp_path_factory.mktemp("out") / "r"
    records = [ResultRecord(number, a, "done", b, error=c) for number, (a, b, c) in enumerate(texts)]
    (write_csv if delimiter == "," else write_tsv)(records, out)
    for row, written in zip(rows(out, delimiter), texts, strict=True):
        for column, text in zip(("id", "text", "error"), written, strict=True):
            cell = row[column]
            assert not cell.startswith(FORMULA) or set(cell) <= set("+-0123456789.,eE%" + string.whitespace)
            sound = "".join("\ufffd" if "\ud800" <= sign <= "\udfff" else sign for sign in text)
            assert cell in ((f"'{sound}", sound) if text.startswith(FORMULA) else (sound,))


def test_the_workers_have_a_column_where_it_is_asked_for(tmp_path: Path) -> None:
    write_csv([replace(DONE, worker="=w1"), DONE], tmp_path / "r.csv", (WORKER, "input.row"))
    first, second = rows(tmp_path / "r.csv")
    assert list(first)[-3:] == ["message", "worker", "input.row"]
    assert (first["worker"], second["worker"]) == ("'=w1", "")
