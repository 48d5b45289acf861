"""The home screen's runs: started, opened, gone on with, replayed, compared, exported.

What only a choice of the user needs is loaded then: the screen is there sooner.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from functools import wraps
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, ParamSpec, Self, TypeVar

from llmdash import locations
from llmdash.engine.journal.lock import holder_of
from llmdash.engine.model.states import Severity
from llmdash.launch.home_orders import ALL, fields_for_options, flags_of, order_of
from llmdash.launch.home_rows import endpoint_choices, files_below, kept_part, prompt_choices
from llmdash.launch.key_memory import KeyMemory
from llmdash.launch.refusals import refusal_code
from llmdash.launch.trust import untrusted
from llmdash.sanitize import clean_line
from llmdash.ui.launcher import (
    EndpointChoice,
    KeptPart,
    Launch,
    LaunchError,
    LaunchOptions,
    Preview,
    PromptChoice,
    launch_of,
)
from llmdash.ui.settings.preferences import Preferences, PreferencesFile

if TYPE_CHECKING:
    from llmdash.config import Settings
    from llmdash.engine.model.comparison import ComparisonSource
    from llmdash.engine.model.forecast import ForecastPart
    from llmdash.engine.model.session import Session
    from llmdash.launch.begun import Begun
    from llmdash.launch.followed import FollowedSession
    from llmdash.launch.home_prompts import HomePrompts
    from llmdash.launch.run_order import RunOrder
    from llmdash.remote.client import RemoteSession

__all__ = ["Flags", "HomeLauncher"]

Flags = Mapping[str, Any]
P = ParamSpec("P")
T = TypeVar("T")


def _in_a_line(work: Callable[P, T]) -> Callable[P, T]:
    """Turn what a user can put right into a LaunchError."""

    @wraps(work)
    def told(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return work(*args, **kwargs)
        except Exception as error:
            if refusal_code(error) is None and not isinstance(error, OSError):
                raise
            raise LaunchError(fields_for_options(clean_line(str(error)))) from None

    return told


class _LeftRun:
    """A run that is watched no more, begun here or attached to."""

    def __init__(self, begun: Begun | None, attached: RemoteSession | None) -> None:
        self._begun = begun
        self._attached = attached
        self._guard = threading.Lock()

    def close(self) -> None:
        """Close it; later calls wait until that is done."""
        with self._guard:
            begun, self._begun, attached, self._attached = self._begun, None, self._attached, None
            if attached is not None:
                attached.close()
            if begun is not None:
                begun.leave()


class HomeLauncher:
    """Starts runs from the home screen, as the command line would with the same options, and opens kept ones.

    `load` returns the settings of this folder with flags of the command line. As a context it ends the engine
    of a run that was not released, and closes what was opened.
    """

    def __init__(
        self,
        settings: Settings,
        load: Callable[[Flags], Settings],
        preferences: PreferencesFile | None = None,
    ) -> None:
        self._settings = settings
        self._load = load
        self._preferences = preferences
        self._known_keys = KeyMemory(locations.key_checks_file())
        self._prompts: HomePrompts | None = None
        self._loads = threading.Lock()
        self._opened = ExitStack()
        self._followed: FollowedSession | None = None
        self._left: list[_LeftRun] = []
        self.begun: Begun | None = None
        """The started run, if any."""
        self.attached: RemoteSession | None = None
        """The running one that is watched, if any."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.close()
        if self.attached is not None:
            self.attached.close()
        if self.begun is not None:
            self.begun.close()
        for left in self._left:
            left.close()

    @property
    def session(self) -> RemoteSession | None:
        """The session of the run that goes on and is watched, if any."""
        return self.begun.session if self.begun is not None else self.attached

    @property
    def holds_run(self) -> bool:
        """True while a run that goes on is watched."""
        return self.session is not None

    def leave(self) -> Callable[[], None]:
        """Watch the run no more, and return what is left to do with it, which may block: one that has ended
        is closed, one that goes on is not touched.
        """
        left = _LeftRun(self.begun, self.attached)
        self.begun = self.attached = self._followed = None
        self._left.append(left)
        return left.close

    def lost_its_run(self) -> bool:
        """Return True once the engine of the run that is watched is gone without an end."""
        return self._followed is not None and self._followed.is_lost()

    # What can be chosen, and what it would be.

    def options(self) -> LaunchOptions:
        """Return what can be chosen, with what was chosen last."""
        remembered = self._preferences.load()[0] if self._preferences is not None else Preferences()
        names = (file.path.name for file in self._settings.trustable)
        endpoints = endpoint_choices(self._settings, self._known_keys)
        return LaunchOptions(
            prompt_files=tuple(prompt_choices()),
            endpoints=endpoints,
            last=_with_endpoint(_last_launch(self._settings, remembered), endpoints),
            found_in=" and ".join(dict.fromkeys(names)),
        )

    @_in_a_line
    def kept(self) -> KeptPart:
        """Return the kept runs. Raises LaunchError."""
        return kept_part(self._settings.kept.most_bytes, datetime.now())

    @_in_a_line
    def files(self) -> tuple[PromptChoice, ...]:
        """Return the files of this folder and below that may hold prompts, the newest first."""
        return tuple(files_below(Path.cwd()))

    @_in_a_line
    def preview(self, launch: Launch) -> Preview:
        """Return the prompts of a launch. Raises LaunchError."""
        return self._prompts_of_launches().preview(launch)

    @_in_a_line
    def forecast(self, launch: Launch) -> ForecastPart:
        """Return what a launch would ask for. Raises LaunchError."""
        return self._prompts_of_launches().forecast(launch)

    def _prompts_of_launches(self) -> HomePrompts:
        from llmdash.launch.home_prompts import HomePrompts

        with self._loads:
            self._prompts = self._prompts or HomePrompts(self._settings, self._load)
        return self._prompts

    @_in_a_line
    def check_keys(self) -> tuple[EndpointChoice, ...]:
        """Try every key by a small call; what comes of it is remembered. Raises LaunchError."""
        from llmdash.launch.key_check import check_keys

        self._known_keys.learn(asyncio.run(check_keys(self._settings)))
        return endpoint_choices(self._settings, self._known_keys)

    # Runs.

    @_in_a_line
    def start(self, launch: Launch) -> Session:
        """Start a new run, and make room for what it keeps. Raises LaunchError."""
        from llmdash.launch.kept import make_room

        flags = flags_of(launch, self._settings)
        order = order_of(launch, flags)
        settings = self._loaded(flags, simulated=order.practice is not None)
        begun = self._begin(order, settings)
        for line in make_room(settings.kept):
            begun.notice(Severity.WARNING, clean_line(line))
        return self._follow(begun)

    @_in_a_line
    def go_on(self, run: str) -> Session:
        """Go on with what is pending of a kept run. Raises LaunchError."""
        from llmdash.launch.resuming import resumed_flags
        from llmdash.launch.run_input import Input
        from llmdash.launch.run_order import RunOrder

        folder, given = Path(run), Input()
        if holder_of(folder) is not None:
            return self.open(run)
        resumed = resumed_flags(given, folder, {}, self._load)
        order = RunOrder(given, asked=resumed.asked, run_dir=folder, resume=True, stay=True)
        settings = self._loaded(resumed.flags, simulated=resumed.is_simulated)
        return self._follow(self._begin(order, settings))

    def _loaded(self, flags: Flags, *, simulated: bool) -> Settings:
        settings = self._load(flags)
        if not simulated and untrusted(settings.deciding, os.environ):
            raise LaunchError(
                "a file of this folder decides where keys are sent and has changed; llmdash trust"
            )
        return settings

    def _begin(self, order: RunOrder, settings: Settings) -> RemoteSession:
        from llmdash.launch.begun import Begun
        from llmdash.launch.engine_process import EngineProcess
        from llmdash.remote.client import RemoteSession

        engine = EngineProcess(silent=True)
        try:
            engine.submit(order, settings)
            ready = engine.ready()
            session = RemoteSession.attach(ready.folder)
        except BaseException:
            engine.close()
            raise
        self.begun = Begun(engine, ready, session)
        return session

    def _follow(self, session: RemoteSession) -> Session:
        from llmdash.launch.followed import FollowedSession

        self._followed = FollowedSession(session, session.folder)
        return self._followed

    @_in_a_line
    def open(self, run: str) -> Session:
        """Open a kept run as it is, or attach to it while it goes on. Raises LaunchError."""
        if holder_of(Path(run)) is None:
            from llmdash.launch.kept_sessions import kept_session

            return kept_session(Path(run))
        from llmdash.remote.client import RemoteSession

        self.attached = RemoteSession.attach(Path(run))
        return self._follow(self.attached)

    @_in_a_line
    def replay(self, run: str) -> Session:
        """Play a kept run again. Raises LaunchError."""
        from llmdash.launch.kept_sessions import replay_session

        return replay_session(Path(run))

    @_in_a_line
    def compare(self, run: str, other: str) -> ComparisonSource:
        """Compare two kept runs, the older one first. Raises LaunchError."""
        from llmdash.launch.compared_runs import ComparisonOrder
        from llmdash.runs.comparison.viewer import ComparisonViewer

        older, newer = sorted((run, other), key=lambda name: Path(name).name)
        order = ComparisonOrder(Path(older), Path(newer))
        return self._opened.enter_context(ComparisonViewer(order.open(), Path.cwd()))

    @_in_a_line
    def export(self, run: str) -> str:
        """Write the results of a kept run into a new file here. Return its name. Raises LaunchError."""
        from llmdash.launch.results import export_here

        return str(export_here(Path(run)))


def _last_launch(settings: Settings, remembered: Preferences) -> Launch:
    """What was chosen last, with rate and concurrency of the settings where these are given."""
    rate = settings.rate if settings.rate_given or remembered.rate is None else remembered.rate or None
    given = settings.concurrency_given or remembered.concurrency is None
    concurrency = settings.concurrency if given else remembered.concurrency
    launch = launch_of(remembered.launch or {}, rate, concurrency or settings.concurrency)
    return replace(launch, auto=launch.auto or settings.auto)


def _with_endpoint(launch: Launch, endpoints: Sequence[EndpointChoice]) -> Launch:
    """A launch at its endpoint; where that is offered no more, at the first one, with the model of that."""
    names = [choice.name for choice in endpoints]
    if launch.endpoint in names:
        return launch
    return replace(launch, endpoint=next(name for name in names if name != ALL), model="")
