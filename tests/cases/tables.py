"""The tables as they are printed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tests.cases.outcomes import Outcome
from tests.cases.rows import TABLES, Row

__all__ = ["table_lines"]

_NOTHING = Outcome()
_MOST_FAILURES = 3


def table_lines(by_row: Mapping[Row, Outcome]) -> Iterator[str]:
    """Yield every row below its section: what came of its tests, how many they are, and what is right.

    Below a row that failed stand the first of the tests that did.
    """
    width = max(len(name) for sections in TABLES.values() for rows in sections.values() for name in rows)
    for table, sections in TABLES.items():
        for title, rows in sections.items():
            yield f"{table}: {title}"
            for name, right in rows.items():
                outcome = by_row.get(Row(table, name), _NOTHING)
                tests = len(outcome.passed | outcome.failed)
                yield f"  {outcome.word:8} {tests:4}  {name:{width}}  {right}"
                yield from (f"{'':16}{test}" for test in sorted(outcome.failed)[:_MOST_FAILURES])
            yield ""
    yield _sum(by_row)


def _sum(by_row: Mapping[Row, Outcome]) -> str:
    words = [
        by_row.get(Row(table, name), _NOTHING).word
        for table, sections in TABLES.items()
        for rows in sections.values()
        for name in rows
    ]
    others = [f"{words.count(word)} {word}" for word in ("FAIL", "skipped", "no test") if word in words]
    return ", ".join([f"{words.count('pass')} of {len(words)} rows pass", *others])
