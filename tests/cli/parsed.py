"""A command line as the program parses it; nothing is run."""

from __future__ import annotations

import shlex
from itertools import takewhile

import click

from llmdash.cli import main

__all__ = ["parse"]


def parse(line: str) -> click.Context:
    """Parse `llmdash ...` down to its last command. Raises click.UsageError for what cannot be given."""
    words = list(takewhile(lambda word: word not in ("<", ">", ">>", "|"), shlex.split(line)))
    assert words[0] == "llmdash"
    command: click.Command = main
    context = click.Context(main, info_name="llmdash")
    rest = words[1:]
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        name, found, rest = command.resolve_command(context, rest)
        assert found is not None, name
        command = found
    return command.make_context(command.name, list(rest), parent=context)
