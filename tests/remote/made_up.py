"""Frames, commands and sessions made up for viewers."""

from __future__ import annotations

import asyncio
import enum
import shutil
import tempfile
import threading
import typing
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import UnionType
from typing import Any, Union

from hypothesis import strategies as st

from llmdash.engine.model.commands import Command
from llmdash.engine.model.ending import Ending
from llmdash.engine.model.frame import Frame, RunPart
from llmdash.engine.model.states import AnswerFlag, RunState
from llmdash.engine.model.view import View
from llmdash.remote.addresses import Places, listen
from llmdash.remote.server import SessionServer
from llmdash.remote.viewers import EngineSession

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
"""All that UTF-8 can hold."""
WHOLE = st.integers(-(2**63), 2**63 - 1)
JSON = st.recursive(
    st.none() | st.booleans() | WHOLE | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)

PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    str: TEXTS,
    int: WHOLE,
    float: st.floats(allow_nan=False),
    bool: st.booleans(),
    bytes: st.binary(max_size=16),
    type(None): st.none(),
    AnswerFlag: st.integers(0, 63).map(AnswerFlag),
}


def any_of(kind: Any) -> st.SearchStrategy[Any]:
    """Values of a type, with every field of every class in it at its wildest."""
    if kind in PLAIN:
        return PLAIN[kind]
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin in (Union, UnionType):
        return st.one_of(*map(any_of, inner))
    if origin is tuple and inner[-1] is ...:
        return st.lists(any_of(inner[0]), max_size=2).map(tuple)
    if origin is tuple:
        return st.tuples(*map(any_of, inner))
    if origin is Mapping:
        return st.dictionaries(TEXTS, JSON, max_size=3)
    if issubclass(kind, enum.Enum):
        return st.sampled_from(kind)
    hints = typing.get_type_hints(kind)
    return st.builds(kind, **{name: any_of(hint) for name, hint in hints.items()})


def running(**fields: Any) -> Frame:
    return Frame(run=RunPart(name="made up", state=RunState.RUNNING, jobs=10, **fields))


class MadeUpSession:
    """A session whose frames a test makes; keeps the views and commands that came."""

    allows_bad_lines = False

    def __init__(self, picture: Callable[[View], Frame] | None = None) -> None:
        self.picture = picture or (lambda _view: running())
        self.views: list[View] = []
        self.commands: list[Command] = []
        self.came = threading.Event()
        self.ending: Ending | None = None
        self.crash: BaseException | None = None

    def frame(self, view: View) -> Frame:
        self.views.append(view)
        return self.picture(view)

    def command(self, command: Command) -> None:
        self.commands.append(command)
        self.came.set()


class ChangingMadeUp(MadeUpSession):
    """One that tells of changes: `happen` makes one. `seen` has how many those who wait have seen."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[int] = []
        self.waiting: list[Callable[[], None]] = []

    def when_changed(self, seen: int, call: Callable[[], None]) -> Callable[[], None]:
        loop = asyncio.get_running_loop()
        self.seen.append(seen)
        self.waiting.append(partial(_tell, loop, call))
        return self.waiting.clear

    def happen(self) -> None:
        for call in self.waiting:
            call()


def _tell(loop: asyncio.AbstractEventLoop, call: Callable[[], None]) -> None:
    loop.call_soon_threadsafe(call)


@contextmanager
def short_folder() -> Iterator[Path]:
    """A folder with a name that a socket's path may have, whatever pytest's are."""
    folder = Path(tempfile.mkdtemp(prefix="lm-", dir="/tmp"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@contextmanager
def served(session: EngineSession, **more: Any) -> Iterator[tuple[SessionServer, Path]]:
    """A server of the session, and the run's folder."""
    with short_folder() as folder:
        places = Places((folder / "sockets",), unix=more.pop("unix", True))
        with SessionServer(session, folder, listen=partial(listen, places=places), **more) as server:
            yield server, folder
