"""The group of all commands, and what a bare `llmdash` does."""

from __future__ import annotations

import click

from llmdash import __version__
from llmdash.cli.commands import Program
from llmdash.cli.examples import examples_of
from llmdash.cli.home import start
from llmdash.reports.streams import open_closed_streams

__all__ = ["main"]


@click.group(
    cls=Program,
    epilog=examples_of("llmdash"),
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="llmdash")
@click.pass_context
def main(context: click.Context) -> None:
    """Run a file of prompts through a pool of API keys, with a live dashboard.

    Without a command the dashboard asks what to run. Keys come from .env (API_KEY=a,b,c and BASE_URL=...) or
    OPENAI_API_KEY, never from the command line.
    """
    if context.invoked_subcommand is None:
        start()
    else:
        open_closed_streams()
