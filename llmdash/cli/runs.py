"""`llmdash runs`: the runs that are kept: listed, shown, exported, named, tagged."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from llmdash.cli.completing import run_names
from llmdash.cli.errors import guarded, refuse
from llmdash.cli.number_range import WholeRange
from llmdash.cli.runs_compare import compare_runs
from llmdash.cli.runs_delete import delete_runs, prune_runs
from llmdash.cli.runs_figures import figures
from llmdash.cli.runs_open import open_kept, replay_kept
from llmdash.cli.runs_reuse import runs_reuse

__all__ = ["runs"]

_STATES = ("running", "paused", "held", "stopping", "done", "failed", "stopped", "batched", "died", "damaged")
_SHOWN = 20

_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")


@click.group(invoke_without_command=True)
@_JSON
@click.option("--all", "every", is_flag=True, help=f"All of them, not the newest {_SHOWN} alone.")
@click.option(
    "--state", "states", multiple=True, type=click.Choice(_STATES), help="Only those in this state."
)
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="Only those with this tag.")
@click.option("--limit", type=WholeRange(min=1), metavar="N", help="The newest N at most.")
@click.pass_context
def runs(context: click.Context, /, **options: Any) -> None:
    """List the runs that are kept, or do something with one.

    A RUN is given by its name, by the start or end of the name of its folder, by its folder, or as: last.
    """
    if context.invoked_subcommand is None:
        guarded(lambda: _list(**options))


def _list(
    *, as_json: bool, every: bool, states: Sequence[str], tags: Sequence[str], limit: int | None
) -> int:
    import shutil
    from itertools import islice

    from llmdash.reports.output import Output
    from llmdash.reports.summary import encode_line
    from llmdash.runs.catalogue import kept_runs
    from llmdash.runs.table import as_record, as_table, damages

    if every and limit is not None:
        refuse("--all and --limit contradict each other; give one of them")
    output = Output(sys.stdout)
    found = (
        entry
        for entry in kept_runs()
        if (not states or entry.state.value in states) and set(tags) <= set(entry.tags)
    )
    most = limit if limit is not None or every or as_json else _SHOWN
    if as_json:
        for entry in islice(found, most):
            output.line(encode_line(as_record(entry)))
        return 0
    shown = list(islice(found, most))
    if not shown:
        click.echo("No such runs." if states or tags else "No runs yet.", err=True)
        return 0
    for line in as_table(shown, shutil.get_terminal_size().columns if output.isatty() else None):
        output.line(line)
    for line in damages(shown):
        output.line(line)
    if limit is None and not every and next(found, None) is not None:
        click.echo(f"These are the newest {_SHOWN}; all of them: llmdash runs --all", err=True)
    return 0


@runs.command()
@click.argument("run", shell_complete=run_names)
@_JSON
def show(run: str, as_json: bool) -> None:
    """Show all that is known of RUN, and how to go on with it."""

    def work() -> int:
        from llmdash.reports.output import Output
        from llmdash.reports.summary import encode_line
        from llmdash.runs.catalogue import find_kept
        from llmdash.runs.details import details_of
        from llmdash.runs.show import as_lines, as_object

        details, output = details_of(find_kept(run)), Output(sys.stdout)
        for line in [encode_line(as_object(details))] if as_json else as_lines(details):
            output.line(line)
        return 0

    guarded(work)


@runs.command()
@click.argument("run", shell_complete=run_names)
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--overwrite", is_flag=True, help="Replace a file that holds something else.")
@click.option("--reasoning", is_flag=True, help="What the models thought, too.")
def export(run: str, out: Path, overwrite: bool, reasoning: bool) -> None:
    """Write the results of RUN to OUT, whether it has ended or not.

    The end of OUT says how: .jsonl, .json, .csv, .tsv, .parquet or .batch.jsonl. Results have the fields of
    the input that were carried; the input itself is not needed.
    """

    def work() -> int:
        from llmdash.launch.kept import export_kept
        from llmdash.runs.catalogue import find_run

        for line in export_kept(find_run(run), out, overwrite=overwrite, reasoning=reasoning):
            click.echo(line)
        return 0

    guarded(work)


@runs.command()
@click.argument("run", shell_complete=run_names)
@click.argument("title")
def rename(run: str, title: str) -> None:
    """Give RUN a name of its own; an empty TITLE takes it away.

    A living run is not disturbed.
    """

    def work() -> int:
        from llmdash.runs.catalogue import find_run
        from llmdash.runs.marks import rename

        rename(find_run(run), title)
        return 0

    guarded(work)


@runs.command()
@click.argument("run", shell_complete=run_names)
@click.argument("tags", nargs=-1, required=True, metavar="TAG...")
@click.option("--remove", is_flag=True, help="Take the tags away.")
def tag(run: str, tags: tuple[str, ...], remove: bool) -> None:
    """Tag RUN. One with the tag `keep` is never pruned."""

    def work() -> int:
        from llmdash.runs.catalogue import find_run
        from llmdash.runs.marks import tag, untag

        (untag if remove else tag)(find_run(run), tags)
        return 0

    guarded(work)


for _command in (delete_runs, prune_runs, compare_runs, figures, open_kept, replay_kept, runs_reuse):
    runs.add_command(_command)
