"""How help is laid out: the options of a command, and the commands of a group, under a heading each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import click

__all__ = ["COMMAND_GROUPS", "OPTION_GROUPS", "LaidOutCommand", "LaidOutGroup"]

OPTION_GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    "Prompts": (
        *("limit", "template", "prompt_column", "system", "send", "carry", "data"),
        *("allow_bad_lines", "strict"),
    ),
    "Requests": ("model", "models", "temperature", "max_tokens", "options", "stream"),
    "Rate": ("rate", "auto", "concurrency", "max_requests"),
    "Cost": ("forecast", "trial", "budget", "reuse", "dedupe"),
    "Answers": ("expected_column", "check", "schema", "repair", "empty"),
    "Results": ("out", "overwrite", "reasoning", "as_json", "markdown", "run_dir", "keep"),
    "Batches": (
        *("batch", "batch_deadline", "batch_size", "batch_leave"),
        *("batch_only", "batch_keep", "batch_abandon"),
    ),
    "Resume": ("resume", "retry_failed", "release", "changed"),
    "On the screen, or without": ("headless", "detach", "fps", "notify", "on_end"),
    "Endpoint": (
        *("simulate", "latency", "endpoint", "base_url", "dialect", "auth", "headers", "query"),
        *("proxy", "ca_file", "timeout", "config"),
    ),
    "Workers": (
        *("workers", "cluster", "tls_ca", "tls_cert", "tls_key", "allow_insecure", "send_keys"),
        *("patience",),
    ),
}
"""The parameters under each heading, in order; what is in none of them comes last."""

COMMAND_GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    "Run": ("run", "demo", "check", "init", "bench", "compare"),
    "Runs": ("runs", "batches", "attach", "ctl", "web", "doctor", "limits"),
    "One prompt": ("ask", "stream"),
    "More": ("manual", "themes", "trust", "completion", "simulate", "worker"),
}
"""The commands of llmdash under each heading, in the order of what is needed first."""

_FEW: Final = 12
"""As many options as need no headings."""


class LaidOutCommand(click.Command):
    """A command whose options stand under headings, where it has many."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        shown = {param: record for param in self.get_params(ctx) if (record := param.get_help_record(ctx))}
        if len(shown) <= _FEW:
            super().format_options(ctx, formatter)
            return
        named = {str(param.name): param for param in shown}
        for title, names in _sections(OPTION_GROUPS, named, "Options"):
            with formatter.section(title):
                formatter.write_dl([shown[named[name]] for name in names])


class LaidOutGroup(click.Group):
    """The program: its commands stand under headings."""

    command_class = LaidOutCommand

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        every = ((name, self.get_command(ctx, name)) for name in self.list_commands(ctx))
        commands = {name: command for name, command in every if command is not None}
        limit = formatter.width - 6 - max(map(len, commands))
        for title, names in _sections(COMMAND_GROUPS, commands, "Commands"):
            with formatter.section(title):
                formatter.write_dl([(name, commands[name].get_short_help_str(limit)) for name in names])


def _sections(
    groups: Mapping[str, Sequence[str]], there: Iterable[str], rest: str
) -> list[tuple[str, list[str]]]:
    """Return each heading with the names under it that are there; none that would be empty."""
    present = dict.fromkeys(there)
    found = [(title, [name for name in names if name in present]) for title, names in groups.items()]
    placed = {name for _, names in found for name in names}
    found.append((rest, [name for name in present if name not in placed]))
    return [(title, names) for title, names in found if names]
