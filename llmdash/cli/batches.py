"""`llmdash batches`: what is with a provider's batch service: listed, collected, cancelled, adopted."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from llmdash.cli.completing import batch_numbers, run_names
from llmdash.cli.errors import guarded, refuse, settings_from, settings_in_folder
from llmdash.cli.number_range import WholeRange

if TYPE_CHECKING:
    from pathlib import Path

    from click.shell_completion import CompletionItem

    from llmdash.launch.batch_errands import BatchWish
    from llmdash.launch.kept_batches import BatchesOfRun

__all__ = ["batches"]

_LIST = "list"
_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
_RUN = click.argument("run", shell_complete=run_names)
_ANY_RUN = click.argument("run", required=False, shell_complete=run_names)


class _ListedByDefault(click.Group):
    """A group whose first argument may be a run, as if `list` were before it."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        first = next((arg for arg in args if not arg.startswith("-")), None)
        asks_for_help = any(name in ctx.help_option_names for name in args)
        is_completed = ctx.resilient_parsing and first is None
        if first not in self.commands and not asks_for_help and not is_completed:
            args = [_LIST, *args]
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        return super().resolve_command(ctx, args if args[0] in self.commands else [_LIST, *args])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        return [
            *super().shell_complete(ctx, incomplete),
            *run_names(ctx, click.Argument(["run"]), incomplete),
        ]


@click.group(cls=_ListedByDefault, subcommand_metavar="[RUN] [--json] | COMMAND [ARGS]...")
def batches() -> None:
    """List the batches of RUN, or do something with them.

    They are or were with a provider's batch service, see llmdash run --batch. Without RUN those of every kept
    run of which some are open. A RUN is given by its name, by the start or end of the name of its folder, by
    its folder, or as: last. Exits with 10 while jobs are with a provider.
    """


@batches.command(_LIST)
@_ANY_RUN
@_JSON
def list_batches(run: str | None, as_json: bool) -> None:
    """List the batches of RUN, or of every run with open ones.

    The same as without a command. It reads what is on record: the provider is not asked.
    """
    guarded(lambda: _list(run, as_json=as_json))


def _list(run: str | None, *, as_json: bool) -> int:
    from llmdash.launch.kept_batches import as_records, batches_of, runs_with_open_batches
    from llmdash.reports.output import Output
    from llmdash.reports.summary import encode_line
    from llmdash.runs.catalogue import find_run

    found = [batches_of(find_run(run))] if run is not None else list(runs_with_open_batches())
    output = Output(sys.stdout)
    for each in found:
        for line in map(encode_line, as_records(each)) if as_json else _lines(each):
            output.line(line)
    if not as_json and not any(each.rows for each in found):
        click.echo("No batches of this run." if run is not None else "No run has open batches.", err=True)
    return _code(found)


def _lines(found: BatchesOfRun) -> list[str]:
    from llmdash.reports.batches import batch_lines
    from llmdash.reports.wording import resume_command
    from llmdash.sanitize import clean_line

    if not found.rows:
        return []
    title = clean_line(f"{found.title}  {found.folder}")
    lines = [title, *batch_lines(found.rows, found.folder)]
    if found.are_open:
        lines.append(f"Come back with: {resume_command(found.folder)}")
    return [*lines, ""]


def _code(found: Sequence[BatchesOfRun]) -> int:
    from llmdash.exit_codes import ExitCode

    return ExitCode.BATCHED if any(each.are_open for each in found) else ExitCode.DONE


@batches.command("collect")
@_ANY_RUN
@click.option("--wait", "waits", is_flag=True, help="Wait until nothing is with a provider any more.")
@_JSON
def collect_batches(run: str | None, waits: bool, as_json: bool) -> None:
    """Fetch the results of batches of RUN that have ended.

    Each is looked at once. Without RUN those of every kept run of which some are open. Nothing is sent: jobs
    that come back without a result stay pending, and llmdash run --resume sends them. Exits with 10 while
    jobs are with a provider, so that a script can call it from time to time.
    """
    guarded(lambda: _collect(run, waits=waits, as_json=as_json))


