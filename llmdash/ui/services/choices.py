"""Choices: what the user chose for all dashboards to come, and what is wrong with the files of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from textual.app import App
from textual.theme import Theme

from llmdash.ui.launcher import Launch, launch_record
from llmdash.ui.settings.live_themes import LiveThemes
from llmdash.ui.settings.preferences import Preferences, RememberedPreferences

__all__ = ["Choices"]

_THEME_LOOKS: Final = 2
"""Every how many looks of the app are at the theme files."""


class Choices:
    """The theme of `app`, the keys of its actions, and what it remembers of the last time.

    `shipped_themes` and `user_themes` are folders of theme files, `preferences_path` is where choices are
    remembered, `keys_path` the file of other keys for actions; each may be missing.
    """

    def __init__(
        self,
        app: App[Any],
        shipped_themes: Path | None,
        user_themes: Path | None,
        preferences_path: Path | None,
        keys_path: Path | None,
    ) -> None:
        self._app = app
        self._problems: list[str] = []
        self._preferences = RememberedPreferences(preferences_path, self._problems.append)
        self._themes = LiveThemes(app, shipped_themes, user_themes, self._problems.append)
        self._themes.register_first(self._preferences.current.theme)
        self._looks = 0
        self.keys: Mapping[str, Sequence[str]] = {}
        """The keys that the user gave to actions, by the ids of these."""
        if keys_path is not None and keys_path.exists():
            self._choose_keys(keys_path)

    def _choose_keys(self, path: Path) -> None:
        """Give actions the keys of a file; what is wrong in it is said once the app is there."""
        from llmdash.ui.screens.actions import conflicts, every_action
        from llmdash.ui.settings.chosen_keys import read_keys

        chosen, problems = read_keys(path, every_action().keys())
        self._problems += map(str, (*problems, *conflicts(chosen)))
        self.keys = chosen.keys
        self._app.set_keymap(chosen.keymap)

    def begin(self) -> None:
        """Show the chosen theme; the app is there now."""
        self._themes.adopt_user()
        self._themes.choose(self._preferences.current.theme)
        self._report()
        self._app.theme_changed_signal.subscribe(self._app, self._remember_theme)

    def offer_themes(self) -> None:
        """Register what the first picture can do without: it is in one theme."""
        self._themes.register_rest()

    def look(self) -> None:
        """Look from time to time whether the file of a theme has changed."""
        self._looks += 1
        if self._looks % _THEME_LOOKS == 0:
            self.reload_themes()

    def reload_themes(self) -> None:
        """Read the theme files that changed, so that an edited theme shows at once."""
        self._themes.reload()
        self._report()

    def _remember_theme(self, theme: Theme) -> None:
        self._remember(replace(self._preferences.current, theme=theme.name))

    @property
    def columns(self) -> Sequence[str] | None:
        """The columns of the job table; None where none were chosen."""
        return self._preferences.current.columns

    def remember_columns(self, names: Sequence[str] | None) -> None:
        """Save the columns of the job table."""
        self._remember(replace(self._preferences.current, columns=names))

    def remember_launch(self, launch: Launch) -> None:
        """Save what was chosen on the home screen."""
        rate = 0.0 if launch.rate is None else launch.rate
        record = launch_record(launch)
        last = self._preferences.current
        self._remember(replace(last, rate=rate, concurrency=launch.concurrency, launch=record))

    def _remember(self, preferences: Preferences) -> None:
        self._preferences.remember(preferences)
        self._report()

    def _report(self) -> None:
        for problem in self._problems:
            self._app.notify(problem, severity="warning", markup=False)
        self._problems.clear()
