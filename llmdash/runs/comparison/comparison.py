"""Compares two kept runs: pairs their rows, adds up their figures, and gives pages of them in any order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from llmdash.engine.journal.keeping import Keep
from llmdash.engine.model.changes import PairChange
from llmdash.engine.model.comparison import (
    NOTHING_READ,
    ComparedRun,
    ComparisonTotals,
    Metric,
    PairDetail,
    PairRow,
    PairSide,
    PairSort,
    PairsView,
    Piece,
    TextSide,
)
from llmdash.engine.model.states import Verdict
from llmdash.engine.model.word_difference import marked
from llmdash.runs.comparison.figures import PairedFigures
from llmdash.runs.comparison.journals import SIDES, JournalPair
from llmdash.runs.comparison.outcomes import change_of, codes_of
from llmdash.runs.comparison.pairing import FIGURES, Pairing
from llmdash.runs.comparison.unit_prices import CostOf, UnitPrices
from llmdash.sanitize import clean_line

__all__ = ["Progress", "RunComparison"]

_LONGEST_TEXT = 20_000
"""Characters of an answer that are compared and shown."""
_BEGINNING = 200
"""Characters of an answer that are shown in a line."""
_LONGEST_CHECK = 10
_SHOWN = ("job", "id", "state", "verdict", "text", "error", "message")
_NONE_SHOWN = "CREATE TABLE shown (place INTEGER PRIMARY KEY, pair INTEGER NOT NULL)"
_ORDERS = {
    PairSort.INPUT: "pair",
    PairSort.CHANGE: "rank, pair",
    PairSort.LATENCY: "ABS(b_latency_s - a_latency_s) DESC, pair",
    PairSort.OUTPUT: "ABS(b_output_tokens - a_output_tokens) DESC, pair",
    PairSort.COST: "ABS(b_cost - a_cost) DESC, pair",
}
_REVERSED = {
    PairSort.INPUT: "pair DESC",
    PairSort.CHANGE: "rank DESC, pair",
    PairSort.LATENCY: "ABS(b_latency_s - a_latency_s) NULLS LAST, pair",
    PairSort.OUTPUT: "ABS(b_output_tokens - a_output_tokens) NULLS LAST, pair",
    PairSort.COST: "ABS(b_cost - a_cost) NULLS LAST, pair",
}


_RANK = (
    "CASE code " + " ".join(f"WHEN {code} THEN {change_of(code):d}" for code in codes_of(PairChange)) + " END"
)
"""The SQL of the number of a row's change."""


class Progress(NamedTuple):
    """How far the work is, 0 to 1, and the totals so far."""

    done: float
    totals: ComparisonTotals


