"""`llmdash ctl`: steer a run of another process from a script."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from llmdash.cli.completing import run_names
from llmdash.cli.errors import guarded, refuse

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from llmdash.engine.model.frame import Frame
    from llmdash.launch.control import Action

__all__ = ["ctl"]

_MOST_CONCURRENCY: Final = 10_000
_EXAMPLES: Final = {
    "rate": "rate 20/s",
    "auto": "auto on",
    "concurrency": "concurrency 64",
    "budget": "budget 7.50",
}
"""The actions with a value, and how each is written."""
_NAMES: Final = ("status", "pause", "resume", *_EXAMPLES, "retry-failed", "release", "drain", "stop")


def _actions(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """Complete an action, with how its value is written."""
    from click.shell_completion import CompletionItem

    return [CompletionItem(name, help=_EXAMPLES.get(name)) for name in _NAMES if name.startswith(begun)]


@click.command()
@click.argument("run", shell_complete=run_names)
@click.argument("action", metavar="[ACTION]", default="status", shell_complete=_actions)
@click.argument("value", required=False)
@click.option("--json", "as_json", is_flag=True, help="One JSON object: the summary of the run so far.")
def ctl(run: str, action: str, value: str | None, as_json: bool) -> None:
    """Steer a run that another process works on, or show its status.

    RUN is its folder, its name or a part of it that no other has, or last. What the run does then is printed
    once the action has taken effect; the exit code is 1 where it has not.

    \b
    Actions:
      status           what it does, and what it is set to; the default
      pause, resume    send nothing new, and go on
      rate 20/s        requests started; unlimited lifts it
      auto on|off      find the rate by itself, below the one that is set
      concurrency 64   requests in flight at most
      budget 7.50      dollars over all starts; none lifts it
      retry-failed     try the failed jobs again
      release          run the rest after a trial, or what no batch takes
      drain            finish what is in flight, then end
      stop             end at once; what is in flight is cut off

    Batches that are with a provider go on after drain and stop: llmdash batches collects or cancels them.
    """
    if action not in _NAMES:
        raise click.UsageError(f"{action!r} is no action; write one of {', '.join(_NAMES)}")
    if (value is None) == (action in _EXAMPLES):
        example = _EXAMPLES.get(action)
        raise click.UsageError(f"{action} takes no value" if example is None else f"write it as: {example}")
    guarded(lambda: _ctl(run, action, value, as_json=as_json))


def _ctl(run: str, name: str, value: str | None, *, as_json: bool) -> int:
    from llmdash.launch.control import status_of, steer
    from llmdash.runs.catalogue import find_run

    if name == "status":
        folder = find_run(run)
        _show(folder, status_of(folder), as_json=as_json)
        return 0
    action = _action(name, value)
    folder = find_run(run)
    outcome = steer(folder, action)
    if outcome.refused:
        refuse(f"{name}: {outcome.refused}", 1)
    for line in outcome.notices:
        click.echo(f"llmdash: {line}", err=True)
    _show(folder, outcome.frame, as_json=as_json)
    if not outcome.confirmed:
        refuse(f"{name} has not taken effect; llmdash ctl {run} status shows what is set", 1)
    return 0


def _action(name: str, value: str | None) -> Action:
    """Return the action of that name. Raises ConfigError for a value that cannot be."""
    from llmdash.config.values import parse_budget, parse_rate, parse_switch, parse_whole
    from llmdash.launch.control import ACTIONS, set_auto, set_budget, set_concurrency, set_rate

    if name == "rate":
        return set_rate(parse_rate(value))
    if name == "concurrency":
        return set_concurrency(parse_whole(value, 1, _MOST_CONCURRENCY))
    if name == "auto":
        return set_auto(parse_switch(value))
    if name == "budget":
        return set_budget(parse_budget(value))
    return ACTIONS[name]


def _show(folder: Path, frame: Frame, *, as_json: bool) -> None:
    from llmdash.launch.control import status_line, status_record
    from llmdash.reports.output import Output
    from llmdash.reports.summary import encode_line

    Output(sys.stdout).line(encode_line(status_record(folder, frame)) if as_json else status_line(frame))
