"""OpenedRun: what every session over a kept run begins with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from llmdash.engine.frames.inspection import RequestOf
from llmdash.engine.frames.run_facts import RunFacts
from llmdash.engine.journal.reader import JournalReader
from llmdash.engine.model.frame import RequestPart
from llmdash.engine.pool.costs import NO_PRICES, RunPrices
from llmdash.lean_dataclass import dataclass
from llmdash.prompts.source import Prompt, PromptSource
from llmdash.runs.facts import jobs_of, run_facts
from llmdash.runs.kept_prompts import KeptPrompts

__all__ = ["KeptRequestOf", "OpenedRun", "no_request", "open_run"]

KeptRequestOf = Callable[[Prompt, str | None], RequestPart | None]
"""The request of a prompt to the endpoint of that name, to the first without; None where it is not known."""


def no_request(_prompt: Prompt, _endpoint: str | None) -> None:
    """Return None: nothing makes requests anew."""


@dataclass(frozen=True, slots=True)
class OpenedRun:
    """The journal of a run, the facts in it, the number of its jobs, and where its prompts are looked up."""

    reader: JournalReader
    facts: Mapping[str, Any]
    jobs: int
    about: RunFacts
    prompts: KeptPrompts
    request_of: KeptRequestOf = no_request

    def requests(self, places: Mapping[str, str]) -> RequestOf:
        """Return what makes the request of a prompt by the key of a label; `places` has its endpoint."""
        return lambda prompt, label: self.request_of(prompt, places.get(label or ""))


def open_run(
    folder: Path,
    open_input: Callable[[], PromptSource],
    prices: RunPrices = NO_PRICES,
    request_of: KeptRequestOf = no_request,
) -> OpenedRun:
    """Return the run in `folder`, whose input `open_input` opens once prompts are looked up; `prices` are
    for tokens where the journal has no cost; `request_of` makes requests anew.

    Raises JournalError if there is no sound journal.
    """
    reader = JournalReader(folder)
    facts = reader.facts()
    jobs = jobs_of(facts, folder)
    about = run_facts(facts)
    priced = replace(
        about,
        cost_of=prices.live,
        batch_cost_of=prices.in_batch,
        has_batch_price=prices.has_batch_price,
    )
    return OpenedRun(reader, facts, jobs, priced, KeptPrompts(reader, facts, open_input), request_of)
