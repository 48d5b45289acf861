"""CSV and TSV with a header."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmdash.prompts.readers import open_source
from llmdash.prompts.source import InputError, PromptSource

cells = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=30)


def table(folder: Path, content: str, name: str = "t.csv", **options: Any) -> PromptSource:
    path = folder / name
    path.write_bytes(content.encode())
    return open_source(path, **options)


def prompts(found: PromptSource) -> list[str]:
    return [found.prompt(index).text for index in range(len(found))]


@settings(max_examples=80)
@given(
    st.lists(st.tuples(cells, cells), min_size=1, max_size=6),
    st.sampled_from([",", ";"]),
    st.sampled_from(["\n", "\r\n", "\r"]),
)
def test_any_cells_come_back_line_breaks_and_quotes_included(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]], delimiter: str, end: str
) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerow(["a", "b"])
    writer.writerows(rows)
    found = table(tmp_path_factory.mktemp("in"), text.getvalue(), template="<{{a}}|{{b}}>")
    header_again = [(a, b) for a, b in rows if (a, b) != ("a", "b")]
    assert prompts(found) == [f"<{a}|{b}>" for a, b in header_again]


def test_a_prompt_column_needs_no_template(tmp_path: Path) -> None:
    found = table(tmp_path, "\ufeffid,prompt,expected\nx,Say {{a}},a\n,Second,\n")
    assert prompts(found) == ["Say {{a}}", "Second"]
    assert [found.prompt(i).id for i in range(2)] == ["x", "t-3"]
    assert [found.prompt(i).expected for i in range(2)] == ["a", None]


def test_problems_name_the_line_where_the_row_begins(tmp_path: Path) -> None:
    content = 'prompt,n\n"two\nlines",1\nshort\n"more",2,3\n"bad"quote,4\nlast,5\n'
    found = table(tmp_path, content)
    assert prompts(found) == ["two\nlines", "last"]
    assert [problem.line for problem in found.problems] == [4, 5, 6]
    assert "cells in this row: 1, in the head of the table: 2" in found.problems[0].message


def test_a_quote_that_is_never_closed_is_listed(tmp_path: Path) -> None:
    found = table(tmp_path, 'prompt\ngood\n"open\nmore\n')
    assert prompts(found) == ["good"]
    assert found.problems[0].line == 3
    assert "never closed" in found.problems[0].message


def test_a_quote_that_swallows_64_megabytes_loses_that_much_and_no_more(tmp_path: Path) -> None:
    filler = ("x" * 999_999 + "\n") * 65
    found = table(tmp_path, f'prompt\ngood\n"open\n{filler}after\n')
    assert prompts(found)[0] == "good"
    assert prompts(found)[-1] == "after"
    assert "from here to line" in found.problems[0].message


def test_a_quote_that_swallows_short_lines_without_number_is_soon_done(tmp_path: Path) -> None:
    found = table(tmp_path, 'prompt\ngood\n"open\n' + "x\n" * 505_000)
    assert found.prompt(0).text == "good"
    assert len(found.problems) == 1


def test_a_field_may_be_larger_than_the_usual_limit(tmp_path: Path) -> None:
    text = "y" * 500_000
    assert prompts(table(tmp_path, f'prompt\n"{text}"\n')) == [text]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("a,b\n1,2\n", r"no `prompt` column \(columns: a, b\)"),
        ("prompt,prompt\nx,y\n", ":1: two columns are named 'prompt'"),
        ("prompt,\nx,y\n", ":1: a column of the header has no name"),
        ("prompt\n", "no prompts in it"),
        ('"prompt\n', ":1: a quote that opens here is never closed"),
        ("\n\n", "a table needs a header"),
    ],
)
def test_a_table_that_cannot_be_run_is_refused(tmp_path: Path, content: str, fault: str) -> None:
    with pytest.raises(InputError, match=fault):
        table(tmp_path, content)


def test_a_field_that_no_column_has_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"t\.csv: no field 'town' for the template given; fields here: city"
    ):
        table(tmp_path, "city\nOslo\n", template="{{town}}")
