"""Which rows the tests say that they hold, read from their source: nothing is imported for it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.cases.rows import Row

__all__ = ["marked_rows"]


def marked_rows(folder: Path) -> dict[Row, list[str]]:
    """The rows that tests below a folder are marked with, and where: `file:line`.

    Raises ValueError for a marker whose table and name are not written out.
    """
    found: dict[Row, list[str]] = {}
    for path in sorted(folder.rglob("test_*.py")):
        source = path.read_text(encoding="utf-8")
        if "mark.case" not in source:
            continue
        for call in _marks(ast.parse(source)):
            place = f"{path.relative_to(folder)}:{call.lineno}"
            found.setdefault(_row(call, place), []).append(place)
    return found


def _marks(tree: ast.AST) -> Iterator[ast.Call]:
    """The calls of `...mark.case(...)`."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(attr="case", value=ast.Attribute(attr="mark"))):
                yield node


def _row(call: ast.Call, place: str) -> Row:
    match call.args:
        case [ast.Constant(value=str(table)), ast.Constant(value=str(name))] if not call.keywords:
            return Row(table, name)
    raise ValueError(f"{place}: a marker with its table and name written out is needed")
