"""A run with the dashboard, and the start screen's launcher."""

from __future__ import annotations

import signal
from dataclasses import replace
from pathlib import Path

from llmdash import locations
from llmdash.config import Settings
from llmdash.engine.journal.file import JournalError
from llmdash.engine.journal.lock import LockedError
from llmdash.engine.model.session import Session
from llmdash.engine.plan import RunPlan
from llmdash.engine.session import LocalSession
from llmdash.launch.headless import EXIT_INTERNAL, export
from llmdash.launch.plan_builder import PRACTICE, Input, make_plan, open_input, run_folder, with_options_of
from llmdash.launch.shutdown import finish, write_nowhere
from llmdash.prompts.source import InputError
from llmdash.sanitize import clean_line
from llmdash.secrets import Redactor
from llmdash.signals import Signals
from llmdash.simulator.process import SimulatorError, SimulatorProcess
from llmdash.ui.launcher import EndpointChoice, Launch, LaunchError, LaunchOptions, PromptChoice
from llmdash.ui.settings.preferences import Preferences, PreferencesFile

__all__ = ["SettingsLauncher", "show"]

_SIMULATOR = "simulator"
_CONFIGURED = "configured"


class SettingsLauncher:
    """Starts runs from the start screen, on the simulator or on the endpoint of the settings."""

    def __init__(self, settings: Settings, preferences: PreferencesFile | None = None) -> None:
        self._settings = settings
        self._preferences = preferences
        self.session: LocalSession | None = None
        self.simulator: SimulatorProcess | None = None

    def options(self) -> LaunchOptions:
        """What is on offer. Rate and concurrency stand as they were chosen last, unless the settings name
        others.
        """
        settings = self._settings
        remembered = self._preferences.load()[0] if self._preferences is not None else Preferences()
        endpoints = [EndpointChoice(_SIMULATOR, "practice, on this machine, no key needed", settings.model)]
        if settings.keys:
            keys = f"{len(settings.keys)} key{'s' if len(settings.keys) > 1 else ''}"
            endpoints.insert(0, EndpointChoice(_CONFIGURED, f"{settings.base_url}, {keys}", settings.model))
        return LaunchOptions(
            prompt_files=_samples(),
            endpoints=tuple(endpoints),
            model=settings.model,
            rate=_remembered_rate(settings, remembered),
            concurrency=_remembered_concurrency(settings, remembered),
        )

    def start(self, launch: Launch) -> Session:
        settings = replace(
            self._settings, model=launch.model, rate=launch.rate, concurrency=launch.concurrency
        )
        given = Input(launch.prompt_path.expanduser())
        try:
            source = open_input(given)
            settings = with_options_of(source, settings, asked={"model": launch.model})
            if launch.endpoint == _SIMULATOR:
                self.simulator = SimulatorProcess(PRACTICE)
                self.simulator.base_url()
            folder = run_folder(None, source.name)
            self.session = LocalSession(make_plan(source, given, settings, folder, self.simulator, stay=True))
        except (InputError, SimulatorError, LockedError, JournalError, OSError) as error:
            raise LaunchError(clean_line(str(error))) from None
        self.session.start()
        return self.session


def _remembered_rate(settings: Settings, remembered: Preferences) -> float | None:
    if settings.rate_given or remembered.rate is None:
        return settings.rate
    return remembered.rate or None  # 0 stands for no limit


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
            continue  # a file that only serves another one, such as the data of a template
        choices.append(PromptChoice(path.name, path, f"{len(source):,} prompts"))
    return tuple(choices)


def show(
    settings: Settings,
    *,
    plan: RunPlan | None = None,
    simulator: SimulatorProcess | None = None,
    out: Path | None = None,
    redactor: Redactor | None = None,
) -> int:
    """Open the dashboard on `plan`, or the start screen without one; gives the exit code. Results go to `out`
    at the end.

    A signal closes the dashboard: SIGINT and SIGTERM let requests in flight finish, and a second one does
    not; SIGQUIT does not either; after SIGHUP, or when the terminal has gone away, the run goes on without a
    screen. Raises LockedError or JournalError before the screen is touched, ExportError after the run if
    `out` cannot be written.
    """
    from llmdash.ui.app import LlmdashApp

    session = LocalSession(plan) if plan is not None else None
    preferences = PreferencesFile(locations.preferences_file())
    launcher = SettingsLauncher(settings, preferences) if session is None else None
    redact = (redactor or Redactor(settings.secrets)).redact

    def ran() -> LocalSession | None:
        return session or (launcher.session if launcher is not None else None)

    with Signals() as signals:
        app = LlmdashApp(
            session=session,
            launcher=launcher,
            shipped_themes=locations.themes_dir(),
            user_themes=locations.user_themes_dir(),
            preferences_path=locations.preferences_file(),
            fps=settings.fps,
            redact=redact,
            on_ready=session.start if session is not None else None,
            signals=signals,
            fault=lambda: None if (begun := ran()) is None else begun.crash,
        )
        app.run()
        simulator = simulator or (launcher.simulator if launcher is not None else None)
        if app.signal_received == signal.SIGHUP or not app.terminal_reads:
            write_nowhere()
        code = 0
        try:
            if (begun := ran()) is not None:
                code = finish(
                    begun,
                    signals,
                    left_by=app.signal_received,
                    paid=simulator is None,
                    redact=redact,
                    fault_told=app.return_code == EXIT_INTERNAL,
                )
                if out is not None:
                    export(begun.folder, out)
        finally:
            if simulator is not None:
                simulator.close()
    return app.return_code or code
