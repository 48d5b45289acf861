"""The options of the start screen, and the runs that it starts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from llmdash import locations
from llmdash.config import ConfigError, Settings
from llmdash.config.prices import load_prices
from llmdash.engine.journal.file import JournalError
from llmdash.engine.journal.lock import LockedError
from llmdash.engine.model.counts import counted
from llmdash.engine.model.session import Session
from llmdash.engine.session import LocalSession
from llmdash.launch.forecast import forecast_of
from llmdash.launch.inputs import Input, open_input
from llmdash.launch.plan_builder import PRACTICE, PreparedRun, RunOrder, prepare, with_options_of
from llmdash.prompts.source import InputError, PromptSource
from llmdash.sanitize import clean_line
from llmdash.simulator.process import SimulatorError
from llmdash.ui.launcher import EndpointChoice, Forecast, Launch, LaunchError, LaunchOptions, PromptChoice
from llmdash.ui.settings.preferences import Preferences, PreferencesFile

__all__ = ["SettingsLauncher"]

_SIMULATOR = "simulator"
_CONFIGURED = "configured"


class SettingsLauncher:
    """Starts runs from the start screen, on the simulator or on the endpoints of the settings."""

    def __init__(self, settings: Settings, preferences: PreferencesFile | None = None) -> None:
        self._settings = settings
        self._preferences = preferences
        self._read: tuple[tuple[Path, int | None, int], PromptSource] | None = None
        self.session: LocalSession | None = None
        self.run: PreparedRun | None = None
        """The started run, if any."""

    def options(self) -> LaunchOptions:
        """Return the options. Rate and concurrency are those chosen last, unless the settings give others."""
        settings = self._settings
        remembered = self._preferences.load()[0] if self._preferences is not None else Preferences()
        practice = "practice, on this machine, no key needed"
        endpoints = [EndpointChoice(_SIMULATOR, practice, settings.model, spends=False)]
        if settings.keys:
            keys = counted(len(settings.keys), "key")
            endpoints.insert(0, EndpointChoice(_CONFIGURED, f"{settings.base_url}, {keys}", settings.model))
        return LaunchOptions(
            prompt_files=_samples(),
            endpoints=tuple(endpoints),
            model=settings.model,
            rate=_remembered_rate(settings, remembered),
            concurrency=_remembered_concurrency(settings, remembered),
        )

    def forecast(self, launch: Launch) -> Forecast:
        asked = self._asked(launch)
        try:
            source = self._source(launch.prompt_path.expanduser(), asked.limit)
            settings = with_options_of(source, asked, asked={"model": launch.model})
            return forecast_of(source, settings, load_prices(), spends=launch.endpoint != _SIMULATOR)
        except (ConfigError, InputError, OSError) as error:
            raise LaunchError(clean_line(str(error))) from None

    def _asked(self, launch: Launch) -> Settings:
        return replace(self._settings, model=launch.model, rate=launch.rate, concurrency=launch.concurrency)

    def _source(self, path: Path, limit: int | None) -> PromptSource:
        """Return the prompts in a file, the last ones again if it has not changed: it may be a large one."""
        what = path, limit, path.stat().st_mtime_ns
        if self._read is None or self._read[0] != what:
            self._read = what, open_input(Input(path, limit))
        return self._read[1]

    def start(self, launch: Launch) -> Session:
        settings = self._asked(launch)
        order = RunOrder(
            Input(launch.prompt_path.expanduser()),
            asked={"model": launch.model},
            practice=PRACTICE if launch.endpoint == _SIMULATOR else None,
            stay=True,
        )
        try:
            self.run = prepare(order, settings)
            if self.run.simulator is not None:
                self.run.simulator.base_url()
            self.session = LocalSession(self.run.plan)
        except (ConfigError, InputError, SimulatorError, LockedError, JournalError, OSError) as error:
            raise LaunchError(clean_line(str(error))) from None
        self.session.start()
        return self.session


def _remembered_rate(settings: Settings, remembered: Preferences) -> float | None:
    if settings.rate_given or remembered.rate is None:
        return settings.rate
    return remembered.rate or None  # 0 means no limit


def _remembered_concurrency(settings: Settings, remembered: Preferences) -> int:
    if settings.concurrency_given or remembered.concurrency is None:
        return settings.concurrency
    return remembered.concurrency


def _samples() -> tuple[PromptChoice, ...]:
    choices = []
    for path in sorted(locations.sample_prompts_dir().iterdir()):
        try:
            source = open_input(Input(path))
        except InputError:
            continue  # a file used by another one only, such as the data of a template
        detail = "; ".join(part for part in (counted(len(source), "prompt"), source.reading) if part)
        choices.append(PromptChoice(path.name, path, detail))
    return tuple(choices)
