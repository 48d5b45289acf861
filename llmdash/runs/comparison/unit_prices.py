"""The prices of single tokens of two runs, as a table beside their journals: SQL computes what a row cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from llmdash.runs.comparison.journals import SIDES, JournalPair

__all__ = ["CostOf", "Counts", "UnitPrices", "cost_sql", "prices_join"]

Counts = tuple[int, int, int, int, int]
"""Tokens: input, output; and of these cached, written to a cache, spent on reasoning."""
CostOf = Callable[[str, Counts, str | None], float | None]
"""Dollars for (model, tokens, base URL of the endpoint or None); None where no price is known."""

_TOKENS = 1_000
"""So few that no provider asks for another price because of the length of the prompt."""
_PARTS: tuple[Counts, ...] = (
    (_TOKENS, 0, 0, 0, 0),
    (0, _TOKENS, 0, 0, 0),
    (_TOKENS, 0, _TOKENS, 0, 0),
    (_TOKENS, 0, 0, _TOKENS, 0),
    (0, _TOKENS, 0, 0, _TOKENS),
)
_WHO = ("key", "model", "endpoint")
_CREATE = """
CREATE TABLE prices (
    side TEXT, key TEXT, model TEXT, endpoint TEXT, input REAL, output REAL, cached REAL, written REAL,
    thought REAL, PRIMARY KEY (side, key, model, endpoint)
) WITHOUT ROWID
"""


def cost_sql(side: str) -> str:
    """Return the SQL for the dollars of the last attempt of a row named `side`; NULL where no price is known.

    A row without an attempt, whose answer is another's, has cost nothing.
    """
    row, price = side, f"{side}_price"
    return (
        f"CASE {row}.attempts WHEN 0 THEN 0.0 ELSE {row}.input_tokens * {price}.input"
        f" + {row}.output_tokens * {price}.output + COALESCE({row}.cached_tokens * {price}.cached, 0)"
        f" + COALESCE({row}.cache_write_tokens * {price}.written, 0)"
        f" + COALESCE({row}.reasoning_tokens * {price}.thought, 0) END"
    )


def prices_join(side: str) -> str:
    """Return the SQL that joins its prices to a row named `side`."""
    names = " AND ".join(f"{side}_price.{name} = COALESCE({side}.{name}, '')" for name in _WHO)
    return f"LEFT JOIN prices AS {side}_price ON {side}_price.side = '{side}' AND {names}"


class UnitPrices:
    """Fills the table `prices` with what is asked for by key, model and endpoint, once each."""

    def __init__(self, journals: JournalPair, cost_of: CostOf) -> None:
        self._journals = journals
        self._cost_of = cost_of
        self._seen: set[tuple[str, str, str, str]] = set()
        self._models = {side: journals.object_of(side, "models") for side in SIDES}
        self._free = {side for side in SIDES if journals.object_of(side, "simulator")}
        self._places = {side: _places(journals.object_of(side, "decided")) for side in SIDES}
        journals.db.execute(_CREATE)

    def look_up(self, side: str, low: int, high: int) -> None:
        """Look up the prices for the results of jobs from `low` to `high`; those of a simulator have none."""
        if side in self._free:
            return
        rows = self._journals.results(side, ("job", *_WHO))
        found = self._journals.db.execute(
            f"SELECT DISTINCT COALESCE(key, ''), COALESCE(model, ''), COALESCE(endpoint, '') FROM ({rows}) "  # noqa: S608 - our own names
            "WHERE job BETWEEN ? AND ?",
            (low, high),
        )
        for who in found.fetchall():
            if (side, *who) not in self._seen:
                self._seen.add((side, *who))
                self._add(side, *who)

    def _add(self, side: str, key: str, model: str, endpoint: str) -> None:
        name = str(model or self._models[side].get(key) or "")
        costs = [self._cost_of(name, part, self._places[side].get(endpoint)) for part in _PARTS]
        if costs[0] is None or costs[1] is None:
            return
        asked, said = costs[0], costs[1]
        more = [
            0.0 if cost is None else cost - base
            for cost, base in zip(costs[2:], (asked, asked, said), strict=True)
        ]
        each = [cost / _TOKENS for cost in (asked, said, *more)]
        self._journals.db.execute(
            "INSERT INTO prices VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", (side, key, model, endpoint, *each)
        )


def _places(decided: Mapping[str, Any]) -> dict[str, str]:
    """The base URL of each endpoint of a run, by its name."""
    endpoints = decided.get("endpoints")
    found = endpoints if isinstance(endpoints, list) else []
    return {
        str(each.get("name")): each["base_url"]
        for each in found
        if isinstance(each, dict) and isinstance(each.get("base_url"), str)
    }
