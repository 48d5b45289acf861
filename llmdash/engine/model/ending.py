"""Ending: why a run ended."""

from __future__ import annotations

import enum

from llmdash.engine.model.states import BY_COMMAND

__all__ = ["Ending"]


class Ending(enum.Enum):
    """Why a run ended."""

    DONE = "every job has ended"
    STOPPED = BY_COMMAND
    NO_KEY = "no usable key is left"
    NO_WORKER = "no worker came in time"
    STORAGE = "the journal cannot be written"
    KILL_SWITCH = "the requests are refused"
    BATCHED = "the rest is with a provider, in batches"
    HELD = "held by a trial or a budget, or no batch takes what is left"
