"""Whatever bytes a file holds, they become prompts and problems, or one line that says why not."""

from __future__ import annotations

import gzip

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from llmdash.prompts.lines import LineReader
from llmdash.prompts.readers import open_source
from llmdash.prompts.source import InputError

PIECES = st.sampled_from(
    [
        *(b"\n", b"\r", b"\r\n", b",", b";", b"\t", b'"', b"'", b"[", b"]", b"{", b"}", b":", b" ", b"---"),
        *(b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\0", b"\x1f\x8b", b"PAR1", b"sep=;", b"sep=\xff"),
        *(b"prompt", b"messages", b'"prompt"', b'"messages"', b'"custom_id"', b'"body"', b'"params"'),
        *(b'"options"', b'"options.x"', b'"system"', b'"conversations"', b'"instruction"', b'"input"'),
        *(b'{"prompt":"a"}', b'{"role":"user","content":"x"}', b'{"from":"human","value":"x"}', b'"from"'),
        *(b"null", b"1e999", b"5", b"[[", b"id", b"expected", b"\xc3\xa4", b"\xed\xa0\x80", b"\\u0000"),
    ]
)
HOSTILE = st.lists(PIECES | st.binary(max_size=6), max_size=40).map(b"".join)
NAMES = st.sampled_from(["p.jsonl", "p.json", "p.csv", "p.tsv", "p.txt", "p.toml", "p.parquet", "p.gz", "p"])


@settings(max_examples=400, deadline=None)
@given(
    HOSTILE, NAMES, st.sampled_from([{}, {"template": "{{prompt}}"}, {"prompt_column": "id"}]), st.booleans()
)
@example(b"\x1f\x8b", "p.gz", {}, False)
@example(b"PAR1", "p", {}, True)
@example(b"sep=\xff\nprompt\xffa\nx\xffy", "p.csv", {}, False)
def test_any_bytes_are_read_or_refused_in_a_line(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, name: str, how: dict[str, str], packed: bool
) -> None:
    path = tmp_path_factory.mktemp("in") / name
    path.write_bytes(gzip.compress(content) if packed else content)
    try:
        found = open_source(path, **how)  # type: ignore[arg-type]
    except InputError as error:
        assert str(error).splitlines() == [str(error)]
        return
    assert found.left_out >= len(found.problems) > 0 or not found.problems
    assert len({found.id(index) for index in range(len(found))}) == len(found)
    for index in range(len(found)):
        prompt = found.prompt(index)
        assert prompt.id == found.id(index)
        assert prompt.messages
        assert "\ufeff" not in prompt.text[:1]
    assert open_source(path, **how).fingerprint == found.fingerprint  # type: ignore[arg-type]


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.sampled_from([b"\n", b"\r", b"\r\n", b"a", b"bc", b"\xc3\xa4"]), max_size=60).map(b"".join)
)
def test_lines_are_those_of_universal_newlines(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.mktemp("in") / "p"
    path.write_bytes(content)
    with path.open("rb") as file:
        lines = list(LineReader(file))
    assert [line.data for line in lines] == content.splitlines(keepends=True)
    assert [line.number for line in lines] == list(range(1, len(lines) + 1))
    for line in lines:
        assert line.data is not None
        assert content[line.start : line.start + len(line.data)] == line.data
