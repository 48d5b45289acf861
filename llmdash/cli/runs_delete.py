"""`llmdash runs delete` and `llmdash runs prune`: runs that are kept no longer."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from llmdash.cli.completing import run_names
from llmdash.cli.errors import guarded, has_terminal, refuse
from llmdash.cli.number_range import WholeRange

if TYPE_CHECKING:
    from llmdash.runs.entry import RunEntry
    from llmdash.runs.pruning import PruneOrder, Spared
    from llmdash.runs.removal import Removed

__all__ = ["delete_runs", "prune_runs"]

T = TypeVar("T")

_YES = click.option("--yes", is_flag=True, help="Do not ask.")


@click.command("delete")
@click.argument("names", nargs=-1, required=True, metavar="RUN...", shell_complete=run_names)
@_YES
@click.option("--with-batches", is_flag=True, help="Also one of which jobs are with a provider.")
def delete_runs(names: tuple[str, ...], yes: bool, with_batches: bool) -> None:
    """Delete each RUN, with all that llmdash made in its folder.

    Other files stay there, and are named. Never one that a process works on, and never what a link leads to.
    One of which batches are open stays too, since what comes back would be lost: --with-batches deletes it.
    """

    def work() -> int:
        from llmdash.runs.catalogue import entry_of, find_kept
        from llmdash.runs.pruning import delete_each

        folders = list(dict.fromkeys(map(find_kept, names)))
        entries = [entry_of(folder) for folder in folders]
        _agree("Delete", entries, yes=yes)
        return _report(delete_each(entries, with_batches=with_batches))

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


@click.command("prune")
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
@click.option("--keep-last", type=WholeRange(min=0), metavar="N", help="Leave the newest N of them in place.")
@click.option("--unfinished", is_flag=True, help="Also those that could go on.")
@click.option("--dry-run", is_flag=True, help="Only say which they are.")
@_YES
def prune_runs(dry_run: bool, yes: bool, **order: Any) -> None:
    """Delete finished runs, the oldest first.

    As many as all that is given allows. Never one that a process works on, that waits for a release, of which
    jobs are with a provider, that is damaged, or has the tag `keep`.
    """
    from llmdash.runs.pruning import PruneOrder

    if all(order[name] is None for name in ("keep_bytes", "older_than_s", "keep_last")):
        refuse("say what goes: --keep-bytes 1GB, --older-than 30d or --keep-last 20, or several of them")
    guarded(lambda: _prune(PruneOrder(**order), dry_run=dry_run, yes=yes))


def _prune(order: PruneOrder, *, dry_run: bool, yes: bool) -> int:
    import shutil
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
    import shutil

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
