"""`llmdash manual`: the pages of the manual, in the shell."""

from __future__ import annotations

import sys

import click

from llmdash.cli.completing import topics
from llmdash.cli.errors import guarded, refuse

__all__ = ["manual"]

_WIDEST = 100


@click.command()
@click.argument("topic", required=False, shell_complete=topics)
@click.option("--search", metavar="WORDS", help="Only name the pages that have all these words.")
def manual(topic: str | None, search: str | None) -> None:
    """Show the page of the manual about TOPIC, or the topics.

    On a terminal in $PAGER, else as plain Markdown.
    """
    if topic is not None and search is not None:
        refuse("give a topic or --search, not both")
    guarded(lambda: _list(search or "") if topic is None else _show(topic))


def _list(words: str) -> int:
    from llmdash.manual import find_pages, pages

    found = sorted(find_pages(words), key=pages().index) if not words else list(find_pages(words))
    if not found:
        refuse(f"no page has all these words: {words}; llmdash manual lists the topics")
    width = max(len(page.topic) for page in found)
    for page in found:
        click.echo(f"{page.topic:<{width}}  {page.title}")
    if not words:
        click.echo("\nllmdash manual TOPIC shows a page; in the dashboard, ? shows all of them.")
    return 0


def _show(topic: str) -> int:
    from llmdash.manual import UnknownTopic, page_of

    try:
        text = page_of(topic).text
    except UnknownTopic as unknown:
        refuse(str(unknown))
    if sys.stdout.isatty():
        click.echo_via_pager(_drawn(text))
    else:
        click.echo(text, nl=False)
    return 0


def _drawn(text: str) -> str:
    """The page for a terminal: headings, tables and code as Rich draws them."""
    import io
    import shutil

    from rich.console import Console
    from rich.markdown import Markdown

    width = min(shutil.get_terminal_size().columns, _WIDEST)
    paper = io.StringIO()
    Console(file=paper, force_terminal=True, width=width).print(Markdown(text, hyperlinks=False))
    return paper.getvalue()
