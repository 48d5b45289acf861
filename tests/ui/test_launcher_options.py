"""What stands on the start screen at first: what the settings say, else what was chosen last time."""

from __future__ import annotations

from pathlib import Path

import pytest

from llmdash.config import Settings
from llmdash.launch.start import SettingsLauncher
from llmdash.ui.settings.preferences import Preferences, PreferencesFile


@pytest.mark.parametrize(
    ("settings", "remembered", "offered"),
    [
        (Settings(rate=15.0), Preferences(), (15.0, 64)),
        (Settings(rate=15.0), Preferences(rate=2.5, concurrency=8), (2.5, 8)),
        (Settings(rate=15.0), Preferences(rate=0.0), (None, 64)),
        (Settings(rate=30.0, rate_given=True), Preferences(rate=2.5, concurrency=8), (30.0, 8)),
        (Settings(concurrency=3, concurrency_given=True), Preferences(rate=2.5, concurrency=8), (2.5, 3)),
    ],
)
def test_a_choice_is_remembered_unless_the_settings_name_another(
    tmp_path: Path, settings: Settings, remembered: Preferences, offered: tuple[float | None, int]
) -> None:
    file = PreferencesFile(tmp_path / "preferences.toml")
    file.save(remembered)
    options = SettingsLauncher(settings, file).options()
    assert (options.rate, options.concurrency) == offered
