"""Marks in the code say which lines and branches were run, and change nothing that it does."""

from __future__ import annotations

import inspect
import textwrap
from typing import Any

import pytest

from tests.covered.marks import RAN, marked

BODY = """
    def f(x):
        '''What it does.'''
        begun = []
        if x > 2:
            begun.append("if")
        else:
            begun.append("else")
        for each in range(x):
            if each == 3:
                break
            begun.append(each)
        else:
            begun.append("all")
        try:
            begun.append(6 // x)
        except ZeroDivisionError:
            begun.append("zero")
        match x:
            case 1:
                begun.append("one")
            case 2 | 3:
                begun.append("some")
        while x > 100:
            x -= 1
        return begun
"""


def run(x: int, body: str = BODY) -> tuple[Any, dict[int, str], set[tuple[int, bool]]]:
    """What `f(x)` gives, the lines that are said to be run, with their texts, and the branches taken."""
    source = textwrap.dedent(body)
    tree, marks = marked(source, 0)
    ran = bytearray(len(marks))
    names: dict[str, Any] = {RAN: ran}
    exec(compile(tree, "marked", "exec"), names)  # noqa: S102 - the text above
    try:
        given = names["f"](x)
    except ArithmeticError as error:
        given = error
    reached = [mark for mark, is_set in zip(marks, ran, strict=True) if is_set]
    texts = source.splitlines()
    lines = {line: texts[line - 1].strip() for mark in reached for line in mark.lines}
    return given, lines, {(branch.line, branch.into) for mark in reached for branch in mark.branches}


@pytest.mark.parametrize(
    ("x", "given"),
    [
        (0, ["else", "all", "zero"]),
        (1, ["else", 0, "all", 6, "one"]),
        (3, ["if", 0, 1, 2, "all", 2, "some"]),
        (101, ["if", 0, 1, 2, 0]),
    ],
)
def test_a_function_does_with_marks_what_it_does_without(x: int, given: list[object]) -> None:
    assert run(x)[0] == given


def test_lines_that_were_run_are_said_and_those_that_were_not_are_not() -> None:
    texts = set(run(1)[1].values())
    assert {"begun = []", "if x > 2:", 'begun.append("else")', "begun.append(each)", "return begun"} <= texts
    assert 'begun.append("one")' in texts
    assert (
        not {'begun.append("if")', "break", 'begun.append("zero")', 'begun.append("some")', "x -= 1"} & texts
    )


def test_both_ways_out_of_a_branch_are_told_apart() -> None:
    line = {text: number for number, text in enumerate(map(str.strip, textwrap.dedent(BODY).splitlines()), 1)}
    one, many = run(1)[2], run(101)[2]
    for text, ways in {
        "if x > 2:": ({False}, {True}),
        "if each == 3:": ({False}, {True, False}),
        "for each in range(x):": ({True, False}, {True}),
        "case 1:": ({True}, {False}),
        "while x > 100:": ({False}, {True, False}),
    }.items():
        assert tuple({into for at, into in ran if at == line[text]} for ran in (one, many)) == ways, text


def test_what_comes_after_an_error_in_a_block_is_not_said_to_be_run() -> None:
    body = """
        def f(x):
            before = 1
            y = 1 // x
            after = 2
            return after
    """
    given, lines, _ = run(0, body)
    assert isinstance(given, ZeroDivisionError)
    assert "before = 1" in lines.values()
    assert not {"after = 2", "return after"} & set(lines.values())


def test_docstrings_and_what_is_taken_from_the_future_stay_first() -> None:
    body = '''
        """A module."""
        from __future__ import annotations
        class A:
            """A class."""
            x: Unknown = 1
        def f(x):
            """A function."""
            return [inspect.getdoc(each) for each in (A, f)]
    '''
    tree, marks = marked(textwrap.dedent(body), 0)
    ran = bytearray(len(marks))
    names: dict[str, Any] = {RAN: ran, "inspect": inspect}
    exec(compile(tree, "marked", "exec"), names)  # noqa: S102 - the text above
    assert 3 in set().union(*(mark.lines for mark, is_set in zip(marks, ran, strict=True) if is_set))
    assert names["f"](0) == ["A class.", "A function."]
    assert names["__doc__"] == "A module."
