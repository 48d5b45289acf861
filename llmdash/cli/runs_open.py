"""`llmdash runs open` and `replay`: show a kept run on the dashboard."""

from __future__ import annotations

import click

from llmdash.cli.completing import run_names
from llmdash.cli.errors import guarded, has_terminal, refuse
from llmdash.cli.number_range import NumberRange, WholeRange

__all__ = ["open_kept", "replay_kept"]

_FPS = click.option("--fps", type=WholeRange(5, 30), default=15, show_default=True, help="Frames per second.")


@click.command("open")
@click.argument("run", shell_complete=run_names)
@_FPS
def open_kept(run: str, *, fps: int) -> None:
    """Show RUN as it was at its end. Nothing is sent: it takes no key and no input file."""
    _require_terminal()
    guarded(lambda: _open(run, fps))


@click.command("replay")
@click.argument("run", shell_complete=run_names)
@click.option(
    "--speed",
    type=NumberRange(0.1, 1_000),
    default=1.0,
    show_default=True,
    metavar="TIMES",
    help="How many times as fast as it was.",
)
@_FPS
def replay_kept(run: str, *, speed: float, fps: int) -> None:
    """Play RUN on the dashboard as it went, at any speed. Nothing is sent.

    p pauses, < and > go back and on, a comma and a full stop change the speed.
    """
    _require_terminal()
    guarded(lambda: _replay(run, speed, fps))


def _replay(run: str, speed: float, fps: int) -> int:
    from llmdash.config import Settings
    from llmdash.launch.opening import replay_run
    from llmdash.runs.catalogue import find_run

    return replay_run(find_run(run), Settings(fps=fps), speed)


def _open(run: str, fps: int) -> int:
    from llmdash.config import Settings
    from llmdash.launch.opening import open_run
    from llmdash.runs.catalogue import find_run

    return open_run(find_run(run), Settings(fps=fps))


def _require_terminal() -> None:
    if not has_terminal():
        refuse("a terminal is needed to show a run on; for scripts there is: llmdash runs show RUN --json")
