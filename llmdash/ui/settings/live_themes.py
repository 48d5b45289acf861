"""The themes of an app: registered from their files at first, and again as these change."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from textual.app import App
from textual.widget import Widget

from llmdash.ui.settings.themes import ThemeError, ThemeFile, ThemeLibrary, check_variables, first_theme

if TYPE_CHECKING:
    from textual.css.stylesheet import Stylesheet

__all__ = ["LiveThemes"]

_UI: Final = Path(__file__).parents[1]


class LiveThemes:
    """Registers the themes of two folders with `app`; `report` gets a line for each file that is wrong."""

    def __init__(
        self, app: App[Any], shipped: Path | None, user: Path | None, report: Callable[[str], None]
    ) -> None:
        self._app = app
        self._shipped = ThemeLibrary([shipped] if shipped else [])
        self._user = ThemeLibrary([user] if user else [])
        self._report = report
        self._complete = False
        self._adopted: set[str] = set()
        """The names of themes that take the place of shipped ones of the same name."""

    def register_first(self, preferred: str | None) -> None:
        """Register the shipped themes that the first picture may be in, and show one of them."""
        usual = first_theme(os.environ)
        self._register(self._shipped.changes({usual, preferred or usual}))
        self.choose(usual)
        self.choose(preferred)

    def register_rest(self) -> None:
        """Register the shipped themes that were not registered yet."""
        if not self._complete:
            self._complete = True
            self._register(self._shipped.changes())

    def _register(self, changes: Iterable[ThemeFile | ThemeError]) -> None:
        """Register shipped themes without a check, which takes long: a test has checked them."""
        for change in changes:
            if isinstance(change, ThemeError):
                self._report(str(change))
            elif change.theme.name not in self._adopted:
                self._app.register_theme(change.theme)

    def choose(self, name: str | None) -> None:
        """Show the theme of that name, if there is one; of the shipped ones, one that is registered."""
        if name not in (None, self._app.theme) and self._app.get_theme(name) is not None:
            self._app.theme = name

    def adopt_user(self) -> None:
        """Register those of the user's themes that are new or have changed."""
        self._adopt_changed(self._user)

    def reload(self) -> None:
        """Register every theme that has changed, so that an edited one shows at once."""
        self.register_rest()
        self._adopt_changed(self._shipped)
        self._adopt_changed(self._user)

    def _adopt_changed(self, library: ThemeLibrary) -> None:
        for change in library.changes():
            if isinstance(change, ThemeFile):
                self._adopt(change)
            else:
                self._report(str(change))

    def _adopt(self, file: ThemeFile) -> None:
        """Register a theme that fits every stylesheet, and show it at once if it is the current one."""
        try:
            if file.theme.variables:
                check_variables(file, self._every_stylesheet(), self._app.get_theme_variable_defaults())
        except ThemeError as error:
            self._report(str(error))
            return
        self._app.register_theme(file.theme)
        self._adopted.add(file.theme.name)
        if file.theme.name == self._app.theme:
            self._app.mutate_reactive(App.theme)

    def _every_stylesheet(self) -> Stylesheet:
        """A copy of the stylesheet in use, with those of all widgets and screens that may be shown later."""
        stylesheet = self._app.stylesheet.copy()
        stylesheet.read_all(sorted(_UI.rglob("*.tcss")))
        for kind in _subclasses(Widget):
            css = kind.__dict__.get("DEFAULT_CSS", "")
            stylesheet.add_source(css, read_from=("", kind.__qualname__), is_default_css=True)
        return stylesheet


def _subclasses(kind: type[Any]) -> Iterable[type[Any]]:
    for child in kind.__subclasses__():
        yield child
        yield from _subclasses(child)
