"""`llmdash bench`: find out how much an endpoint takes, and which settings to keep."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from llmdash.cli.errors import guarded, refuse, settings_from
from llmdash.cli.help_layout import LaidOutCommand
from llmdash.cli.number_range import WholeRange
from llmdash.cli.options import SETTING_OPTIONS, own_folder_option, practice_options, with_options
from llmdash.cli.run_options import READING_OPTIONS, reading_of

if TYPE_CHECKING:
    from llmdash.bench.figures import StepFigures
    from llmdash.launch.bench import BenchOutcome, BenchRun

__all__ = ["bench"]

_OWN = (
    *("simulate", "latency", "max_requests", "yes", "as_json", "run_dir"),
    *("template", "prompt_column", "expected_column", "system", "send", "carry", "data"),
)
_SEED = 1


@click.command(cls=LaidOutCommand)
@click.argument("prompts", required=False, type=click.Path(path_type=Path))
@click.option(
    "--max-requests",
    type=WholeRange(12, 100_000),
    default=500,
    show_default=True,
    metavar="N",
    help="Send no more than these.",
)
@click.option("--budget", metavar="DOLLARS", help="Spend at most this; its models need prices.")
@with_options(SETTING_OPTIONS)
@with_options(practice_options(0.4))
@with_options(READING_OPTIONS)
@click.option("--yes", "-y", is_flag=True, help="Do not ask before sending.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a step, the last one the summary.")
@own_folder_option("the run")
def bench(prompts: Path | None, **options: Any) -> None:
    """Find out how much an endpoint takes.

    Sends 1, 2, 4, ... requests at once, up to --concurrency (here 512 by default), without a rate limit
    unless --rate sets one. It stops at the first harm: a rate limit (429), failures, or answers that take
    longer while no more are done. Prints throughput and p95 latency over the requests in flight, and the
    settings to keep. PROMPTS is as for `llmdash run`; without it there are arithmetic expressions. No request
    is sent twice. What it may send and cost is shown before, and asked on a terminal.
    """
    own = {name: options.pop(name) for name in _OWN}
    guarded(lambda: _bench(prompts, own, options))


def _bench(prompts: Path | None, own: Mapping[str, Any], flags: Mapping[str, Any]) -> int:
    from llmdash.exit_codes import ExitCode
    from llmdash.launch.bench import opened_bench
    from llmdash.launch.compare import practice
    from llmdash.launch.run_input import Input

    if prompts is not None and str(prompts) == "-":
        refuse("a bench repeats its prompts; write them into a file, and name it")
    settings = settings_from(flags, simulated=own["simulate"])
    if settings.kept.keep == "none":
        refuse("a bench measures what its run keeps; leave out keep = none (LLMDASH_KEEP)")
    generated = Input(limit=own["max_requests"], seed=_SEED)
    given = generated if prompts is None else Input(prompts, **reading_of(own))
    with opened_bench(
        given,
        settings,
        flags,
        requests=own["max_requests"],
        run_dir=own["run_dir"],
        practice=practice(own["latency"]) if own["simulate"] else None,
    ) as run:
        if not own["simulate"]:
            _announce(run, asks=not own["yes"])
        outcome = run.climb(lambda step: _tell(step, as_json=own["as_json"]))
        _print(outcome, run, as_json=own["as_json"])
    if outcome.code:
        return outcome.code
    return ExitCode.DONE if outcome.bench.best is not None else ExitCode.FAILED


def _announce(run: BenchRun, *, asks: bool) -> None:
    """Show what may be sent and spent, and ask; exit with 2 where nobody says yes, or can be asked."""
    from llmdash.cli.errors import has_terminal
    from llmdash.engine.model.counts import counted
    from llmdash.reports.forecast import forecast_lines

    requests = counted(run.requests, "request")
    click.echo(f"llmdash: up to {requests}, {run.most:,} at once, may be sent", err=True)
    for line in forecast_lines(run.forecast):
        click.echo(f"llmdash: {line}", err=True)
    if asks and not has_terminal():
        refuse("nothing was sent, as nobody can be asked here; add --yes")
    if asks and not click.confirm("Send them?", err=True):
        refuse("nothing was sent")


def _tell(step: StepFigures, *, as_json: bool) -> None:
    from llmdash.bench.report import step_line, step_record
    from llmdash.reports.output import Output
    from llmdash.reports.summary import encode_line

    if as_json:
        Output(sys.stdout).line(encode_line(step_record(step)))
    else:
        Output(sys.stderr).line(f"llmdash: {step_line(step)}")


def _print(outcome: BenchOutcome, run: BenchRun, *, as_json: bool) -> None:
    from llmdash.bench.report import bench_record, bench_report
    from llmdash.reports.output import Output
    from llmdash.reports.summary import encode_line
    from llmdash.sanitize import clean_line

    part = outcome.frame.run
    if as_json:
        record = bench_record(outcome.bench, attempts=part.attempts, cost=part.cost)
        Output(sys.stdout).line(encode_line(record))
    else:
        Output(sys.stdout).line(bench_report(outcome.bench))
    if outcome.why:
        Output(sys.stderr).line(f"llmdash: the run was ended: {clean_line(outcome.why)}")
    kept = clean_line(str(run.session.folder))
    Output(sys.stderr).line(f"llmdash: requests sent: {part.attempts:,}; the run is kept in {kept}")
