"""The prompts of what could be launched from the home screen: how they read, and what they would ask for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from llmdash.config.prices import load_prices
from llmdash.launch.earlier import EarlierAnswers, earlier_answers
from llmdash.launch.forecast import forecast_of
from llmdash.launch.home_orders import SIMULATOR, flags_of, input_of_launch
from llmdash.launch.inputs import open_input
from llmdash.launch.request_options import with_model_of
from llmdash.prompts.source import PromptSource, said_text
from llmdash.sanitize import clean_line
from llmdash.ui.launcher import Launch, Preview

if TYPE_CHECKING:
    from llmdash.config import Settings
    from llmdash.engine.model.forecast import ForecastPart

__all__ = ["HomePrompts"]

_SHOWN = 2
"""Prompts that are shown as they are asked."""
_PROBLEMS = 3


class HomePrompts:
    """Reads the prompts of one launch at a time, which may be many, and keeps them for the next question.

    `load` returns the settings of this folder with flags of the command line.
    """

    def __init__(self, settings: Settings, load: Callable[[Mapping[str, Any]], Settings]) -> None:
        self._settings = settings
        self._load = load
        self._read: tuple[tuple[object, ...], PromptSource] | None = None
        self._earlier: dict[str, EarlierAnswers | None] = {}

    def preview(self, launch: Launch) -> Preview:
        """Return the prompts of a launch. Raises InputError or OSError."""
        source = self._source(launch, self._settings)
        problems = tuple(f"line {one.line}: {clean_line(one.message)}" for one in source.problems[:_PROBLEMS])
        rows = tuple(_asked_text(source, job) for job in range(min(_SHOWN, len(source))))
        return Preview(len(source), clean_line(source.reading), rows, source.left_out, problems)

    def forecast(self, launch: Launch) -> ForecastPart:
        """Return what a launch would ask for. Raises ConfigError, InputError or OSError."""
        spends = launch.endpoint != SIMULATOR
        flags = flags_of(launch, self._settings)
        settings = self._load(flags)
        source = self._source(launch, settings)
        source, settings = with_model_of(source, settings, flags, simulated=not spends)
        earlier = self._answers_of(settings.model) if spends else None
        return forecast_of(source, settings, load_prices(), spends=spends, earlier=earlier)

    def _answers_of(self, model: str) -> EarlierAnswers | None:
        """What earlier runs tell of a model; looked up once."""
        if model not in self._earlier:
            self._earlier[model] = earlier_answers(model)
        return self._earlier[model]

    def _source(self, launch: Launch, settings: Settings) -> PromptSource:
        """Return the prompts, the last ones again if nothing has changed: the file may be a large one."""
        given = replace(input_of_launch(launch), limit=settings.limit)
        wires = settings.wires
        what = given, wires, given.path.stat().st_mtime_ns if given.path is not None else 0
        if self._read is None or self._read[0] != what:
            self._read = what, open_input(given, wires)
        return self._read[1]


def _asked_text(source: PromptSource, job: int) -> str:
    """A prompt as it is asked, in a line."""
    said = source.prompt(job).messages
    return clean_line(" ".join(said_text(message) for message in said)[:2000])
