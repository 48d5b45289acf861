"""What the start screen offers, and what was chosen on it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from llmdash.engine.model.session import Session

__all__ = [
    "EndpointChoice",
    "Forecast",
    "Launch",
    "LaunchError",
    "LaunchOptions",
    "Launcher",
    "PromptChoice",
    "concurrency_from_text",
    "rate_as_text",
    "rate_from_text",
]

_RATE = re.compile(r"(?P<count>\d+(?:\.\d+)?)\s*(?:/\s*(?P<unit>s|sec|min|m|h))?")
_SECONDS = {None: 1.0, "s": 1.0, "sec": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
_NO_LIMIT = frozenset({"", "none", "off", "no limit", "inf", "unlimited"})


class LaunchError(Exception):
    """A run that cannot start. The text is one line that names the thing, the place and the fix."""


@dataclass(frozen=True, slots=True)
class PromptChoice:
    """A file of prompts to choose; `detail` says in a few words what is in it."""

    name: str
    path: Path
    detail: str = ""


@dataclass(frozen=True, slots=True)
class EndpointChoice:
    """An endpoint to choose. `model` is its default model, `detail` names its address and keys.

    One that `spends` is never chosen until the user does.
    """

    name: str
    detail: str = ""
    model: str = ""
    spends: bool = True


@dataclass(frozen=True, slots=True)
class LaunchOptions:
    """What can be chosen, with the initial values. `rate` is requests a second."""

    prompt_files: tuple[PromptChoice, ...] = ()
    endpoints: tuple[EndpointChoice, ...] = ()
    model: str = ""
    rate: float | None = None
    concurrency: int = 64


@dataclass(frozen=True, slots=True)
class Launch:
    """What was chosen. `endpoint` is the name of an EndpointChoice; a `rate` of None sets no limit."""

    prompt_path: Path
    endpoint: str
    model: str
    rate: float | None
    concurrency: int


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a launch would ask for; tokens are estimates, costs are in dollars.

    `seconds` is None without a rate limit. `output_tokens` is the most there can be; it and the costs are
    None where they are not known.
    """

    prompts: int
    spends: bool
    seconds: float | None = None
    input_tokens: int = 0
    output_tokens: int | None = None
    cost_of_prompts: float | None = None
    cost_of_answers: float | None = None


class Launcher(Protocol):
    """Starts runs for the start screen. `start` is called on a thread of its own and may block."""

    def options(self) -> LaunchOptions:
        """Return what can be chosen. Sends no request."""

    def forecast(self, launch: Launch) -> Forecast:
        """Return what a launch would ask for; reads the prompts, and may block. Sends no request.

        Raises LaunchError if the prompts cannot be read.
        """

    def start(self, launch: Launch) -> Session:
        """Start the run. Raises LaunchError if it cannot start."""


def rate_from_text(text: str) -> float | None:
    """Return requests a second from `5`, `5/s`, `300/min` or `1000/h`; None (no limit) for "" or `none`.

    Raises LaunchError for anything else.
    """
    cleaned = text.strip().lower()
    if cleaned in _NO_LIMIT:
        return None
    match = _RATE.fullmatch(cleaned)
    rate = float(match["count"]) / _SECONDS[match["unit"]] if match else 0.0
    if not match or not 0.0 < rate < math.inf:
        raise LaunchError(f"Rate: {text.strip()!r} is not a rate; write 5, 5/s, 300/min or none")
    return rate


def rate_as_text(rate: float | None) -> str:
    """Return the text that `rate_from_text` reads back, such as `5/s`; `none` without a limit."""
    return "none" if rate is None else f"{rate:.4g}/s" if rate < 1000 else f"{rate:.0f}/s"


def concurrency_from_text(text: str) -> int:
    """Return the maximum of requests in flight, at least 1. Raises LaunchError for anything else."""
    cleaned = text.strip()
    if not (cleaned.isascii() and cleaned.isdigit() and 1 <= len(cleaned) <= 6 and int(cleaned) >= 1):
        raise LaunchError(f"Concurrency: {cleaned!r} is not a whole number from 1 on; write one such as 64")
    return int(cleaned)
