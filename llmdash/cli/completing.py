"""What a shell completes beside commands, options and files: runs, endpoints, themes, topics of the manual.

Every command line loads this module, and few complete anything: what it needs is loaded by its functions.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

__all__ = ["batch_numbers", "dialects", "endpoint_names", "one_of", "run_names", "theme_names", "topics"]

Completer = Callable[[click.Context, click.Parameter, str], list["CompletionItem"]]

_MOST_RUNS: Final = 200
_LAST: Final = "last"


def run_names(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """Complete the name of a kept run, the newest first; a path is left to the shell."""
    from click.shell_completion import CompletionItem

    if os.sep in begun or begun.startswith((".", "~")):
        return [CompletionItem(begun, type="dir")]
    return _matching((_LAST, *_newest_runs()), begun)


def _newest_runs() -> list[str]:
    """The names of run folders; they begin with the time of their start."""
    from llmdash import locations

    try:
        names = [entry.name for entry in os.scandir(locations.runs_dir()) if entry.is_dir()]
    except OSError:
        return []
    return sorted(names, reverse=True)[:_MOST_RUNS]


def batch_numbers(context: click.Context, _parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """Complete the number of an open batch of the run that is named before it."""
    from llmdash.engine.journal.file import JournalError
    from llmdash.launch.kept_batches import batches_of
    from llmdash.runs.catalogue import find_run

    try:
        rows = batches_of(find_run(context.params.get("run") or _LAST)).rows
    except (JournalError, ValueError):
        return []
    return _matching([str(row.batch) for row in rows if row.state.is_open], begun)


def endpoint_names(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """Complete the name of an `[[endpoint]]` of the settings files."""
    from llmdash import locations

    files = (Path(locations.CONFIG_NAME), locations.config_file())
    return _matching(dict.fromkeys(name for file in files for name in _endpoints_in(file)), begun)


def _endpoints_in(file: Path) -> Iterator[str]:
    import tomllib

    try:
        tables = tomllib.loads(file.read_text(encoding="utf-8")).get("endpoint", [])
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return
    for table in tables if isinstance(tables, list) else []:
        if isinstance(table, dict) and isinstance(name := table.get("name"), str) and name.isprintable():
            yield name


def theme_names(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """Complete the name of a theme, the user's own among them: that of its file."""
    from llmdash import locations

    folders = (locations.themes_dir(), locations.user_themes_dir())
    return _matching(
        dict.fromkeys(sorted(file.stem for folder in folders for file in folder.glob("*.toml"))), begun
    )


def dialects(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """Complete what an endpoint speaks."""
    from llmdash.llms.dialects import DIALECTS

    return _matching(DIALECTS, begun)


def one_of(*words: str) -> Completer:
    """Return what completes one of these words."""
    return lambda _context, _parameter, begun: _matching(words, begun)


def topics(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """Complete a topic of the manual."""
    from click.shell_completion import CompletionItem

    from llmdash.manual import pages

    return [CompletionItem(page.topic, help=page.title) for page in pages() if page.topic.startswith(begun)]


def _matching(names: Iterable[str], begun: str) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem

    return [CompletionItem(name) for name in names if name.startswith(begun)]
