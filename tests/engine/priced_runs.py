"""Runs of 60 prompts with a trial of ten, or a budget; a cent for 100 tokens."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from llmdash.engine.model.frame import Frame
from llmdash.engine.plan import RunPlan
from llmdash.engine.pool.costs import Tokens
from llmdash.llms.messages import Usage
from llmdash.prompts.source import PromptList
from tests.engine.scripted import (
    Server,
    plan,
    prompts,
    whole,
)

CENT = 0.01
LIMIT = {"max_tokens": 100}
JOBS, SIZE = 60, 10


def price(_label: str, _model: str, tokens: Tokens) -> float | None:
    """A cent for 100 tokens in or out."""
    return (tokens.input + tokens.output) * CENT / 100


def out_price(_label: str, _model: str, tokens: Tokens) -> float | None:
    """A cent for 100 tokens out; prompts are free."""
    return tokens.output * CENT / 100


def bounded(
    folder: Path, server: Server, source: PromptList | None = None, cost_of: Any = out_price, **more: Any
) -> RunPlan:
    jobs = source if source is not None else prompts(JOBS)
    the_plan = plan(folder, server, jobs, **{"options": LIMIT, **more})
    return replace(the_plan, facts=replace(the_plan.facts, cost_of=cost_of))


def answering(tokens: int) -> Server:
    return Server(lambda _key, _prompt, _before: whole("x", Usage(3, tokens)))


def is_held(frame: Frame) -> bool:
    return frame.run.hold is not None and not frame.run.in_flight
