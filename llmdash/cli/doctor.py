"""`llmdash doctor`: check the folder of a run, repair it, restore a terminal."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from llmdash.cli.completing import run_names
from llmdash.cli.errors import guarded, refuse, settings_from, settings_in_folder
from llmdash.cli.options import OVERWRITE_OPTION

if TYPE_CHECKING:
    from llmdash.doctor.findings import Checkup, Finding
    from llmdash.reports.output import Output

__all__ = ["doctor"]


@click.command()
@click.argument("folder", required=False, type=click.Path(path_type=Path), shell_complete=run_names)
@click.option("--repair", is_flag=True, help="Repair what can be repaired; the journal is copied first.")
@click.option("--all", "every", is_flag=True, help="Every run in the data folder, a line each.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the recorded results: .jsonl, .json, .csv, .tsv, .parquet or .batch.jsonl.",
)
@OVERWRITE_OPTION
@click.option("--online", is_flag=True, help="Ask the providers for batches of the run that are not here.")
@click.option("--terminal", is_flag=True, help="Only restore a terminal that was left broken.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def doctor(folder: Path | None, **options: Any) -> None:
    """Check the run in FOLDER, or the newest one, or repair it.

    Prints what is wrong with it and how to fix it. FOLDER may also be the name of a run or a part of it that
    no other has, or last. Checks files, journal, sums and input; changes nothing without --repair. Also
    restores a terminal that was left broken. Exits with 0 if the run is sound, 6 if --repair was given while
    another process works on the run, 7 if something is wrong.
    """
    if options["terminal"]:
        if folder is not None or options["repair"] or options["every"] or options["out"] or options["online"]:
            refuse("--terminal checks no run; leave the other options out")
        guarded(_terminal)
    if options["every"] and (folder is not None or options["out"] or options["online"]):
        refuse("--all checks every run; leave out FOLDER, --out and --online, or --all")
    guarded(lambda: _doctor(folder, options))


def _terminal() -> int:
    from llmdash.terminal_reset import restore_terminal

    if not restore_terminal(sys.stdin, sys.stdout):
        refuse("there is no terminal here; run it in the one that is broken")
    click.echo("The terminal is restored.")
    return 0


def _doctor(folder: Path | None, options: Mapping[str, Any]) -> int:
    from llmdash.launch.doctor import every_run, newest_run
    from llmdash.reports.output import Output
    from llmdash.reports.streams import moves_cursor
    from llmdash.runs.catalogue import find_kept
    from llmdash.terminal_reset import restore_terminal

    if not options["as_json"] and moves_cursor():
        restore_terminal(sys.stdin, sys.stdout)
    output = Output(sys.stdout)
    if options["every"]:
        folders = every_run()
        if not folders:
            click.echo("No runs yet.", err=True)
        return max((_examine(each, options, output) for each in folders), default=0)
    if folder is not None and not folder.is_dir():
        folder = find_kept(str(folder))
    if folder is None:
        folder = newest_run()
        if not options["as_json"]:
            output.line(f"The newest run: {folder}")
    if options["out"] is not None:
        from llmdash.launch.results import check_output, facts_of

        check_output(options["out"], None, facts_of(folder), overwrite=options["overwrite"])
    code = _examine(folder, options, output)
    if options["out"] is not None:
        from llmdash.engine.model.counts import counted
        from llmdash.launch.results import export
        from llmdash.sanitize import clean_line

        written = export(folder, options["out"])
        click.echo(
            f"{counted(written, 'result')} written to {clean_line(str(options['out']))}",
            err=options["as_json"],
        )
    return code


def _examine(folder: Path, options: Mapping[str, Any], output: Output) -> int:
    """Check one run, repair it with --repair, and print the findings. Return the exit code."""
    from llmdash.doctor.repair import RepairError
    from llmdash.engine.journal.lock import LockedError
    from llmdash.exit_codes import ExitCode
    from llmdash.launch.doctor import RunUnderCheck
    from llmdash.sanitize import clean_line

    run = RunUnderCheck(folder)
    done: list[str] = []
    refused = 0
    if options["repair"]:
        try:
            done, checkup = run.repair()
        except (LockedError, RepairError) as error:
            refused = ExitCode.LOCKED if isinstance(error, LockedError) else ExitCode.STORAGE
            click.echo(f"llmdash: {clean_line(str(error))}", err=True)
            checkup = run.check()
    else:
        checkup = run.check()
    if options["online"]:
        checkup = replace(checkup, findings=(*checkup.findings, *_online(folder)))
    _report(checkup, done, options, output)
    return refused or (0 if checkup.sound else ExitCode.STORAGE)


def _online(folder: Path) -> list[Finding]:
    from llmdash.launch.batches_online import batches_at_provider
    from llmdash.launch.resuming import resumed_flags
    from llmdash.launch.run_input import Input

    resumed = resumed_flags(Input(), folder, {}, settings_in_folder)
    settings = settings_from(resumed.flags, simulated=resumed.is_simulated, given={})
    return batches_at_provider(folder, settings)


def _report(checkup: Checkup, done: list[str], options: Mapping[str, Any], output: Output) -> None:
    from llmdash.doctor.report import as_lines, as_records, summary_line
    from llmdash.reports.summary import encode_line

    if options["as_json"]:
        for record in as_records(checkup, done):
            output.line(encode_line(record))
    elif options["every"]:
        output.line(summary_line(checkup, done))
    else:
        for line in as_lines(checkup, done, repaired=options["repair"]):
            output.line(line)
