"""`llmdash runs reuse`: begin a run that takes the answers of a kept one."""

from __future__ import annotations

import click

from llmdash.cli.completing import run_names
from llmdash.cli.run import run

__all__ = ["runs_reuse"]


@click.command("reuse", context_settings={"ignore_unknown_options": True})
@click.argument("name", metavar="RUN", shell_complete=run_names)
@click.argument("arguments", nargs=-1, required=True, type=click.UNPROCESSED, metavar="FILE [OPTION]...")
def runs_reuse(name: str, arguments: tuple[str, ...]) -> None:
    """Run the prompts in FILE that RUN has not answered.

    It is short for: llmdash run FILE --reuse RUN.
    """
    with run.make_context("llmdash run", [*arguments, f"--reuse={name}"]) as context:
        run.invoke(context)
