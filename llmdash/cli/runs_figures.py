"""`llmdash runs figures`: percentiles of kept runs, of one by group or of several side by side."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from llmdash.cli.completing import run_names
from llmdash.cli.errors import guarded, refuse

if TYPE_CHECKING:
    from llmdash.reports.timings_beside import NamedTimings

__all__ = ["figures"]


@click.command()
@click.argument("runs", metavar="RUN...", nargs=-1, required=True, shell_complete=run_names)
@click.option(
    "--by",
    type=click.Choice(("run", "key", "endpoint", "model")),
    default="run",
    show_default=True,
    help="What answers are told apart by.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a run, with histograms.")
@click.option("--csv", "as_csv", is_flag=True, help="CSV, a row a group and metric.")
def figures(runs: tuple[str, ...], by: str, as_json: bool, as_csv: bool) -> None:
    """Show percentiles of the times of each RUN.

    Time to the first token, to the whole answer, between tokens, waited, and tokens a second of a stream:
    p50, p90, p95 and p99 over all answers. Failed requests stand apart. Several runs stand side by side,
    metric by metric.
    """

    def work() -> int:
        from llmdash.engine.model.timings import Grouping
        from llmdash.reports.output import Output
        from llmdash.runs.catalogue import find_kept
        from llmdash.runs.figures import figures_of

        if as_json and as_csv:
            refuse("--json and --csv contradict each other; give one of them")
        found = figures_of([find_kept(run) for run in runs], Grouping(by))
        output = Output(sys.stdout)
        for line in _lines(found, as_json=as_json, as_csv=as_csv):
            output.line(line)
        return 0

    guarded(work)


def _lines(found: Iterable[NamedTimings], *, as_json: bool, as_csv: bool) -> Iterable[str]:
    from llmdash.reports.summary import encode_line
    from llmdash.reports.timing_tables import as_object, as_table, timings_csv
    from llmdash.reports.timings_beside import beside, beside_csv

    every = list(found)
    if as_json:
        more = len(every) > 1
        return [encode_line(({"run": each.name} if more else {}) | as_object(each.part)) for each in every]
    if len(every) > 1:
        return beside_csv(every).splitlines() if as_csv else beside(every)
    return timings_csv(every[0].part).splitlines() if as_csv else as_table(every[0].part)
