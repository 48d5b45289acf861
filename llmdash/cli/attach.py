"""`llmdash attach`: show the dashboard on a run that goes on in another process."""

from __future__ import annotations

import click

from llmdash.cli.completing import run_names
from llmdash.cli.errors import guarded, has_terminal, refuse

__all__ = ["attach"]


@click.command()
@click.argument("run", required=False, shell_complete=run_names)
@click.option("--read-only", is_flag=True, help="Only watch: nothing that is pressed reaches the run.")
def attach(run: str | None, *, read_only: bool) -> None:
    """Show the dashboard on RUN, which goes on elsewhere.

    RUN is its folder or name, or a part of that; without it, it is the newest one that goes on. A run may
    have several dashboards, and goes on without any.
    """
    if not has_terminal():
        refuse("a terminal is needed to show a run on; for scripts there is: llmdash ctl RUN status --json")
    guarded(lambda: _attach(run, read_only=read_only))


def _attach(run: str | None, *, read_only: bool) -> int:
    from llmdash.launch.attaching import running_folder, show_running
    from llmdash.runs.catalogue import find_run

    return show_running(running_folder() if run is None else find_run(run), read_only=read_only)
