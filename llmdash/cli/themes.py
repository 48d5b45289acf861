"""`llmdash themes`: the themes there are, each shown as a small dashboard, and the choice of one."""

from __future__ import annotations

import click

from llmdash.cli.completing import theme_names
from llmdash.cli.errors import guarded

__all__ = ["themes"]


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...", shell_complete=theme_names)
@click.option(
    "--set", "chosen", metavar="NAME", shell_complete=theme_names, help="Use this theme from now on."
)
@click.option("--all", "every", is_flag=True, help="Textual's own themes too.")
def themes(names: tuple[str, ...], chosen: str | None, *, every: bool) -> None:
    """Show themes, each as a small dashboard, or choose one.

    Shows the shipped ones and yours, or those of the given NAMEs. Where the output is no terminal, only their
    names are printed. In the dashboard the palette (ctrl+p) changes the theme at once.
    """
    guarded(lambda: _themes(names, chosen, every=every))


def _themes(names: tuple[str, ...], chosen: str | None, *, every: bool) -> int:
    from llmdash.launch.themes import choose_theme, show_themes

    return show_themes(names, every=every) if chosen is None else choose_theme(chosen)
