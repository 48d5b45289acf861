"""What a run that has ended says of itself, and what one can do next."""

from __future__ import annotations

from pathlib import PurePath
from typing import NamedTuple

from llmdash.engine.model.frame import Frame, RunPart
from llmdash.engine.model.states import RunState
from llmdash.ui.text.badges import RUN_STATES
from llmdash.ui.text.batch_words import open_batches, providers_of
from llmdash.ui.text.format import count, dollars, span

__all__ = ["EndWords", "end_words"]


class EndWords(NamedTuple):
    """`said` in the colour of how it went, `advice` with the key to press, and where the results are."""

    said: str
    key: str
    advice: str
    results: str
    style: str


def end_words(frame: Frame) -> EndWords:
    """Return the words of a run that has ended."""
    run = frame.run
    badge = RUN_STATES[run.state]
    results = f"{PurePath(run.output).name} is complete" if run.output and run.ended == run.jobs else ""
    lost = run.failed + run.invalid
    if run.state is RunState.STOPPED and run.ended < run.jobs:
        said = f"{badge.glyph} {run.state_detail or badge.word}   {count(run.jobs - run.ended)} left"
        if frame.replay is not None:
            return EndWords(said, "", "", results, "warning")
        if run.batched:
            said = (
                f"{badge.glyph} {badge.word}   {count(run.batched)} with {providers_of(open_batches(frame))}"
            )
        if frame.kept:
            return EndWords(f"{said}:", "p", "says how to go on with them", results, "warning")
        does = "collects" if run.batched else "goes on with"
        return EndWords(f"{said}:", "", f"llmdash run --resume {does} them", results, "warning")
    if not lost:
        return EndWords("✓ all ended, nothing failed", "", "", results, "success")
    kinds = [
        f"{count(run.failed)} failed" if run.failed else "",
        f"{count(run.invalid)} invalid" if run.invalid else "",
    ]
    said = f"✓ all ended   {', '.join(filter(None, kinds))}"
    if frame.kept or frame.replay is not None:
        return EndWords(said, "", "", results, "success")
    said = f"{said}:"
    return EndWords(
        said, "R", f"tries {'them' if lost > 1 else 'it'} again{_price(run, lost)}", results, "success"
    )


def _price(run: RunPart, jobs: int) -> str:
    """What that many jobs will cost and take, by those that have ended."""
    parts = []
    if run.cost and run.ended:
        parts.append(f"about {dollars(run.cost * jobs / run.ended)}")
    if run.requests_per_s:
        parts.append(span(max(jobs / run.requests_per_s, run.latency.p50 or 0.0, 1.0)))
    return "".join(f", {part}" for part in parts)
