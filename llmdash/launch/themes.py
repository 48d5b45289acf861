"""Themes outside of the dashboard: shown as small dashboards, and chosen for the next one."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from llmdash import locations
from llmdash.exit_codes import ExitCode
from llmdash.launch.refused import RefusedError
from llmdash.sanitize import clean_line

if TYPE_CHECKING:
    from textual.theme import Theme

__all__ = ["choose_theme", "show_themes"]


def show_themes(names: Sequence[str] = (), *, every: bool = False) -> int:
    """Print the themes, or those of these names, in colours if there is a terminal; their names else."""
    from rich.console import Console

    from llmdash.ui.settings.preferences import PreferencesFile
    from llmdash.ui.settings.theme_preview import PREVIEW_WIDTH, preview
    from llmdash.ui.settings.themes import first_theme

    own, textuals = _found()
    for name in names:
        _check_known(name, {**own, **textuals})
    shown = [{**textuals, **own}[name] for name in names] or [
        *own.values(),
        *(textuals.values() if every else ()),
    ]
    console = Console(
        highlight=False, markup=False, color_system="truecolor" if sys.stdout.isatty() else None
    )
    used = PreferencesFile(locations.preferences_file()).load()[0].theme or first_theme(os.environ)
    if not console.is_terminal or console.no_color:
        for theme in shown:
            console.print(f"{theme.name}  {_ground(theme)}{'  in use' if theme.name == used else ''}")
        return 0
    for theme in shown:
        console.print(
            f"{theme.name}  {_ground(theme)}{', in use' if theme.name == used else ''}", style="bold"
        )
        console.print(preview(theme), width=PREVIEW_WIDTH, crop=True)
    console.print("llmdash themes --set NAME uses one from now on; in the dashboard: ctrl+p, then Theme")
    return 0


def choose_theme(name: str) -> int:
    """Use the theme of that name from now on. Raises RefusedError if there is none, or it cannot be saved."""
    from llmdash.ui.settings.preferences import PreferencesFile

    own, textuals = _found()
    _check_known(name, {**own, **textuals})
    file = PreferencesFile(locations.preferences_file())
    preferences, problem = file.load()
    if problem := problem or file.save(replace(preferences, theme=name)):
        raise RefusedError(problem, ExitCode.STORAGE)
    print(f"The theme is {name} from now on.")  # noqa: T201 - the answer of the command
    return 0


def _found() -> tuple[dict[str, Theme], dict[str, Theme]]:
    """The shipped themes with the user's own, and those of Textual."""
    from textual.theme import BUILTIN_THEMES

    from llmdash.ui.settings.themes import ThemeError, ThemeLibrary

    own = {}
    for change in ThemeLibrary([locations.themes_dir(), locations.user_themes_dir()]).changes():
        if isinstance(change, ThemeError):
            print(f"llmdash: {clean_line(str(change))}", file=sys.stderr)  # noqa: T201 - a warning of the command
        else:
            own[change.theme.name] = change.theme
    return own, dict(BUILTIN_THEMES)


def _check_known(name: str, known: Collection[str]) -> None:
    if name not in known:
        shown = clean_line(name)
        raise RefusedError(f"{shown}: there is no such theme; one of {', '.join(known)}", ExitCode.USAGE)


def _ground(theme: Theme) -> str:
    return "dark" if theme.dark else "light"
