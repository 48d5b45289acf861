"""Pairs the rows of two journals: by id at the same place, by id anywhere, then by the hash of the prompt."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from typing import NamedTuple

from llmdash.runs.comparison.journals import SIDES, JournalPair
from llmdash.runs.comparison.outcomes import outcome_sql
from llmdash.runs.comparison.unit_prices import UnitPrices, cost_sql, prices_join

__all__ = ["FIGURES", "Batch", "Pairing", "Stage"]

FIGURES = ("ttft_s", "latency_s", "input_tokens", "output_tokens", "cost")
"""What is recorded of each side of a pair: `a_latency_s`, `b_latency_s`, ..."""
_FIRST_BATCH = 20_000
_BATCH = 100_000
_FIELDS = (
    *("job", "id", "state", "verdict", "text", "message", "attempts", "ttft_s", "latency_s", "input_tokens"),
    *("output_tokens", "cached_tokens", "cache_write_tokens", "reasoning_tokens", "key", "model", "endpoint"),
    "prompt_hash",
)
_CREATE = f"""
CREATE TABLE pairs (
    pair INTEGER PRIMARY KEY, a_job INTEGER, b_job INTEGER, code INTEGER NOT NULL, prompt_differs INTEGER,
    {", ".join(f"{side}_{name}" for name in FIGURES for side in SIDES)}
)
"""
_STRIDE = 1 << 40
"""More than the jobs of any run: pairs of a stage are numbered from its multiple on."""
_FIRST = "CREATE TABLE first_of_b (id TEXT PRIMARY KEY, job INTEGER NOT NULL) WITHOUT ROWID"
_MATCHED = "CREATE TABLE matched (a_job INTEGER PRIMARY KEY, b_job INTEGER UNIQUE, stage INTEGER NOT NULL)"
_REST = "CREATE TABLE {}_rest (job INTEGER PRIMARY KEY, id TEXT, prompt_hash BLOB)"
_RANKED = "CREATE TABLE {}_ranked (name, nth INTEGER, job INTEGER, PRIMARY KEY (name, nth)) WITHOUT ROWID"


class Stage(enum.IntEnum):
    """How rows are paired in a step of the work, in this order."""

    PLACE = 0
    """By id, at the same place of the input."""
    ID = 1
    """By id, wherever they are."""
    REPEATED = 2
    """By an id that several rows have."""
    PROMPT = 3
    """By the hash of the prompt."""
    ONLY_A = 4
    ONLY_B = 5


_PROGRESS = {
    Stage.PLACE: (0.0, 0.4),
    Stage.ID: (0.4, 0.5),
    Stage.REPEATED: (0.9, 0.05),
    Stage.PROMPT: (0.95, 0.05),
}
"""The share of the work before a stage, and its own."""


class Batch(NamedTuple):
    """Pairs numbered from `low` to `high` were added to the table `pairs`; `progress` is 0 to 1."""

    stage: Stage
    low: int
    high: int
    progress: float


class Pairing:
    """Fills the table `pairs` step by step.

    A pair has the number of its job in A (in B, if it is in B alone), beyond those of earlier stages: pairs
    of two runs over the same file have the order of that file. Where several rows of a run have an id, the
    first goes with the first one of the other run, the second with the second. Rows that are written
    meanwhile are read or not.
    """

    def __init__(self, journals: JournalPair, prices: UnitPrices, *, texts: bool) -> None:
        self._journals = journals
        self._db = journals.db
        self._prices = prices
        self._texts = texts
        self._end = 1 + max(self._number(f"SELECT MAX(job) FROM ({self._jobs(side)})") for side in SIDES)  # noqa: S608
        self.repeated = (0, 0)
        """The rows without a partner at their place whose id a row before has as well, in A and in B."""
        for table in (_CREATE, _FIRST, _MATCHED):
            self._db.execute(table)

    def steps(self) -> Iterator[Batch]:
        """Pair everything; yields after each batch."""
        for low, high in self._batches():
            yield self._insert(Stage.PLACE, low, high, "{b} ON b.job = a.job AND b.id = a.id")
        if self._are_left():
            yield from self._by_id()
        if self._are_left():
            for side in SIDES:
                self._gather(side)
            self.repeated = (self._rank("a", "id"), self._rank("b", "id"))
            yield from self._by_rank(Stage.REPEATED)
            for side in SIDES:
                self._rank(side, "prompt_hash")
            yield from self._by_rank(Stage.PROMPT)
        for side, stage in zip(SIDES, (Stage.ONLY_A, Stage.ONLY_B), strict=True):
            yield from self._alone(side, stage)

    def _batches(self) -> Iterator[tuple[int, int]]:
        """Yield the lowest and highest job of batches of A, after their prices were looked up."""
        low, size = 0, _FIRST_BATCH
        query = f"SELECT MAX(job) FROM ({self._jobs('a')} WHERE job >= ? ORDER BY job LIMIT ?)"  # noqa: S608
        while high := self._number(query, low, size, default=-1) + 1:
            for side in SIDES:
                self._prices.look_up(side, low, high - 1)
            yield low, high - 1
            low, size = high, _BATCH

    def _jobs(self, side: str) -> str:
        return self._journals.results(side, ("job",))

    def _number(self, query: str, *values: int, default: int = 0) -> int:
        found = self._db.execute(query, values).fetchone()[0]
        return default if found is None else int(found)

    def _is_left(self, side: str) -> bool:
        """Return whether there are rows that have no partner yet."""
        paired = self._number(f"SELECT COUNT({side}_job) FROM pairs")  # noqa: S608 - a or b
        return self._number(f"SELECT COUNT(*) FROM ({self._jobs(side)})") > paired  # noqa: S608 - our own names

    def _are_left(self) -> bool:
        return all(self._is_left(side) for side in SIDES)

    def _insert(self, stage: Stage, low: int, high: int, joined: str) -> Batch:
        """Add pairs to the table: of jobs of A from `low` to `high`, with the rows of B that are `joined`."""
        sides = {side: f"({self._journals.results(side, _FIELDS)}) AS {side}" for side in SIDES}
        figures = ", ".join(_figure(side, name) for name in FIGURES for side in SIDES)
        offset = stage * _STRIDE
        self._db.execute(
            f"INSERT INTO pairs SELECT {offset} + a.job, a.job, b.job, {_code(texts=self._texts)}, "  # noqa: S608
            f"a.prompt_hash <> b.prompt_hash, {figures} "
            f"FROM {sides['a']} CROSS JOIN {joined.format(**sides)} {prices_join('a')} {prices_join('b')} "
            f"WHERE a.job BETWEEN ? AND ?",
            (low, high),
        )
        before, share = _PROGRESS[stage]
        return Batch(stage, offset + low, offset + high, before + share * min(1.0, high / self._end))

    # Rows at other places.

    def _by_id(self) -> Iterator[Batch]:
        """Pair the first row of each id in A with the first one in B."""
        rows = {side: self._journals.results(side, ("job", "id")) for side in SIDES}
        for number, (low, high) in enumerate(self._batches()):
            if number == 0:  # what the first totals need is found sooner than all of B is sorted
                here = f"SELECT id FROM ({rows['a']}) WHERE job BETWEEN ? AND ?"  # noqa: S608 - our own names
                self._index_b(f"id IN ({here})", low, high)
            elif number == 1:
                self._index_b("TRUE")
            self._db.execute(
                f"INSERT OR IGNORE INTO matched SELECT a.job, first_of_b.job, {Stage.ID:d} "  # noqa: S608 - as above
                f"FROM ({rows['a']}) AS a CROSS JOIN first_of_b ON first_of_b.id = a.id "
                f"WHERE a.job BETWEEN ? AND ? AND {_unpaired('a.job')} ORDER BY a.job",
                (low, high),
            )
            yield self._insert(Stage.ID, low, high, _matched(Stage.ID))

    def _index_b(self, wanted: str, *values: int) -> None:
        """Note the first row of each id in B that has no partner yet, of the `wanted` ones."""
        rows = self._journals.results("b", ("job", "id"))
        self._db.execute(
            f"INSERT OR IGNORE INTO first_of_b SELECT id, job FROM ({rows}) "  # noqa: S608 - our own names
            f"WHERE {wanted} AND {_unpaired('job')} ORDER BY id, job",
            values,
        )

    # What is left then: repeated ids, other ids.

    def _gather(self, side: str) -> None:
        """Gather the rows that have no partner yet."""
        rows = self._journals.results(side, ("job", "id", "prompt_hash"))
        self._db.execute(_REST.format(side))
        self._db.execute(
            f"INSERT INTO {side}_rest {rows} WHERE {_unpaired('job')} AND {_unmatched(side, 'job')}"
        )

    def _rank(self, side: str, name: str) -> int:
        """Number the rows of each name in input order; return how many are not the first."""
        self._db.execute(f"DROP TABLE IF EXISTS {side}_ranked")
        self._db.execute(_RANKED.format(side))
        self._db.execute(
            f"INSERT INTO {side}_ranked SELECT {name}, "  # noqa: S608 - our own names
            f"ROW_NUMBER() OVER (PARTITION BY {name} ORDER BY job), job FROM {side}_rest "
            f"WHERE {name} IS NOT NULL AND {_unmatched(side, 'job')} ORDER BY 1, 2"
        )
        return self._number(f"SELECT COUNT(*) FROM {side}_ranked WHERE nth > 1")  # noqa: S608 - as above

    def _by_rank(self, stage: Stage) -> Iterator[Batch]:
        """Pair the rows of the same name and number."""
        self._db.execute(
            f"INSERT INTO matched SELECT a.job, b.job, {stage:d} FROM a_ranked AS a "  # noqa: S608 - our own names
            "JOIN b_ranked AS b ON b.name = a.name AND b.nth = a.nth ORDER BY a.job"
        )
        if self._number("SELECT EXISTS (SELECT 1 FROM matched WHERE stage = ?)", stage):
            for low, high in self._batches():
                yield self._insert(stage, low, high, _matched(stage))

    def _alone(self, side: str, stage: Stage) -> Iterator[Batch]:
        """Add the rows of a run that have no partner at all."""
        rows = self._journals.results(side, _FIELDS)
        scale = 16 if side == "a" else 2
        columns = ", ".join(f"{side}_{name}" for name in FIGURES)
        figures = ", ".join(_figure(side, name) for name in FIGURES)
        offset = stage * _STRIDE
        if not self._is_left(side):
            return
        self._prices.look_up(side, 0, _STRIDE)
        self._db.execute(
            f"INSERT INTO pairs (pair, {side}_job, code, {columns}) "  # noqa: S608 - our own names
            f"SELECT {offset} + {side}.job, {side}.job, {scale} * ({outcome_sql(side)}), {figures} "
            f"FROM ({rows}) AS {side} {prices_join(side)} "
            f"WHERE {_unpaired(f'{side}.job')} AND {_unmatched(side, f'{side}.job')}"
        )
        yield Batch(stage, offset, offset + _STRIDE - 1, 1.0)


def _unpaired(job: str) -> str:
    """The SQL that a row has no partner at its place."""
    return f"NOT EXISTS (SELECT 1 FROM pairs WHERE pair = {job})"  # noqa: S608 - our own names


def _unmatched(side: str, job: str) -> str:
    """The SQL that a row has no partner elsewhere."""
    return f"NOT EXISTS (SELECT 1 FROM matched WHERE {side}_job = {job})"  # noqa: S608 - as above


def _matched(stage: Stage) -> str:
    """The SQL that joins the partners of a stage."""
    return (
        f"matched ON matched.a_job = a.job AND matched.stage = {stage:d} "
        "CROSS JOIN {b} ON b.job = matched.b_job"
    )


def _code(*, texts: bool) -> str:
    """The SQL of a code; without `texts` they count as the same."""
    differs = " + (a.text IS NOT b.text OR a.message IS NOT b.message)" if texts else ""
    return f"16 * ({outcome_sql('a')}) + 2 * ({outcome_sql('b')}){differs}"


def _figure(side: str, name: str) -> str:
    return cost_sql(side) if name == "cost" else f"{side}.{name}"
