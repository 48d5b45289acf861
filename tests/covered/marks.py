"""Puts marks into a module: statements that say that a block was reached, and was run to its last line."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass, field

__all__ = ["RAN", "Branch", "Mark", "marked"]

RAN = "__ran__"
"""The name, among the builtins, of the bytes of all marks: 1 for one that was reached."""


@dataclass(frozen=True)
class Branch:
    """A way out of the statement at `line`: into its `body`, or past it."""

    line: int
    body: range
    into: bool


@dataclass(frozen=True)
class Mark:
    """What is known once a mark is reached: these lines were run, these branches taken."""

    lines: frozenset[int]
    branches: tuple[Branch, ...] = ()


@dataclass
class _Reached:
    """What the next mark will say."""

    lines: set[int] = field(default_factory=set)
    branches: tuple[Branch, ...] = ()


def marked(source: str, first: int) -> tuple[ast.Module, list[Mark]]:
    """The module with its marks set, the first of them at byte `first`, and what each of them says."""
    tree = ast.parse(source)
    marker = _Marker(first)
    tree.body = marker.block(tree.body)
    return ast.fix_missing_locations(tree), marker.marks


class _Marker:
    """Sets the marks of one module, block by block."""

    def __init__(self, first: int) -> None:
        self._first = first
        self.marks: list[Mark] = []

    def block(self, body: list[ast.stmt], reached: _Reached | None = None) -> list[ast.stmt]:
        """The block with its marks; `reached` is what is known once it begins.

        There is one at its start, at its last line and around whatever may lead elsewhere. What stands
        between two marks was run once the second is reached.
        """
        reached = reached or _Reached()
        opening = next((at for at, each in enumerate(body) if not _comes_first(each)), len(body))
        made = body[:opening]
        for statement in made:
            reached.lines |= _head(statement)
        due = True
        for statement in body[opening:]:
            reached.lines |= _head(statement)
            inner = _blocks(statement)
            if due or inner or statement is body[-1]:
                made.append(self._mark(reached, statement))
                reached = _Reached()
            due = inner
            made.append(statement)
            self._descend(statement)
        return made

    def _mark(self, reached: _Reached, beside: ast.stmt | ast.excepthandler) -> ast.stmt:
        number = self._first + len(self.marks)
        self.marks.append(Mark(frozenset(reached.lines), reached.branches))
        place = ast.Subscript(ast.Name(RAN, ast.Load()), ast.Constant(number), ast.Store())
        mark = ast.Assign([place], ast.Constant(1), lineno=beside.lineno)
        for node in ast.walk(mark):
            ast.copy_location(node, beside)
        return mark

    def _descend(self, statement: ast.stmt) -> None:
        match statement:
            case ast.If() | ast.For() | ast.AsyncFor() | ast.While():
                self._fork(statement)
            case ast.Try() | ast.TryStar():
                self._try(statement)
            case ast.Match():
                self._match(statement)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef() | ast.With() | ast.AsyncWith():
                statement.body = self.block(statement.body)

    def _fork(self, statement: ast.If | ast.For | ast.AsyncFor | ast.While) -> None:
        body = _span(statement.body)
        into, past = (Branch(statement.lineno, body, into) for into in (True, False))
        statement.body = self.block(statement.body, _Reached(branches=(into,)))
        reached = _Reached(branches=(past,))
        if statement.orelse:
            statement.orelse = self.block(statement.orelse, reached)
        else:
            statement.orelse = [self._mark(reached, statement)]

    def _try(self, statement: ast.Try | ast.TryStar) -> None:
        statement.body = self.block(statement.body)
        asked: set[int] = set()  # the handlers are asked in turn
        for handler in statement.handlers:
            asked |= set(range(handler.lineno, handler.body[0].lineno)) or {handler.lineno}
            handler.body = self.block(handler.body, _Reached(set(asked)))
        statement.orelse = self.block(statement.orelse)
        statement.finalbody = self.block(statement.finalbody)

    def _match(self, statement: ast.Match) -> None:
        lines: set[int] = set()  # so are the cases
        passed: tuple[Branch, ...] = ()
        for case in statement.cases:
            line, body = case.pattern.lineno, _span(case.body)
            lines.add(line)
            case.body = self.block(case.body, _Reached(set(lines), (*passed, Branch(line, body, True))))
            passed = (*passed, Branch(line, body, False))
        last = statement.cases[-1]
        if last.guard is not None or not _takes_all(last.pattern):
            rest = self._mark(_Reached(lines, passed), statement)
            statement.cases.append(ast.match_case(ast.MatchAs(), None, [rest]))


def _comes_first(statement: ast.stmt) -> bool:
    """True for what nothing may stand before: a docstring, and what a module takes from the future."""
    match statement:
        case ast.Expr(ast.Constant(str())) | ast.ImportFrom(module="__future__"):
            return True
    return False


def _blocks(statement: ast.stmt) -> bool:
    """True for a statement with statements in it, after which not all goes on at the next one."""
    return isinstance(getattr(statement, "body", getattr(statement, "cases", None)), list)


def _takes_all(pattern: ast.pattern) -> bool:
    match pattern:
        case ast.MatchAs(pattern=None):
            return True
        case ast.MatchAs(pattern=ast.pattern() as inner):
            return _takes_all(inner)
        case ast.MatchOr(patterns=patterns):
            return any(_takes_all(each) for each in patterns)
    return False


def _head(statement: ast.stmt) -> set[int]:
    """The lines of a statement, without those of the blocks in it."""
    begin = min([statement.lineno, *(each.lineno for each in getattr(statement, "decorator_list", ()))])
    body: Sequence[ast.stmt] = getattr(statement, "body", ())
    if isinstance(statement, ast.Match):
        end = max(begin, statement.cases[0].pattern.lineno - 1)
    elif _blocks(statement):
        end = max(statement.lineno, _span(list(body)).start - 1)
    else:
        end = statement.end_lineno or statement.lineno
    return set(range(begin, end + 1))


def _span(body: Sequence[ast.stmt]) -> range:
    """The lines of a block."""
    first = body[0]
    begin = min([first.lineno, *(each.lineno for each in getattr(first, "decorator_list", ()))])
    return range(begin, (body[-1].end_lineno or body[-1].lineno) + 1)
