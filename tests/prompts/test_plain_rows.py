"""Plain rows, which are read by the thousand: each is taken as if it were read for itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from llmdash.prompts.readers import open_source
from llmdash.prompts.source import PromptSource

MARK = b"\xef\xbb\xbf"
"""A byte order mark: the line behind it is read for itself."""
HEAD = [
    json.dumps(
        {"prompt": f"{'long ' * 13_000}{number}", "id": f"h{number}", "expected": 1, "topic": "a"}
    ).encode()
    for number in range(20)
]
"""More lines than are read for themselves before a file is known."""

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4)
values = scalars | st.lists(scalars, max_size=2) | st.dictionaries(st.text(max_size=3), scalars, max_size=2)
names = st.sampled_from(
    [
        "prompt",
        "id",
        "expected",
        "topic",
        "system",
        "check",
        "options",
        "options.seed",
        "messages",
        "custom_id",
    ]
)
plain = st.fixed_dictionaries(
    {"prompt": st.text(min_size=1, max_size=4)},
    optional={"id": st.text(max_size=3) | st.integers() | st.floats(), "expected": values, "topic": values},
).map(lambda row: json.dumps(row).encode())
odd = st.dictionaries(names, values, max_size=4).map(lambda row: json.dumps(row).encode())
broken = st.binary(max_size=12) | st.sampled_from(
    [
        b'{"prompt": "a"} {"prompt": "b"}',
        b'{"prompt":',
        b'"b"}',
        b'"a text"',
        b"",
        b"   ",
        b'{"prompt": "a", "prompt": "b"}',
        b'{"prompt": "\xff"}',
        b'{"prompt": "a\\ud800"}',
        b'{"prompt": "a", "id": 18446744073709551616}',
        b'{"prompt": "a", "id": 1.0, "expected": -0}',
        b'{"prompt": "a", "topic": ' + b"[" * 600 + b"]" * 600 + b"}",
    ]
)
of_one_line = broken.filter(lambda line: not set(line) & set(b"\r\n"))
lines = st.lists(plain, max_size=6) | st.lists(plain | odd | of_one_line, max_size=6)


def opened(folder: Path, content: bytes, **options: Any) -> PromptSource:
    path = folder / "p.jsonl"
    path.write_bytes(content)
    return open_source(path, **options)


def told(found: PromptSource) -> list[object]:
    """All that a source says of its records."""
    records = [(found.id(index), found.prompt(index)) for index in range(20, len(found))]
    return [len(found), records, found.problems, found.left_out, found.reading]


@settings(max_examples=80, deadline=None)
@given(lines, st.sampled_from([b"\n", b"\r\n", b"\r"]), st.sampled_from([None, 21, 23]))
@example([b'{"prompt": "a"} {"prompt": "b"}', b'{"prompt":', b'"b"}'], b"\n", None)
@example([b'{"prompt": "a", "id": "h0"}', b'{"prompt": "b", "id": "p-23"}', b'{"prompt": "c"}'], b"\n", None)
def test_rows_are_read_together_as_each_for_itself(
    tmp_path_factory: pytest.TempPathFactory, drawn: list[bytes], end: bytes, limit: int | None
) -> None:
    folder = tmp_path_factory.mktemp("in")
    together = told(opened(folder, end.join([*HEAD, *drawn]) + end, limit=limit))
    alone = told(opened(folder, end.join(MARK + line for line in [*HEAD, *drawn]) + end, limit=limit))
    assert together == alone


def rows(number: int, **more: object) -> bytes:
    return b"".join(
        json.dumps({"prompt": f"{'what is ' * 12}{n}?", **more}).encode() + b"\n" for n in range(number)
    )


def test_ids_that_are_not_given_count_lines_through_the_whole_file(tmp_path: Path) -> None:
    found = opened(tmp_path, rows(30_000))
    assert len(found) == 30_000
    assert [found.id(index) for index in (0, 9_999, 29_999)] == ["p-1", "p-10000", "p-30000"]
    assert found.prompt(29_999).text.endswith("29999?")


def test_an_id_is_taken_by_the_first_line_that_has_it_however_far_away(tmp_path: Path) -> None:
    late = b'{"prompt": "again", "id": "p-3"}\n'
    found = opened(tmp_path, rows(30_000) + late)
    assert len(found) == 30_000
    assert [(problem.line, problem.message) for problem in found.problems] == [
        (30_001, "id 'p-3' is taken by line 3; give each its own")
    ]


@pytest.mark.parametrize("name", ['a "quoted" name', "a\nb", "class", "ß", ""])
def test_fields_of_any_name_are_carried_in_every_row(tmp_path: Path, name: str) -> None:
    found = opened(tmp_path, rows(20_000, **{name: 1}))
    assert len(found) == 20_000
    assert found.prompt(19_999).carried == {name: 1}
    assert not found.problems


def test_one_bad_line_among_many_is_named(tmp_path: Path) -> None:
    found = opened(tmp_path, rows(15_000) + b'{"prompt": 1}\n' + rows(15_000))
    assert len(found) == 30_000
    assert [(problem.line, problem.message) for problem in found.problems] == [
        (15_001, "`prompt` must be text, not 1")
    ]


def test_a_limit_is_kept_within_a_run_of_rows(tmp_path: Path) -> None:
    assert len(opened(tmp_path, rows(30_000), limit=20_001)) == 20_001
