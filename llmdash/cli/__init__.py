"""The command line: names, options, exit codes; nothing else.

Nothing imports it but the `llmdash` script. A command loads what it needs when it runs, so that `--help` is
fast. It never runs a batch itself: `launch` does.
"""

from __future__ import annotations

import click

from llmdash import __version__
from llmdash.cli.commands import Program
from llmdash.cli.errors import (
    guarded,
    has_terminal,
    redactor_in_use,
    refuse,
    settings_from,
    settings_in_folder,
)
from llmdash.cli.examples import examples_of
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
    open_closed_streams()
    if context.invoked_subcommand is None:
        if not has_terminal():
            refuse("a terminal is needed to choose from; name what to run: llmdash run FILE --headless")
        guarded(_start)


def _start() -> int:
    import gc
    from functools import partial

    gc.disable()  # until the first picture: what is loaded is kept
    from llmdash.launch.home_screen import show_home

    return show_home(settings_from({}), partial(settings_in_folder, redactor=redactor_in_use()))