class RunComparison:
    """Two runs side by side. `steps` does the work; pages can be read between its steps and after them.

    For one thread at a time. `cost_of` has the prices. A context manager; raises JournalError where a journal
    cannot be read.
    """

    def __init__(self, a: Path, b: Path, cost_of: CostOf) -> None:
        self._journals = JournalPair(a, b)
        try:
            with self._journals.reading():
                self.runs = _run(self._journals, "a"), _run(self._journals, "b")
                texts = all(run.has_texts for run in self.runs)
                self._pairing = Pairing(self._journals, UnitPrices(self._journals, cost_of), texts=texts)
                self._figures = PairedFigures(self._journals.db, texts=texts)
                self._journals.db.execute(_NONE_SHOWN)
        except BaseException:  # an interrupt, too, must not leave it open; it is raised again
            self._journals.close()
            raise
        self.totals = NOTHING_READ

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the journals."""
        self._journals.close()

    # The work.

    def steps(self) -> Iterator[Progress]:
        """Compare the runs; yields the totals from time to time, the whole of them last."""
        with self._journals.reading():
            for batch in self._pairing.steps():
                self._figures.add(batch)
                self.totals = self._figures.totals(self._pairing.repeated)
                yield Progress(0.95 * batch.progress, self.totals)
            for metric in Metric:
                if (mean := self._figures.resampled(metric)) is not None:
                    means = tuple(mean if each.metric is metric else each for each in self.totals.means)
                    self.totals = replace(self.totals, means=means)
                    yield Progress(0.95, self.totals)
            self.totals = replace(self.totals, complete=True)
            yield Progress(1.0, self.totals)

    # Pages.

    def order(self, view: PairsView) -> int:
        """Put the pairs that the view shows in its order; return how many. `rows` numbers them from 0."""
        db = self._journals.db
        orders = _REVERSED if view.reverse else _ORDERS
        with self._journals.reading():
            db.execute("DELETE FROM shown")
            codes = codes_of(view.changes)
            where = f"code IN ({', '.join(map(str, codes))})" + (f" AND {self._named()}" if view.text else "")
            return db.execute(
                f"INSERT INTO shown (pair) SELECT pair FROM (SELECT pairs.*, {_RANK} AS rank FROM pairs) "  # noqa: S608
                f"WHERE {where} ORDER BY {orders[view.sort]}",
                {"text": view.text},
            ).rowcount

    def _named(self) -> str:
        """The SQL of pairs whose id contains a text, in either run; letters of ASCII in either case."""
        either = " OR ".join(
            f"EXISTS (SELECT 1 FROM ({self._journals.results(side, ('job', 'id'))}) AS own "  # noqa: S608
            f"WHERE own.job = {side}_job AND INSTR(LOWER(own.id), LOWER(:text)))"
            for side in SIDES
        )
        return f"({either})"

    def rows(self, first: int, height: int) -> tuple[PairRow, ...]:
        """Return at most `height` rows in the order of the last call of `order`, from `first` on."""
        with self._journals.reading():
            found = self._journals.db.execute(
                self._row_query(
                    "shown JOIN pairs ON pairs.pair = shown.pair", "place BETWEEN ? AND ?", "place"
                ),
                (first + 1, first + height),
            ).fetchall()
        return tuple(map(_row, found))

    def every_row(self) -> Iterator[PairRow]:
        """Yield all rows in the order of the last call of `order`."""
        first, page = 0, 1_000
        while found := self.rows(first, page):
            yield from found
            first += page

    def texts(self, row: PairRow) -> tuple[str | None, str | None]:
        """Return the whole answers of a pair; None where there is none, or it was not kept."""
        with self._journals.reading():
            a, b = (
                None if own is None else self._whole_text(side, own.job)
                for side, own in zip(SIDES, (row.a, row.b), strict=True)
            )
        return a, b

    def _whole_text(self, side: str, job: int) -> str | None:
        rows = self._journals.results(side, ("job", "text"))
        found = self._journals.db.execute(f"SELECT text FROM ({rows}) WHERE job = ?", (job,)).fetchone()  # noqa: S608
        return None if found is None or found[0] is None else str(found[0])

    def detail(self, pair: int) -> PairDetail | None:
        """Return a pair in full, its texts with their differences; None if there is none of this number."""
        with self._journals.reading():
            found = self._journals.db.execute(
                self._row_query("pairs", "pair = ?", "pair"), (pair,)
            ).fetchone()
            if found is None:
                return None
            row = _row(found)
            texts = [
                None if own is None else self._texts(side, own.job)
                for side, own in zip(SIDES, (row.a, row.b), strict=True)
            ]
        return _with_differences(row, *texts)

    def _row_query(self, table: str, where: str, order: str) -> str:
        columns = ", ".join(
            f"{side}_job, {side}.id, {side}.state, {side}.verdict, "
            f"SUBSTR(COALESCE({side}.text, {side}.error, {side}.message), 1, {_BEGINNING}), "
            + ", ".join(f"{side}_{name}" for name in FIGURES)
            for side in SIDES
        )
        joins = " ".join(
            f"LEFT JOIN ({self._journals.results(side, _SHOWN)}) AS {side} ON {side}.job = {side}_job"
            for side in SIDES
        )
        return f"SELECT pairs.pair, code, {columns} FROM {table} {joins} WHERE {where} ORDER BY {order}"  # noqa: S608

    def _texts(self, side: str, job: int) -> TextSide:
        rows = self._journals.results(side, ("job", "text", "message", "error", "expected"))
        cut = "SUBSTR({0}, 1, ?)"
        found = self._journals.db.execute(
            f"SELECT {cut.format('COALESCE(text, message)')}, LENGTH(COALESCE(text, message)), "  # noqa: S608
            f"{cut.format('error')}, {cut.format('expected')} FROM ({rows}) WHERE job = ?",
            (_LONGEST_TEXT, _LONGEST_TEXT, _LONGEST_TEXT, job),
        ).fetchone()
        if found is None:  # queued again meanwhile
            return TextSide(None)
        text, length, error, expected = found
        pieces = None if text is None else (Piece(str(text), differs=False),)
        over = max(0, int(length or 0) - _LONGEST_TEXT)
        return TextSide(pieces, str(error or ""), str(expected or ""), over)

    def interrupt(self) -> None:
        """Make what another thread does now end in a JournalError. May be called from any thread."""
        self._journals.db.interrupt()


def _run(journals: JournalPair, side: str) -> ComparedRun:
    facts = journals.facts(side)
    folder = journals.folders[SIDES.index(side)]
    models = dict.fromkeys(map(str, journals.object_of(side, "models").values()))
    return ComparedRun(
        name=str(facts.get("title") or folder.absolute().name),
        model=", ".join(models) if len(models) <= 2 else f"{len(models)} models",
        folder=str(folder),
        has_texts=facts.get("keep") != Keep.NONE.value,
        check=clean_line(str(facts.get("scored_by") or facts.get("check") or ""))[:_LONGEST_CHECK],
    )


def _row(found: tuple[Any, ...]) -> PairRow:
    pair, code, *sides = found
    width = len(sides) // 2
    return PairRow(pair, change_of(code), _side(sides[:width]), _side(sides[width:]))


def _side(columns: list[Any]) -> PairSide | None:
    job, name, state, verdict, begins, *figures = columns
    if job is None:
        return None
    if state is None:  # queued again meanwhile
        return PairSide(job, "", "pending")
    known = Verdict(verdict) if verdict in Verdict.__members__.values() else Verdict.UNSCORED
    ttft_s, latency_s, asked, said, cost = figures
    return PairSide(
        job, str(name), str(state), known, ttft_s, latency_s, asked, said, cost, str(begins or "")
    )


def _with_differences(row: PairRow, a: TextSide | None, b: TextSide | None) -> PairDetail:
    if a is None or b is None or a.pieces is None or b.pieces is None:
        return PairDetail(row, a, b)
    left, right, found = marked(a.pieces[0].text, b.pieces[0].text)
    return PairDetail(row, replace(a, pieces=left), replace(b, pieces=right), marked=found)