def _collect(run: str | None, *, waits: bool, as_json: bool) -> int:
    from llmdash.launch.batch_errands import collecting
    from llmdash.launch.kept_batches import batches_of, runs_with_open_batches
    from llmdash.runs.catalogue import find_run

    if run is not None:
        found = batches_of(find_run(run))
        if not found.are_open:
            click.echo("No batch of this run is open.", err=True)
            return 0
        return _fulfil(collecting(found.folder, waits=waits), as_json=as_json)
    folders = [each.folder for each in runs_with_open_batches()]
    if not folders:
        click.echo("No run has open batches.", err=True)
    codes = [_of_several(collecting(folder, waits=waits), as_json=as_json) for folder in folders]
    return next((code for code in codes if code not in (0, 10)), max(codes, default=0))


def _of_several(wish: BatchWish, *, as_json: bool) -> int:
    """Fulfil one of several wishes: what hinders it hinders no other."""
    from llmdash.engine.journal.lock import LockedError
    from llmdash.exit_codes import ExitCode
    from llmdash.launch.batch_errands import HINDRANCES
    from llmdash.launch.refusals import refusal_code
    from llmdash.sanitize import clean_line

    try:
        return _fulfil(wish, as_json=as_json)
    except LockedError as error:
        click.echo(f"llmdash: {clean_line(str(error))}", err=True)
        return ExitCode.BATCHED  # who works on it collects, too
    except HINDRANCES as error:
        click.echo(f"llmdash: {clean_line(str(error))}", err=True)
        return refusal_code(error) or ExitCode.USAGE


@batches.command("cancel")
@_RUN
@click.argument("batch", required=False, type=WholeRange(1), shell_complete=batch_numbers)
@_JSON
def cancel_batches(run: str, batch: int | None, as_json: bool) -> None:
    """Ask the provider to cancel BATCH of RUN, or all of them.

    BATCH is a number that llmdash batches shows. What is done by then is kept and paid for; come back for it,
    and for the jobs without a result, with llmdash run --resume.
    """
    from llmdash.launch.batch_errands import cancelling

    guarded(lambda: _fulfil(cancelling(_folder(run), batch), as_json=as_json))


@batches.command("adopt")
@_RUN
@click.argument("batch", type=WholeRange(1), shell_complete=batch_numbers)
@click.argument("provider_id")
@_JSON
def adopt_batch(run: str, batch: int, provider_id: str, as_json: bool) -> None:
    """Say what the provider calls BATCH of RUN: PROVIDER_ID.

    For a batch that is held, since the answer to its creation was lost and two batches of the provider may be
    it.
    """
    from llmdash.launch.batch_errands import adopting

    guarded(lambda: _fulfil(adopting(_folder(run), batch, provider_id), as_json=as_json))


def _folder(run: str) -> Path:
    from llmdash.runs.catalogue import find_run

    return find_run(run)


def _fulfil(wish: BatchWish, *, as_json: bool) -> int:
    """Have done what is wanted, by the process that works on the run or by this one. Return the exit code."""
    from llmdash.launch.batch_errands import carry_out, is_at_work
    from llmdash.launch.resuming import resumed_flags
    from llmdash.launch.run_input import Input

    if is_at_work(wish.folder):
        return _tell(wish, as_json=as_json)
    resumed = resumed_flags(Input(), wish.folder, {}, settings_in_folder)
    settings = settings_from(resumed.flags, simulated=resumed.is_simulated, given={})
    return carry_out(wish, resumed, settings, json=as_json)


def _tell(wish: BatchWish, *, as_json: bool) -> int:
    from llmdash.exit_codes import ExitCode
    from llmdash.launch.batch_errands import tell
    from llmdash.launch.control import status_line, status_record
    from llmdash.reports.output import Output
    from llmdash.reports.summary import encode_line

    output = Output(sys.stdout)
    frame = None
    for name, outcome in tell(wish):
        if outcome.refused:
            refuse(f"{name}: {outcome.refused}", 1)
        for line in outcome.notices:
            click.echo(f"llmdash: {line}", err=True)
        if not outcome.confirmed:
            refuse(f"{name} has not taken effect yet; see: llmdash batches", 1)
        frame = outcome.frame
    if frame is None:
        return 0
    said = encode_line(status_record(wish.folder, frame)) if as_json else status_line(frame)
    output.line(said)
    return ExitCode.BATCHED if frame.run.batched else ExitCode.DONE
