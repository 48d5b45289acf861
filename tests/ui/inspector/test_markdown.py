"""Markdown as lines: its blocks are seen, nothing of it is lost, and nothing of it acts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from llmdash.ui.inspector.markdown import markdown_lines
from llmdash.ui.inspector.markdown_table import table_lines
from llmdash.ui.stream.wrapping import Kind, Span
from tests.ui.widget_app import HOSTILE

TEXT = """# Heading

A *fine* and **strong** word, `code`, a [link](https://evil.example/x) and
a second line.

- one
- two
  1. inner
  2. second

> quoted

```python
print("x")
```

| a | long column |
|---|---|
| 1 | 2 |

<b>html</b>
"""


def drawn(text: str) -> list[str]:
    return ["".join(span.text for span in line).rstrip() for line in markdown_lines(text)]


def test_each_block_is_drawn_as_what_it_is() -> None:
    assert drawn(TEXT) == [
        "# Heading",
        "",
        "A fine and strong word, code, a link (https://evil.example/x) and",
        "a second line.",
        "",
        "• one",
        "• two",
        "  1. inner",
        "  2. second",
        "",
        "▌ quoted",
        "",
        '  print("x")',
        "",
        "a │ long column",
        "──┼────────────",
        "1 │ 2",
        "",
        "<b>html</b>",
    ]


def test_what_is_strong_and_what_is_code_have_styles_of_their_own() -> None:
    kinds = {span.text: span.kind for line in markdown_lines(TEXT) for span in line}
    assert kinds["strong"] is Kind.STRONG
    assert kinds["code"] is Kind.CODE
    assert kinds["Heading"] is Kind.STRONG
    assert kinds[" (https://evil.example/x)"] is Kind.WORDS


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_made_visible(text: str) -> None:
    for around in ("{}", "# {}", "- {}", "```\n{}\n```", "[{}](x)", "| {} |\n|---|\n| {} |"):
        for line in drawn(around.replace("{}", text)):
            assert not [letter for letter in line if ord(letter) < 32 or 0x7F <= ord(letter) < 0xA0]


@given(st.text(st.sampled_from("ab #*_`>-|[]()!\n1.<&"), max_size=200))
def test_no_text_breaks_it(text: str) -> None:
    markdown_lines(text)


def test_deeply_nested_and_endless_texts_are_shown_all_the_same() -> None:
    assert drawn("> " * 2_000 + "x")
    assert drawn("* " * 2_000 + "x")
    lines = drawn("word " * 100_000)
    assert sum(map(len, lines)) > 490_000


def test_a_table_that_is_too_wide_is_wrapped_in_its_cells() -> None:
    text = "| name | what it is |\n|---|---|\n| 日本語 | a long text of many words |\n| b |  |"
    assert ["".join(span.text for span in line) for line in markdown_lines(text, 24)] == [
        "name   │ what it is",
        "───────┼────────────────",
        "日本語 │ a long text of",
        "       │ many words",
        "b      │ ",
    ]


@given(
    st.lists(st.lists(st.text("ab 日👩", max_size=30), min_size=1, max_size=5), min_size=1, max_size=4),
    st.integers(10, 90),
)
def test_nothing_of_a_table_is_lost_and_it_fits_where_it_can(rows: list[list[str]], width: int) -> None:
    cells = [[(Span(text, Kind.TEXT),) for text in row] for row in rows]
    lines = ["".join(span.text for span in line) for line in table_lines(cells, width)]
    drawn = "".join(lines)
    for sign in "ab日👩":
        assert drawn.count(sign) == sum(text.count(sign) for row in rows for text in row)
    if 9 * max(map(len, rows)) <= width:
        assert all(cell_len(line) <= width for line in lines)
