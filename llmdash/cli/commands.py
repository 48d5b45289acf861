"""Every command of llmdash, loaded from its module when it is asked for.

A command line needs one of them, and all together take a while to load.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from itertools import chain
from typing import Final

import click

from llmdash.cli.examples import add_examples
from llmdash.cli.help_layout import COMMAND_GROUPS, LaidOutGroup

__all__ = ["Program"]

_NAMES: Final = frozenset(chain.from_iterable(COMMAND_GROUPS.values()))
_MODULES: Final[Mapping[str, str]] = {"init": "setup", "check": "setup", "demo": "run", "stream": "ask"}
"""The modules of commands that share one; each other has one of its own name."""


class Program(LaidOutGroup):
    """The group of all commands."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(_NAMES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _NAMES:
            return None
        module = import_module(f"llmdash.cli.{_MODULES.get(cmd_name, cmd_name)}")
        command: click.Command = getattr(module, cmd_name)
        add_examples(command, cmd_name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, but name the nearest command: click looks among loaded ones alone."""
        name = args[0]
        is_named = name in _NAMES or name.startswith("-") or ctx.resilient_parsing
        if not is_named:
            from difflib import get_close_matches

            if near := get_close_matches(name, sorted(_NAMES), 1):
                ctx.fail(f"No such command {name!r}. Did you mean {near[0]!r}?")
        return super().resolve_command(ctx, args)
