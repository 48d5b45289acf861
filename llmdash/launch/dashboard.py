"""Opens the dashboard over a session of any kind."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from llmdash import locations
from llmdash.exit_codes import ExitCode, of_signal
from llmdash.lean_dataclass import dataclass
from llmdash.signals import Signals, Unresponsive

if TYPE_CHECKING:
    from llmdash.config import Settings
    from llmdash.engine.model.session import Session
    from llmdash.launch.shutdown import OwnSession
    from llmdash.ui.app import LlmdashApp
    from llmdash.ui.launcher import Launcher

__all__ = ["Closed", "load_dashboard", "open_dashboard", "run_app"]

_LEAVES_WITHIN_S = 1.0
"""Seconds that a dashboard has to obey a signal."""


@dataclass(frozen=True, slots=True)
class Closed:
    """How the dashboard was closed: `by` a signal, or None for `q`, an end of the session, or a fault.

    `code` is its own exit code, 0 if nothing is to be said with it. `leaves_running` is True if the user
    wants the run to go on, `reads` False if its terminal reads no more.
    """

    code: int
    by: int | None
    leaves_running: bool
    reads: bool

    @property
    def faulty(self) -> bool:
        """True if the dashboard broke, or showed that the session did."""
        return self.code == ExitCode.INTERNAL


def load_dashboard() -> None:
    """Load what a dashboard needs, which takes a while."""
    gc.disable()
    import llmdash.ui.app
    import llmdash.ui.screens.dashboard  # noqa: F401

    _collect_from_now_on()


def _collect_from_now_on() -> None:
    """Look for garbage among what is yet to come: what is loaded is kept, and there is much of it."""
    from llmdash.ui.services.idle_collection import RARELY

    gc.freeze()
    gc.set_threshold(*RARELY)
    gc.enable()


def open_dashboard(
    session: OwnSession | None,
    settings: Settings,
    signals: Signals,
    *,
    launcher: Launcher | None = None,
    goes_on_without: bool = False,
    gone: Callable[[], bool] = lambda: False,
    fault: Callable[[], BaseException | None] = lambda: None,
    in_browser: bool = False,
) -> Closed:
    """Show `session`, or the home screen of `launcher` then the run it starts, until that is left or `gone`.

    Where the run `goes_on_without` a dashboard, `q` asks whether it should. A signal closes the dashboard,
    and so does a `fault` of the session, which is reported. Who looks at it `in_browser` has this machine's
    files and programs not at hand: none is written or started for him.
    """
    gc.disable()
    from llmdash.ui.app import LlmdashApp

    app = LlmdashApp(
        session=session,
        launcher=launcher,
        shipped_themes=locations.themes_dir(),
        user_themes=locations.user_themes_dir(),
        preferences_path=locations.preferences_file(),
        keys_path=locations.keys_file(),
        fps=settings.fps,
        redact=settings.redactor.redact,
        on_shown=_collect_from_now_on,
        on_ready=session.start if session is not None else None,
        signals=signals,
        goes_on_without=goes_on_without,
        fault=fault,
        gone=gone,
        notify=settings.telling.notify,
        write_results=None if in_browser else _results_here,
        in_browser=in_browser,
    )
    try:
        by = run_app(app, signals)
    finally:
        gc.enable()
    code = app.return_code or (0 if by is None else of_signal(by))
    return Closed(code, by, app.leaves_running, app.terminal_reads)


def _results_here(session: Session, jobs: Collection[int]) -> str:
    from llmdash.launch.results_here import results_here  # it needs what reads a journal

    return results_here(session, jobs)


def run_app(app: LlmdashApp, signals: Signals) -> int | None:
    """Run the app to its end; one that does not obey a signal is interrupted. Return the signal, if any."""
    streams = sys.stdout, sys.stderr
    try:
        with signals.interrupting(_LEAVES_WITHIN_S):
            app.run()
    except Unresponsive:
        sys.stdout, sys.stderr = streams
        app.abandon_terminal()
        gc.freeze()  # what was interrupted is in no state to be cleaned up
        return signals.received[0]
    return app.signal_received
