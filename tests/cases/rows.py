"""The cases of the world that went wrong once, a row each, and what is right.

A test that holds one is marked with the row's table and name: `@pytest.mark.case("wire", "odd-finish")`.
"""

from __future__ import annotations

from typing import NamedTuple

from tests.cases.engine import ENGINE
from tests.cases.files import FILES
from tests.cases.library import LIBRARY
from tests.cases.screen import SCREEN
from tests.cases.wire import WIRE

__all__ = ["PROPERTY", "ROWS", "TABLES", "Row"]

PROPERTY = "case"
"""The property of a test's report whose value is the table and the name of a row."""

TABLES = {"wire": WIRE, "files": FILES, "engine": ENGINE, "library": LIBRARY, "screen": SCREEN}
"""Sections by table; what is right by the name of a row."""


class Row(NamedTuple):
    """A row by its table and name, as the markers of the tests have them."""

    table: str
    name: str


ROWS = tuple(
    Row(table, name) for table, sections in TABLES.items() for rows in sections.values() for name in rows
)
