"""`llmdash web`: show a run in a browser of this machine."""

from __future__ import annotations

import os
import sys

import click

from llmdash.cli.completing import run_names
from llmdash.cli.errors import guarded
from llmdash.cli.number_range import WholeRange

__all__ = ["web"]


@click.command()
@click.argument("run", required=False, shell_complete=run_names)
@click.option("--control", is_flag=True, help="Let pages steer the run, and stop it; else they only watch.")
@click.option("--port", type=WholeRange(0, 65535), default=0, show_default=True, help="0 picks a free port.")
@click.option(
    "--open/--no-open",
    "opens",
    default=None,
    help="Open a browser at the address; by default where there is a desktop.",
)
@click.option(
    "--viewers",
    type=WholeRange(1, 64),
    default=4,
    show_default=True,
    help="Pages at once; each is a process.",
)
def web(run: str | None, *, control: bool, port: int, opens: bool | None, viewers: int) -> None:
    """Show RUN in a browser of this machine, until interrupted.

    RUN is one that goes on, or a kept one. Without it, it is the newest one that goes on. The first line of
    output is the address. It ends in a token that is new each time: whoever has it can look, or with
    --control steer; nobody else can, nor can pages of other websites. The server listens on 127.0.0.1 alone.
    """
    guarded(lambda: _serve(run, control=control, port=port, opens=opens, viewers=viewers))


def _serve(run: str | None, *, control: bool, port: int, opens: bool | None, viewers: int) -> int:
    from llmdash.launch.web import WebOrder, newest_running, serve_run
    from llmdash.runs.catalogue import find_run

    folder = newest_running() if run is None else find_run(run)
    wanted = _has_desktop() if opens is None else opens
    return serve_run(folder, WebOrder(port, control, wanted, viewers), lambda address: _say(address, control))


def _has_desktop() -> bool:
    """True where a browser has a screen of its own, and somebody is there to see it."""
    desktop = sys.platform == "darwin" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return bool(desktop) and sys.stdout.isatty()


def _say(address: str, control: bool) -> None:
    click.echo(address)
    may = "steer the run" if control else "watch"
    click.echo(f"llmdash: pages at this address may {may}; Ctrl-C ends this and all of them", err=True)
