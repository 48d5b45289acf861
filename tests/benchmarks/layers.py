"""The layers of a job's path, and which of them a moment belongs to, by the functions that were at work."""

from __future__ import annotations

import re
import sysconfig
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Final, NamedTuple

import llmdash

__all__ = ["LAYERS", "LOOP", "Layer", "layer_of", "layer_of_frame"]


class Layer(NamedTuple):
    """A part of the path of a job: what it does, and the files whose time is its own, by how they begin.

    Time in a file of no layer is that of the one which called it.
    """

    name: str
    what: str
    files: tuple[str, ...]


LAYERS: Final = (
    Layer("prompts", "the line read, the row made a prompt, the answer checked", ("llmdash/prompts/",)),
    Layer(
        "limiter",
        "the rate, the permit, what holds a job up",
        tuple(
            f"llmdash/engine/dispatch/{name}.py"
            for name in (
                *("limiter", "admission", "send_window", "shared_rate", "slots", "holds", "throughput"),
                *("budget_gate", "kill_switch", "reservations", "retry_budget"),
            )
        ),
    ),
    Layer(
        "pool",
        "the queue, a key for the job, the attempt, its settlement",
        ("llmdash/engine/dispatch/", "llmdash/engine/pool/"),
    ),
    Layer(
        "transport",
        "the request made and sent, the bytes received; aiohttp and the sockets with it",
        (
            *("llmdash/llms/", "asyncio/selector_events.py"),
            *("aiohttp/", "aiohappyeyeballs/", "httpx/", "httpx_aiohttp/", "yarl/", "multidict/"),
        ),
    ),
    Layer(
        "parser",
        "the bytes made text, usage and finish reason",
        tuple(
            f"llmdash/llms/{name}"
            for name in ("wire/", "answer_pieces", "all_answers", "gathering", "messages", "parts", "parsing")
        ),
    ),
    Layer("journal", "the rows made, and written to the disk", ("llmdash/engine/journal/", "sqlite3/")),
    Layer(
        "store",
        "the events counted: columns of jobs, series, percentiles",
        ("llmdash/engine/store/", "llmdash/engine/metrics/", "llmdash/engine/model/"),
    ),
    Layer("event loop", "asyncio: tasks, timers, waiting", ("asyncio/", "selectors.py", "llmdash/engine/")),
    Layer(
        "frame", "the picture made and sent to the dashboard", ("llmdash/engine/frames/", "llmdash/remote/")
    ),
    Layer("paint", "the picture received, drawn and written: the dashboard's whole process", ()),
)
"""In the order in which a job meets them; where files of two begin alike, the longer beginning counts."""

LOOP: Final = "event loop"
_BEGINNINGS = sorted(
    ((beginning, layer.name) for layer in LAYERS for beginning in layer.files),
    key=lambda pair: len(pair[0]),
    reverse=True,
)
_ROOTS = re.compile(
    "|".join(
        rf"{re.escape(root)}/"
        for root in (
            sysconfig.get_path("purelib"),
            str(Path(llmdash.__file__).parents[1]),
            sysconfig.get_path("stdlib"),
        )
    )
)


def layer_of(files: Iterator[str]) -> str:
    """Return the layer of the innermost file that belongs to one; the event loop, through which all are
    called and which all call, only where there is no other. The files are given from the innermost on.
    """
    return next((name for file in files if (name := _named(file)) not in ("", LOOP)), LOOP)


def layer_of_frame(frame: FrameType | None) -> str:
    """Return the layer that is at work in a frame of Python."""
    return layer_of(_files(frame))


def _files(frame: FrameType | None) -> Iterator[str]:
    while frame is not None:
        yield frame.f_code.co_filename
        frame = frame.f_back


@cache
def _named(path: str) -> str:
    file = _ROOTS.sub("", path, count=1)
    return next((name for beginning, name in _BEGINNINGS if file.startswith(beginning)), "")
