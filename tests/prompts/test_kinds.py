"""What is no prompt is never sent: a file is read the same under any name, or refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from llmdash.prompts.readers import open_source
from llmdash.prompts.source import InputError, PromptSource

NAMES = ["input", "p.dat", "p.xyz"]


def opened(folder: Path, content: str | bytes, name: str = "p.csv", **how: Any) -> PromptSource:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return open_source(path, **how)


def prompts(found: PromptSource) -> list[str]:
    return [found.prompt(index).text for index in range(len(found))]


def refused(folder: Path, content: str | bytes, name: str = "p.csv", **how: Any) -> str:
    with pytest.raises(InputError) as caught:
        opened(folder, content, name, **how)
    return str(caught.value)


TABLES = [
    "question,answer\nWhy?,Because\nHow?,So\n",
    "id;question;level\n1;Why?;2\n2;How?;3\n",
    "id\tquestion\n1\tWhy?\n2\tHow?\n",
    'id,question\n1,"Why,\nthen?"\n2,How?\n',
    "sep=;\nquestion;answer\nWhy?;Because\n",
    "sep=,\r\nquestion,answer\r\nWhy?,Because\r\n",
    "question\nWhy?\nHow?\n",
    "\ufeffquestion,answer\r\nWhy?,Because\r\n",
    "Spalte 1,Größe (cm)\nWhy?,5\n",
    "question,answer\rWhy?,Because\rHow?,So\r",
]


@pytest.mark.case("files", "piped-table")
@pytest.mark.case("files", "csv-question")
@pytest.mark.parametrize("content", TABLES)
@pytest.mark.parametrize("name", NAMES)
def test_a_table_without_prompts_is_refused_under_any_name(tmp_path: Path, content: str, name: str) -> None:
    """The header, the rows and the brackets were sent as prompts once."""
    own = refused(tmp_path, content, "p.csv").removeprefix(f"{tmp_path / 'p.csv'}: ")
    assert refused(tmp_path, content, name) == f"{tmp_path / name}: {own}"
    assert own.startswith("no `prompt` column (columns: ")
    assert "--prompt-column " in own
    assert "--template '...{{column}}...'" in own


@pytest.mark.case("files", "piped-table")
@pytest.mark.parametrize("name", ["p.csv", *NAMES])
def test_a_table_with_prompts_is_read_alike_under_any_name(tmp_path: Path, name: str) -> None:
    for content in ("prompt,row\nWhy?,1\nHow?,2\n", "sep=;\nprompt;row\nWhy?;1\nHow?;2\n"):
        found = opened(tmp_path, content, name)
        assert prompts(found) == ["Why?", "How?"]
        assert [found.prompt(index).carried for index in range(2)] == [{"row": "1"}, {"row": "2"}]
    assert prompts(opened(tmp_path, "prompt\nWhy?\nHow?\n", name)) == ["Why?", "How?"]


@pytest.mark.case("files", "piped-table")
@pytest.mark.parametrize("name", ["p.json", "p.jsonl", "p.txt", *NAMES])
@pytest.mark.parametrize("indent", [None, 2])
def test_an_array_of_texts_is_a_prompt_each(tmp_path: Path, name: str, indent: int | None) -> None:
    texts = ["Why?", 'say "x"', "two\nlines"]
    assert prompts(opened(tmp_path, json.dumps(texts, indent=indent), name)) == texts


OTHERS = {
    "YAML, of which the lines are no prompts": [("p.yaml", "- prompt: a\n"), ("p.yml", "prompts:\n  - a\n")],
    "HTML or XML, of which the lines are no prompts": [
        ("p", "<!DOCTYPE html>\n<p>a\n"),
        ("page.cgi", '\n<?xml version="1.0"?>\n<a/>\n'),
    ],
    "unknown key `project`": [("p.toml", '[project]\nname = "x"\n'), ("p", '[project]\nname = "x"\n')],
}


@pytest.mark.case("files", "piped-table")
@pytest.mark.parametrize(
    ("words", "name", "content"), [(words, *file) for words, files in OTHERS.items() for file in files]
)
def test_lines_of_other_formats_are_no_prompts(tmp_path: Path, words: str, name: str, content: str) -> None:
    assert words in refused(tmp_path, content, name)


def test_a_text_may_hold_pages_and_settings_where_its_name_says_so(tmp_path: Path) -> None:
    assert prompts(opened(tmp_path, "<html>\na = 1\n", "p.txt")) == ["<html>", "a = 1"]


def test_the_option_that_is_offered_can_be_pasted_into_a_shell(tmp_path: Path) -> None:
    assert "as in --prompt-column 'What is it?', or" in refused(tmp_path, "What is it?,row\na,1\n", "p.csv")


@pytest.mark.parametrize("name", ["p.json", *NAMES])
def test_other_arrays_are_refused_or_read_by_element(tmp_path: Path, name: str) -> None:
    found = opened(tmp_path, '["a", 5, {"prompt": "b", "n": 1}, null]', name)
    assert prompts(found) == ["a", "b"]
    assert found.left_out == 2


def test_lines_of_json_texts_are_prompts(tmp_path: Path) -> None:
    assert prompts(opened(tmp_path, '"one"\n"two"\n', "p.jsonl")) == ["one", "two"]


@pytest.mark.parametrize(
    "content",
    [
        "Hello, how are you?\nWrite a poem, please.\n",
        "Say hi, please\nSay ho, please\n",
        "One prompt, and no more",
        "Translate: hello; world\nAgain: a; b\n",
        "[link](x) is markdown\nnext\n",
        '["quoted" is no array\nnext\n',
        "Name three things: a,b\nsecond\n",
        "key = value\nother\n",
        "1,2\n3,4\n",
    ],
)
@pytest.mark.parametrize("name", ["p.txt", *NAMES])
def test_prompts_with_commas_stay_prompts(tmp_path: Path, content: str, name: str) -> None:
    assert prompts(opened(tmp_path, content, name)) == content.splitlines()


@pytest.mark.parametrize("name", NAMES)
def test_a_prompt_set_is_known_without_its_name(tmp_path: Path, name: str) -> None:
    assert prompts(opened(tmp_path, 'repeat = 2\n[[prompt]]\ntext = "a"\n', name)) == ["a", "a"]


@pytest.mark.case("files", "cr-only")
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("p.txt", "one\rtwo\rthree\r"),
        ("p.txt", "one\rtwo\nthree"),
        ("p.txt", "one\r\r\ntwo\r\rthree"),
        ("p.txt", "one\r---\rtwo\r---\rthree"),
        ("p.jsonl", '{"prompt":"one"}\r{"prompt":"two"}\r{"prompt":"three"}'),
        ("p.csv", 'prompt,n\rone,1\r"two",2\rthree,3\r'),
        ("p.tsv", "prompt\tn\rone\t1\rtwo\t2\rthree\t3"),
        ("p", "one\rtwo\rthree\r"),
    ],
)
def test_lines_may_end_in_carriage_returns(tmp_path: Path, name: str, content: str) -> None:
    assert prompts(opened(tmp_path, content, name)) == ["one", "two", "three"]


def test_lines_are_counted_alike_wherever_a_block_ends(tmp_path: Path) -> None:
    """A file is read a megabyte at a time, and CR LF may stand across two of them."""
    for shift in range(4):
        first = "a" * ((1 << 20) - shift)
        for end in ("\r\n", "\r", "\n"):
            found = opened(tmp_path, f"{first}{end}b{end}{'c' * (3 << 20)}{end}{end}d", "p.txt")
            assert [len(text) for text in prompts(found)] == [len(first), 1, 3 << 20, 1]
            assert [found.prompt(index).id for index in range(4)] == ["p-1", "p-2", "p-3", "p-5"]


@pytest.mark.case("files", "two-boms")
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("p.txt", "\ufeffone\n\ufefftwo\n"),
        ("p.txt", "\ufeffone\n\ufeff\ntwo\n\ufeff"),
        ("p.txt", "\ufeff\ufeffone\r\ufefftwo"),
        ("p.jsonl", '\ufeff{"prompt":"one"}\n\ufeff{"prompt":"two"}\n'),
        ("p.csv", "\ufeffprompt,n\none,1\n\ufeffprompt,n\ntwo,2\n"),
        ("p.csv", "\ufeffprompt,n\none,1\n\ufefftwo,2\n"),
        ("p.tsv", "\ufeffprompt\tn\r\none\t1\r\n\ufeffprompt\tn\r\ntwo\t2\r\n"),
        ("p.json", '\ufeff\ufeff["one", "two"]'),
        ("p", "\ufeffone\n\ufefftwo\n"),
    ],
)
def test_a_byte_order_mark_is_no_data_wherever_a_file_was_joined(
    tmp_path: Path, name: str, content: str
) -> None:
    found = opened(tmp_path, content, name)
    assert prompts(found) == ["one", "two"]
    assert not found.problems


@pytest.mark.case("files", "tsv-quotes")
@pytest.mark.parametrize("cell", ['"', 'a "quote', '"a" b', '5" pipe', '""'])
def test_quotes_are_literal_in_a_table_of_tabs(tmp_path: Path, cell: str) -> None:
    content = f"prompt\tn\n{cell}\t1\nlast\t2\n"
    for name in ("p.tsv", "p.tab", "p.csv", "p"):
        found = opened(tmp_path, content, name)
        assert prompts(found) == [cell, "last"]
        assert not found.problems


@pytest.mark.case("files", "wide-csv")
@pytest.mark.parametrize("columns", [16_384, 60_000])
def test_a_table_of_many_columns_is_read(tmp_path: Path, columns: int) -> None:
    names = [f"column{number}" for number in range(columns - 1)]
    content = f"prompt,{','.join(names)}\n" + f"Why?{',1' * (columns - 1)}\n" * 3
    found = opened(tmp_path, content)
    assert prompts(found) == ["Why?"] * 3
    assert len(found.prompt(0).carried) == columns - 1
    assert len(found.reading) < 1_000
    assert "two columns are named 'column7'" in refused(tmp_path, content.replace("column8,", "column7,", 1))


def test_a_column_can_be_named_as_the_expected_answer(tmp_path: Path) -> None:
    content = "question,answer,expected\nWhy?,Because,old\nWho?,,other\n"
    found = opened(tmp_path, content, prompt_column="question", expected_column="answer")
    assert [found.prompt(row).expected for row in (0, 1)] == ["Because", None]
    assert found.prompt(0).carried == {"answer": "Because"}
    assert found.fingerprint != opened(tmp_path, content, prompt_column="question").fingerprint
    asked = '{"messages": [{"role": "user", "content": "Who?"}], "answer": "I"}'
    rows = f'{{"prompt": "Why?", "answer": 7}}\n{asked}\n'
    lines = opened(tmp_path, rows, "p.jsonl", expected_column="answer")
    assert [lines.prompt(row).expected for row in (0, 1)] == ["7", "I"]
    told = refused(tmp_path, content, prompt_column="question", expected_column="anwser")
    assert "--expected-column anwser: no such field; fields here: answer, expected, question" in told


@pytest.mark.case("files", "csv-question")
def test_a_column_can_be_named_as_the_prompt(tmp_path: Path) -> None:
    content = "question,answer,prompt\nWhy?,Because,old\n"
    found = opened(tmp_path, content, prompt_column="question", system="Be brief.")
    assert found.prompt(0).messages == (("system", "Be brief."), ("user", "Why?"))
    assert found.prompt(0).carried == {"answer": "Because", "prompt": "old"}
    assert prompts(opened(tmp_path, content, template="{{question}}!")) == ["Why?!"]
    told = refused(tmp_path, content, prompt_column="Question")
    assert "no column 'Question'; columns here: question" in told
    assert told.endswith("; did you mean question?")
    both = {"template": "x", "prompt_column": "question"}
    assert "both --template and --prompt-column" in refused(tmp_path, content, **both)


def test_a_field_of_json_lines_can_be_named_as_the_prompt(tmp_path: Path) -> None:
    content = '{"q": "Why?"}\n{"a": 1}\n{"q": [{"role": "user", "content": "How?"}], "model": "T-34"}\n'
    found = opened(tmp_path, content, "p.jsonl", prompt_column="q")
    assert prompts(found) == ["Why?", "How?"]
    assert found.problems[0].message == "no field 'q'; fields here: a"
    assert found.prompt(1).carried == {"model": "T-34"}


def test_the_column_that_most_likely_is_the_prompt_is_offered(tmp_path: Path) -> None:
    assert "as in --prompt-column Question," in refused(tmp_path, "id,Question\n1,Why?\n")


def test_a_column_named_on_the_command_line_makes_a_table_of_one(tmp_path: Path) -> None:
    assert prompts(opened(tmp_path, "thema\nSea\nSky\n", "input", template="On {{thema}}")) == [
        "On Sea",
        "On Sky",
    ]
