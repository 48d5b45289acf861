"""Input that cannot be run, and input that changes under a run."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from llmdash.prompts.readers import open_source
from llmdash.prompts.source import InputError


def refused(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        open_source(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert refused(tmp_path / "no.jsonl") == f"{tmp_path / 'no.jsonl'}: no such file; check the name"


def test_a_folder_is_refused(tmp_path: Path) -> None:
    assert "a folder; name a file in it" in refused(tmp_path)


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "not a regular file" in refused(tmp_path / "pipe")


def test_an_unreadable_file_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "p.txt", b"a")
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user may read everything")
    assert "check its permissions" in refused(path)


@pytest.mark.parametrize("name", ["p.jsonl", "p.txt", "p.json", "p.csv", "p.toml"])
def test_an_empty_file_is_refused(tmp_path: Path, name: str) -> None:
    assert "empty; write at least one prompt" in refused(written(tmp_path / name, b""))


@pytest.mark.parametrize("name", ["p.jsonl", "p.txt"])
def test_a_file_of_empty_lines_is_refused(tmp_path: Path, name: str) -> None:
    assert "no prompts in it" in refused(written(tmp_path / name, b"\n \n\n"))


def test_a_file_without_a_single_good_line_names_the_first_fault(tmp_path: Path) -> None:
    text = refused(written(tmp_path / "p.jsonl", b'\n{"prompt": 5}\n{}\n'))
    assert text.startswith(f"{tmp_path / 'p.jsonl'}:2: `prompt` must be text")


def test_a_malformed_array_names_its_line(tmp_path: Path) -> None:
    text = refused(written(tmp_path / "p.json", b'[\n{"prompt": "a"},\n{"prompt": b}\n]'))
    assert text.startswith(f"{tmp_path / 'p.json'}:3: malformed JSON: invalid character")


def test_an_array_nested_without_end_is_refused(tmp_path: Path) -> None:
    assert "p.json" in refused(written(tmp_path / "p.json", b'[{"a":' + b"[" * 500_000))


def test_bad_elements_of_an_array_are_listed_by_line(tmp_path: Path) -> None:
    found = open_source(written(tmp_path / "p.json", b'[{"prompt": "a"},\n 5,\n\n {"prompt": "b"}]'))
    assert [found.prompt(index).id for index in range(2)] == ["p-1", "p-3"]
    assert [problem.line for problem in found.problems] == [2]


def test_lists_in_an_array_do_not_shift_what_follows(tmp_path: Path) -> None:
    path = written(
        tmp_path / "p.json", b'\xef\xbb\xbf [[[[1]]], [], {"prompt": "a"}, [[[]]],{"prompt": "b"}]'
    )
    found = open_source(path)
    assert [found.prompt(index).text for index in range(2)] == ["a", "b"]
    assert len(found.problems) == 3


def test_names_out_of_a_file_do_not_break_the_line_of_a_message(tmp_path: Path) -> None:
    text = refused(written(tmp_path / "p.jsonl", b'{"\\u001b[31m\\n": 1}'))
    assert text.isprintable()
    text = refused(written(tmp_path / "p.csv", b'"a\nb",c\n1,2\n'))
    assert text.isprintable()


@pytest.mark.parametrize("after", [b'{"prompt": "x"}\n{"prompt": "B"}\n', b'{"prompt": "a"}\n', b""])
def test_a_file_that_changes_under_a_run_is_noticed(tmp_path: Path, after: bytes) -> None:
    path = written(tmp_path / "p.jsonl", b'{"prompt": "a"}\n{"prompt": "b"}\n')
    found = open_source(path)
    path.write_bytes(after)
    with pytest.raises(InputError, match=r"p\.jsonl:2: the file changed during the run"):
        found.prompt(1)


def test_a_file_that_is_replaced_is_still_read_as_it_was(tmp_path: Path) -> None:
    path = written(tmp_path / "p.jsonl", b'{"prompt": "a"}\n')
    found = open_source(path)
    written(tmp_path / "new", b"other").rename(path)
    assert found.prompt(0).text == "a"


def test_the_fingerprint_follows_content_and_template(tmp_path: Path) -> None:
    path = written(tmp_path / "p.jsonl", b'{"prompt": "a"}\n')
    first = open_source(path).fingerprint
    assert open_source(path).fingerprint == first
    assert open_source(path, template="{{prompt}}!").fingerprint != first
    written(path, b'{"prompt": "a"}\n\n')
    assert open_source(path).fingerprint != first
    assert len(first) == 64


def test_prompts_can_be_read_from_many_threads(tmp_path: Path) -> None:
    lines = [f'{{"prompt": "number {number}"}}' for number in range(2_000)]
    found = open_source(written(tmp_path / "p.jsonl", "\n".join(lines).encode()))
    with ThreadPoolExecutor(8) as pool:
        texts = list(pool.map(lambda index: found.prompt(index).text, range(2_000)))
    assert texts == [f"number {number}" for number in range(2_000)]


@pytest.mark.parametrize("index", [-1, 1])
def test_an_index_outside_is_an_error(tmp_path: Path, index: int) -> None:
    with pytest.raises(IndexError):
        open_source(written(tmp_path / "p.txt", b"a")).prompt(index)
