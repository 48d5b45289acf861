"""What the home screen offers, and what was chosen on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from llmdash.lean_dataclass import dataclass

if TYPE_CHECKING:
    from llmdash.engine.model.comparison import ComparisonSource
    from llmdash.engine.model.forecast import ForecastPart
    from llmdash.engine.model.session import Session
    from llmdash.engine.model.states import KeptState

__all__ = [
    "REUSE",
    "EndpointChoice",
    "KeptPart",
    "KeptRow",
    "KeyChoice",
    "Launch",
    "LaunchError",
    "LaunchOptions",
    "Launcher",
    "Preview",
    "PromptChoice",
    "launch_of",
    "launch_record",
    "rate_as_text",
]


class LaunchError(Exception):
    """A run that cannot start. The text is one line that names the thing, the place and the fix."""


@dataclass(frozen=True, slots=True)
class PromptChoice:
    """A file of prompts to choose."""

    name: str
    path: Path


@dataclass(frozen=True, slots=True)
class KeyChoice:
    """A key of an endpoint: whether it `works`, None if it was not tried, and its limits or what is wrong."""

    label: str
    works: bool | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class EndpointChoice:
    """An endpoint to choose. `model` is its default model, `detail` names its address and keys.

    To one that `spends` nothing is sent before the user has looked at the choice.
    """

    name: str
    detail: str = ""
    model: str = ""
    spends: bool = True
    keys: tuple[KeyChoice, ...] = ()


REUSE = ("off", "on", "any")
"""Whether known answers are taken: `on` where the temperature is 0, `any` whatever it is."""


@dataclass(frozen=True, slots=True)
class Launch:
    """What was chosen. `endpoint` is the name of an EndpointChoice; a `rate` of None sets no limit.

    An empty text is what the file, the settings or the provider say. `options` are texts `name=value`. A
    `trial` of 0 is none; a `budget` is in dollars. `reuse` and `dedupe` are words of REUSE.
    """

    prompt_path: Path
    endpoint: str
    model: str
    rate: float | None
    concurrency: int
    prompt_column: str = ""
    template: str = ""
    system: str = ""
    check: str = ""
    schema: str = ""
    carry: str = ""
    options: tuple[str, ...] = ()
    trial: int = 0
    budget: float | None = None
    reuse: str = REUSE[0]
    dedupe: str = REUSE[0]
    auto: bool = False
    """True to find the rate by itself, up to `rate`."""


_TEXTS = ("endpoint", "model", "prompt_column", "template", "system", "check", "schema", "carry")


def launch_record(launch: Launch) -> dict[str, str | float]:
    """Return a launch as a table to be remembered, without rate and concurrency and what is not chosen."""
    record: dict[str, str | float] = {name: getattr(launch, name) for name in (*_TEXTS, "reuse", "dedupe")}
    record["prompt_path"] = str(launch.prompt_path)
    record["options"] = "\n".join(launch.options)
    record["trial"] = launch.trial
    record["budget"] = launch.budget or 0.0
    record["auto"] = int(launch.auto)
    return {name: value for name, value in record.items() if value not in ("", 0, REUSE[0])}


def launch_of(record: Mapping[str, str | int | float], rate: float | None, concurrency: int) -> Launch:
    """Return the launch that was remembered; what is missing or of another kind is not chosen."""
    path, options = record.get("prompt_path"), record.get("options")
    trial, budget = record.get("trial"), record.get("budget")
    texts: dict[str, Any] = {"endpoint": "", "model": ""}
    texts |= {name: value for name in _TEXTS if isinstance(value := record.get(name), str)}
    texts |= {name: value for name in ("reuse", "dedupe") if (value := record.get(name)) in REUSE}
    return Launch(
        prompt_path=Path(path) if isinstance(path, str) else Path(),
        rate=rate,
        concurrency=concurrency,
        options=tuple(options.split("\n")) if isinstance(options, str) and options else (),
        trial=trial if isinstance(trial, int) and trial > 0 else 0,
        budget=float(budget) if isinstance(budget, int | float) and budget > 0 else None,
        auto=record.get("auto") == 1,
        **texts,
    )


@dataclass(frozen=True, slots=True)
class LaunchOptions:
    """What can be chosen, and what is chosen at first: what was chosen `last`."""

    prompt_files: tuple[PromptChoice, ...] = ()
    endpoints: tuple[EndpointChoice, ...] = ()
    last: Launch = Launch(Path(), "", "", None, 64)
    found_in: str = ""
    """Where the endpoints and keys were found, such as `.env and llmdash.toml`."""


@dataclass(frozen=True, slots=True)
class Preview:
    """The prompts of a launch: how many, how they were read, the first ones as they are asked, and what is
    wrong with the file, by line.
    """

    prompts: int
    reading: str = ""
    rows: tuple[str, ...] = ()
    left_out: int = 0
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class KeptRow:
    """A kept run in a list. `run` names it, `right` is a share, `cost` in dollars; None where not known."""

    run: str
    name: str
    state: KeptState
    done: int = 0
    failed: int = 0
    right: float | None = None
    cost: float | None = None
    when: str = ""
    model: str = ""
    """Its models, joined by commas."""


@dataclass(frozen=True, slots=True)
class KeptPart:
    """The kept runs, the newest first, and how much room they take."""

    rows: tuple[KeptRow, ...] = ()
    room: str = ""


class Launcher(Protocol):
    """Starts and opens runs for the home screen.

    All but `options` and `leave` are called on threads of their own and may block; they raise LaunchError.
    Only `check_keys` and what starts a run send requests.
    """

    @property
    def holds_run(self) -> bool:
        """True while a run that goes on is watched: leaving it is a choice."""

    def leave(self) -> Callable[[], None]:
        """Watch the run no more, and return what is left to do with it, which may block: one that has ended
        is closed, one that goes on is not touched.
        """

    def options(self) -> LaunchOptions:
        """Return what can be chosen."""

    def kept(self) -> KeptPart:
        """Return the kept runs."""

    def files(self) -> tuple[PromptChoice, ...]:
        """Return the files of this folder and below that may hold prompts, the newest first."""

    def preview(self, launch: Launch) -> Preview:
        """Return the prompts of a launch."""

    def forecast(self, launch: Launch) -> ForecastPart:
        """Return what a launch would ask for."""

    def check_keys(self) -> tuple[EndpointChoice, ...]:
        """Try every key by a small call; return the endpoints with what came of it."""

    def start(self, launch: Launch) -> Session:
        """Start a new run."""

    def open(self, run: str) -> Session:
        """Open a kept run as it is, or attach to it while it runs."""

    def go_on(self, run: str) -> Session:
        """Go on with what is pending of a kept run."""

    def replay(self, run: str) -> Session:
        """Play a kept run again."""

    def compare(self, run: str, other: str) -> ComparisonSource:
        """Compare two kept runs, the older one first."""

    def export(self, run: str) -> str:
        """Write the results of a kept run into a file here. Return its path."""


def rate_as_text(rate: float | None) -> str:
    """Return a rate as settings have it, such as `5/s`; `unlimited` without a limit."""
    return "unlimited" if rate is None else f"{rate:.4g}/s" if rate < 1000 else f"{rate:.0f}/s"
