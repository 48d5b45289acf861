"""JSON lines, JSON arrays and plain text: what is read, what is left out, what stops a run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmdash.prompts.index import MOST_PROBLEMS
from llmdash.prompts.readers import open_source
from llmdash.prompts.source import PromptSource
from llmdash.prompts.verdict import Verdict

texts = st.text(st.characters(exclude_categories=["Cs"])).filter(str.strip)


def source(folder: Path, file: str, content: str | bytes, **options: Any) -> PromptSource:
    path = folder / file
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return open_source(path, **options)


def prompts(found: PromptSource) -> list[str]:
    return [found.prompt(index).text for index in range(len(found))]


@settings(max_examples=60)
@given(st.lists(texts, min_size=1, max_size=8), st.booleans(), st.sampled_from(["\n", "\r\n"]))
def test_any_text_comes_back_from_json_lines(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], ascii_only: bool, end: str
) -> None:
    content = end.join(json.dumps({"prompt": line}, ensure_ascii=ascii_only) for line in lines)
    found = source(tmp_path_factory.mktemp("in"), "p.jsonl", content)
    assert prompts(found) == lines
    assert not found.problems


@settings(max_examples=60)
@given(st.lists(texts, min_size=1, max_size=8), st.sampled_from([None, 0, 3]))
def test_any_text_comes_back_from_a_json_array(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], indent: int | None
) -> None:
    content = json.dumps([{"prompt": line, "n": {"deep": [line]}} for line in lines], indent=indent)
    found = source(tmp_path_factory.mktemp("in"), "p.json", content)
    assert prompts(found) == lines
    assert [found.prompt(i).id for i in range(len(found))] == [f"p-{i + 1}" for i in range(len(lines))]


def test_messages_ids_and_expected_are_read(tmp_path: Path) -> None:
    record: dict[str, Any] = {
        "id": 7,
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "2 + "}, {"type": "text", "text": "2?"}]},
        ],
        "expected": 4,
    }
    found = source(tmp_path, "p.jsonl", json.dumps(record))
    prompt = found.prompt(0)
    assert (prompt.id, prompt.expected) == ("7", "4")
    assert prompt.messages == (("system", "Be brief."), record["messages"][1])
    assert prompt.text == "2 + 2?"
    assert found.score(prompt, "4") is Verdict.RIGHT


def test_a_byte_order_mark_empty_lines_and_a_missing_line_end_are_fine(tmp_path: Path) -> None:
    found = source(tmp_path, "p.jsonl", b'\xef\xbb\xbf{"prompt": "a"}\r\n\r\n  \n{"prompt": "b"}')
    assert prompts(found) == ["a", "b"]
    assert [found.prompt(0).id, found.prompt(1).id] == ["p-1", "p-4"]


BAD_LINES = {
    '{"prompt": "x"': "malformed JSON",
    "5": "not a JSON object",
    "[1]": "not a JSON object",
    '{"id": "q"}': "(found: id)",
    "{}": "(found: none)",
    '{"prompt": ""}': "empty",
    '{"prompt": " \\n"}': "empty",
    '{"prompt": 5}': "must be text",
    '{"messages": []}': "at least one message",
    '{"messages": [{"role": "", "content": "x"}]}': "no `role`",
    '{"messages": [{"role": "user", "content": 5}]}': "must be text",
    '{"messages": [{"role": "user", "content": [5]}]}': "must be objects",
    '{"messages": "Hello"}': "must be a list",
    '{"messages": [5]}': "must be an object",
    '{"messages": [{"role": "user", "content": ""}]}': "empty",
    '{"prompt": "x", "id": "' + "i" * 70_000 + '"}': "`id` has 70,000 characters",
    '{"prompt": "x", "check": "nubmer"}': "`check`: 'nubmer' is not a check",
    '{"prompt": "\\ud800"}': "malformed JSON",
    '{"a":' * 5_000: "nested too deeply",
    '{"prompt": "x", "more": ' + "[" * 600 + "]" * 600 + "}": "nested too deeply",
    '{"prompt": "' + "y" * 64_000_001 + '"}': "longer than 64 MB",
}


@pytest.mark.parametrize(("line", "fault"), BAD_LINES.items(), ids=[line[:40] for line in BAD_LINES])
def test_a_bad_line_is_left_out_and_listed(tmp_path: Path, line: str, fault: str) -> None:
    found = source(tmp_path, "p.jsonl", f'{{"prompt": "a"}}\n{line}\n{{"prompt": "b"}}\n')
    assert prompts(found) == ["a", "b"]
    [problem] = found.problems
    assert (problem.line, problem.file) == (2, str(tmp_path / "p.jsonl"))
    assert fault in problem.message


@pytest.mark.parametrize(
    "line",
    [
        json.dumps({"prompt": '[{"' * 5_000}),
        '{"prompt": "x", "more": [' + "[]," * 5_000 + "{}]}",
        '{"prompt": "x", "more": ' + "[" * 400 + "]" * 400 + "}",
    ],
    ids=["in a text", "beside each other", "not too many"],
)
def test_brackets_that_do_not_nest_too_deeply_are_no_fault(tmp_path: Path, line: str) -> None:
    assert source(tmp_path, "p.jsonl", line).problems == ()


def test_bytes_that_are_not_utf8_are_listed_with_their_place(tmp_path: Path) -> None:
    found = source(tmp_path, "p.jsonl", b'{"prompt": "a"}\n{"prompt": "\xff"}\n')
    assert str(found.problems[0]).endswith("p.jsonl:2: not UTF-8: byte 0xff at position 13; save it as UTF-8")


def test_the_second_of_two_equal_ids_is_left_out(tmp_path: Path) -> None:
    lines = [
        {"id": "a", "prompt": "1"},
        {"id": "b", "prompt": "2"},
        {"id": "a", "prompt": "3"},
        {"prompt": "4"},
    ]
    found = source(tmp_path, "p.jsonl", "\n".join(map(json.dumps, lines)))
    assert prompts(found) == ["1", "2", "4"]
    assert found.problems[0].line == 3
    assert "id 'a' is taken by line 1" in found.problems[0].message
    assert found.prompt(2).id == "p-4"


def test_an_id_that_a_line_without_one_would_get_is_taken_too(tmp_path: Path) -> None:
    found = source(tmp_path, "p.jsonl", '{"id": "p-2", "prompt": "1"}\n{"prompt": "2"}')
    assert prompts(found) == ["1"]
    assert found.problems[0].line == 2


def test_thousands_of_bad_lines_are_counted_not_listed(tmp_path: Path) -> None:
    found = source(tmp_path, "p.jsonl", '{"prompt": "a"}\n' + "x\n" * (MOST_PROBLEMS + 500))
    assert len(found.problems) == MOST_PROBLEMS + 1
    assert "500 more" in found.problems[-1].message


def test_a_limit_takes_the_first_and_leaves_the_rest_unread(tmp_path: Path) -> None:
    content = '{"prompt": "a"}\nbad\n{"prompt": "b"}\nbad\n{"prompt": "c"}\n'
    found = source(tmp_path, "p.jsonl", content, limit=2)
    assert prompts(found) == ["a", "b"]
    assert [problem.line for problem in found.problems] == [2]
    assert found.fingerprint != source(tmp_path, "p.jsonl", content).fingerprint


def test_each_line_of_a_text_is_a_prompt(tmp_path: Path) -> None:
    found = source(tmp_path, "ideas.txt", "Say a\n\n  Say {b} \r\n[c] says d")
    assert prompts(found) == ["Say a", "Say {b}", "[c] says d"]
    assert found.prompt(1).id == "ideas-3"


def test_dashes_divide_prompts_of_several_lines(tmp_path: Path) -> None:
    found = source(tmp_path, "p.txt", "one\r\ntwo\r\n\r\nthree\r\n---\r\n\r\n---\r\n\r\nfour\r\n--- \r\n")
    assert prompts(found) == ["one\ntwo\n\nthree", "four"]
    assert [found.prompt(i).id for i in range(2)] == ["p-1", "p-9"]


def test_a_section_that_is_too_long_is_left_out(tmp_path: Path) -> None:
    long = ("c" * 99_999 + "\n") * 641
    found = source(tmp_path, "p.txt", "a\n---\n" + "b" * 900 + "\n" + long + "---\nd")
    assert prompts(found) == ["a", "d"]
    assert found.problems[0].line == 3


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("p.txt", '{"prompt": "a"}', ["a"]),
        ("p", '[{"prompt": "a"}]', ["a"]),
        ("p.jsonl", '\n [ {"prompt": "a"} ]', ["a"]),
        ("p.json", '{"prompt": "a"}\n{"prompt": "b"}', ["a", "b"]),
        ("p.dat", "just words", ["just words"]),
        ("p.md", "{curly} words", ["{curly} words"]),
    ],
)
def test_a_file_is_known_by_its_name_and_its_content(
    tmp_path: Path, name: str, content: str, expected: list[str]
) -> None:
    assert prompts(source(tmp_path, name, content)) == expected


def test_a_kind_and_a_name_can_be_given_for_spooled_input(tmp_path: Path) -> None:
    found = source(tmp_path, "spool", "prompt\na\n", kind="csv", name="stdin")
    assert (found.name, found.prompt(0).id) == ("stdin", "stdin-2")


def test_a_template_turns_fields_into_prompts(tmp_path: Path) -> None:
    content = '{"city": "Oslo", "id": "o"}\n{"town": "Rom"}\n'
    found = source(tmp_path, "p.jsonl", content, template="See {{ city }}?")
    assert prompts(found) == ["See Oslo?"]
    assert "no field 'city'" in found.problems[0].message


def test_a_template_works_on_lines_of_text_too(tmp_path: Path) -> None:
    assert prompts(source(tmp_path, "p.txt", "tea\nmilk", template="Why {{prompt}}?")) == [
        "Why tea?",
        "Why milk?",
    ]
