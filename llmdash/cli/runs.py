"""`llmdash runs`: the runs that are kept: listed, shown, exported, named, tagged, deleted."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from llmdash.cli.completing import run_names
from llmdash.cli.errors import guarded, has_terminal, refuse
from llmdash.cli.runs_compare import compare_runs
from llmdash.cli.runs_figures import figures
from llmdash.cli.runs_open import open_kept, replay_kept

if TYPE_CHECKING:
    from llmdash.runs.entry import RunEntry
    from llmdash.runs.pruning import PruneOrder, Spared
    from llmdash.runs.removal import Removed

__all__ = ["runs"]

T = TypeVar("T")

_STATES = ("running", "paused", "held", "stopping", "done", "failed", "stopped", "died", "damaged")
_SHOWN = 20

_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
_YES = click.option("--yes", is_flag=True, help="Do not ask.")


@click.group(invoke_without_command=True)
@_JSON
@click.option("--all", "every", is_flag=True, help=f"All of them, not the newest {_SHOWN} alone.")
@click.option(
    "--state", "states", multiple=True, type=click.Choice(_STATES), help="Only those in this state."
)
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="Only those with this tag.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="The newest N at most.")
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


@runs.command()
@click.argument("names", nargs=-1, required=True, metavar="RUN...", shell_complete=run_names)
@_YES
def delete(names: tuple[str, ...], yes: bool) -> None:
    """Delete each RUN, with all that llmdash made in its folder.

    Other files stay there, and are named. Never one that a process works on, and never what a link leads to.
    """

    def work() -> int:
        from llmdash.runs.catalogue import entry_of, find_kept
        from llmdash.runs.pruning import delete_each

        folders = list(dict.fromkeys(map(find_kept, names)))
        entries = [entry_of(folder) for folder in folders]
        _agree("Delete", entries, yes=yes)
        return _report(delete_each(entries))

    guarded(work)


def _parsed(parse: Callable[[object], T]) -> Callable[[click.Context, click.Parameter, str | None], T | None]:
    """A callback that reads an option with a parser of settings."""

    def read(_context: click.Context, _option: click.Parameter, value: str | None) -> T | None:
        from llmdash.config import ConfigError

        try:
            return None if value is None else parse(value)
        except ConfigError as error:
            raise click.BadParameter(str(error)) from None

    return read


def _bytes(value: object) -> int:
    from llmdash.config.kept import parse_bytes

    return parse_bytes(value)


def _age(value: object) -> float:
    from llmdash.config.kept import parse_age

    return parse_age(value)


@runs.command()
@click.option(
    "--keep-bytes",
    metavar="SIZE",
    callback=_parsed(_bytes),
    help="Until all runs together have this much at most, such as 1GB.",
)
@click.option(
    "--older-than",
    "older_than_s",
    metavar="AGE",
    callback=_parsed(_age),
    help="Only those that ended longer ago, such as 30d.",
)
@click.option(
    "--keep-last", type=click.IntRange(min=0), metavar="N", help="Leave the newest N of them in place."
)
@click.option("--unfinished", is_flag=True, help="Also those that could go on.")
@click.option("--dry-run", is_flag=True, help="Only say which they are.")
@_YES
def prune(dry_run: bool, yes: bool, **order: Any) -> None:
    """Delete finished runs, the oldest first.

    As many as all that is given allows. Never one that a process works on, that waits for a release, that is
    damaged, or has the tag `keep`.
    """
    from llmdash.runs.pruning import PruneOrder

    if all(order[name] is None for name in ("keep_bytes", "older_than_s", "keep_last")):
        refuse("say what goes: --keep-bytes 1GB, --older-than 30d or --keep-last 20, or several of them")
    guarded(lambda: _prune(PruneOrder(**order), dry_run=dry_run, yes=yes))


def _prune(order: PruneOrder, *, dry_run: bool, yes: bool) -> int:
    import time

    from llmdash.reports.output import Output
    from llmdash.runs.catalogue import kept_runs
    from llmdash.runs.pruning import chosen, prune
    from llmdash.runs.table import as_table

    entries = chosen(list(kept_runs(count_s=float("inf"))), order, time.time())
    if not entries:
        click.echo("Nothing is to go.")
    elif dry_run:
        output = Output(sys.stdout)
        for line in as_table(entries, shutil.get_terminal_size().columns if output.isatty() else None):
            output.line(line)
        output.line(_sum("To be deleted", entries))
    else:
        _agree("Delete", entries, yes=yes)
        return _report(prune(entries, order))
    return 0


def _sum(what: str, entries: Sequence[RunEntry]) -> str:
    from llmdash.engine.model.counts import counted
    from llmdash.runs.show import size

    return f"{what}: {counted(len(entries), 'run')}, {size(sum(entry.bytes for entry in entries))}"


def _agree(what: str, entries: Sequence[RunEntry], *, yes: bool) -> None:
    """Ask whether to go on; exits where the answer is no, or nobody can be asked."""
    from llmdash.runs.table import as_table

    if yes:
        return
    if not has_terminal():
        refuse("there is no terminal to ask at; add --yes")
    for line in as_table(entries, shutil.get_terminal_size().columns):
        click.echo(line)
    click.confirm(_sum(what, entries), abort=True)


def _report(ends: Iterable[Removed | Spared]) -> int:
    """Say what became of each run. Return the exit code."""
    from llmdash.runs.pruning import Spared
    from llmdash.runs.show import removed_line
    from llmdash.sanitize import clean_line

    code = 0
    for end in ends:
        if isinstance(end, Spared):
            click.echo(f"llmdash: {clean_line(end.why)}", err=True)
            code = code or end.code
        else:
            click.echo(removed_line(end))
    return code


for _command in (compare_runs, figures, open_kept, replay_kept):
    runs.add_command(_command)
