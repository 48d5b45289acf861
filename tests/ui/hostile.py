"""Text that wants to steer a terminal or a markup parser, by seed, and a session that says nothing else.

As a program, `python -m tests.ui.hostile SEED STRINGS` shows such a session on a real terminal.
"""

from __future__ import annotations

import enum
import functools
import random
import sys
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from llmdash.engine.model.commands import Command
from llmdash.engine.model.frame import (
    Frame,
    HistogramPart,
    Inspection,
    JobRow,
    JobsPart,
    Notice,
    StreamPart,
    TimingPart,
)
from llmdash.engine.model.view import View
from llmdash.ui import app as app_module
from llmdash.ui.app import LlmdashApp

__all__ = ["HOSTILE_ACTION", "HostileSession", "Words"]

HOSTILE_ACTION = "hostile_deed"
"""An action that markup in data asks for. Nothing on the screen may run it."""

_PIECES = (
    "\x1b]52;c;aGVsbG8=\x07", "\x1b]0;title\x1b\\", "\x1b]8;;https://example.org\x1b\\",
    "\x1bP1$r0m\x1b\\", "\x1b[2J", "\x1b[31m", "\x1b[?1049l", "\x1b[6n", "\x1b[>1u", "\x1bc",
    "\x1b(0", "\x1b#8", "\x1b_G\x1b\\", "\x9b2J", "\x9d52;c;x\x9c", "\x90q\x9c", "\x85", "\x84",
    "\x00", "\x07", "\b\b\b", "\x0e", "\x7f", "\r", "\v\f", "\u202e", "\u2066", "\u2069", "\u200f",
    "\u061c", "\u2028", "\u2029", "\ufeff", "\u200b", "\u2060", "\ufff9",
    "\U000e0001\U000e0041\U000e007f", "\ud83d", "\udc00", "\udcff", "a", "\u0301", "\u200d",
    "👩\u200d👩\u200d👧\u200d👦", "🏳️\u200d🌈", "🇩🇪🇫🇷", "👍🏽", "☃️", "\ufe0f", "[/]", "[red]",
    "[/red", "[bold]x[/bold]", f"[@click=app.{HOSTILE_ACTION}]q[/]", "[link=x]", "[[", "]]", "\\[",
    "{{field}}", "%s%n", "$(id)", "\n", "\t", "\r\n", "\x1f", " ", "", "plain", "漢字テキスト",
    "שלום", "مرحبا", "ﷺ", "𒐫", "\u00ad", "\u034f", "\u115f", "\u3164", "\u17b4", "\uffa0", "\u180e",
    "\U0001d173",
)  # fmt: skip


_hints = functools.cache(typing.get_type_hints)


class Words:
    """Hostile strings by seed; `used` counts them."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.used = 0

    def word(self) -> str:
        """One more: mostly short, now and then a flood."""
        self.used += 1
        rng = self.random
        if rng.random() < 0.002:
            return rng.choice(_PIECES) * rng.choice((1000, 20_000))
        if rng.random() < 0.1:
            return "".join(chr(rng.randrange(0x110000)) for _ in range(rng.randrange(12)))
        return "".join(rng.choice(_PIECES) for _ in range(rng.randrange(6)))

    def fill(self, kind: Any) -> Any:
        """A value of this type, with a hostile string wherever it holds one; structures field by field."""
        rng = self.random
        origin, inside = typing.get_origin(kind), typing.get_args(kind)
        if origin in (types.UnionType, typing.Union):
            return self.fill(rng.choice(inside))
        if origin is tuple:
            many = len(inside) == 2 and inside[1] is Ellipsis
            return tuple(self.fill(one) for one in (inside[:1] * rng.randrange(7) if many else inside))
        if kind is str:
            return self.word()
        if isinstance(origin, type) and issubclass(origin, Mapping):
            return {self.word(): self.word() for _ in range(rng.randrange(4))}
        if isinstance(kind, type) and is_dataclass(kind):
            hints = _hints(kind)
            return kind(**{field.name: self.fill(hints[field.name]) for field in fields(kind)})
        if isinstance(kind, type) and hasattr(kind, "_fields"):  # a NamedTuple
            return kind(*(self.fill(hint) for hint in _hints(kind).values()))
        return self._plain(kind)

    def _plain(self, kind: Any) -> Any:
        rng = self.random
        if kind is types.NoneType:
            return None
        if kind is bool:
            return rng.random() < 0.5
        if kind is int:
            return rng.choice((0, 1, 7, 999))
        if kind is float:
            return rng.choice((0.0, 0.001, 1.5, 59.0, 4000.0, 1e9))
        if isinstance(kind, type) and issubclass(kind, enum.Enum):
            return rng.choice(list(kind))
        raise TypeError(f"a Frame holds {kind}, which this does not know how to fill")


class HostileSession:
    """Every string of every picture is hostile, whatever a Frame may come to hold.

    Each picture is new, or, if `stands`, that of another view or the first after `renew`.
    """

    def __init__(self, words: Words, *, stands: bool = False) -> None:
        self.words = words
        self.commands: list[Command] = []
        self._notice = 0
        self._stands = stands
        self._shown: tuple[View, Frame] | None = None

    def renew(self) -> None:
        self._shown = None

    def command(self, command: Command) -> None:
        self.commands.append(command)

    def frame(self, view: View) -> Frame:
        view = replace(view, notices_after=0)
        if self._shown is None or self._shown[0] != view:
            frame = self._frame(view)
            self._shown = (view, replace(frame, notices=())) if self._stands else None
            return frame
        return self._shown[1]

    def _frame(self, view: View) -> Frame:
        frame: Frame = self.words.fill(Frame)
        rows = tuple(self._row(view.jobs.first + n) for n in range(view.jobs.height))
        error = frame.jobs.filter_error
        run = frame.run
        return replace(
            frame,
            run=replace(run, jobs=run.queued + run.waiting + run.in_flight + run.ended),
            jobs=JobsPart(len(rows) + 5, len(rows) + 5, view.jobs.first, rows, error),
            stream=self._stream(frame.stream),
            tiles=tuple(self._stream(self.words.fill(StreamPart)) for _ in range(view.tiles)),
            inspected=self._stream(frame.inspected),
            notices=tuple(self._notices()),
            series=replace(frame.series, step_s=max(0.001, frame.series.step_s)),
            timings=None if view.timings is None else self._timings(),
            inspection=None if view.inspect is None else self._inspection(view.inspect),
        )

    def _timings(self) -> TimingPart:
        """Timings whose histograms have an edge more than bars."""
        part: TimingPart = self.words.fill(TimingPart)
        bars = HistogramPart((0.1, 0.2, 0.4, 1e9), (1, 0, 999))
        return replace(part, histograms=(HistogramPart(), bars, bars, bars, bars))

    def _row(self, job: int) -> JobRow:
        row: JobRow = self.words.fill(JobRow)
        return replace(row, job=job)

    def _stream(self, part: StreamPart) -> StreamPart:
        return replace(part, start=0, gaps=(0.1,) * len(part.chunks))

    def _notices(self) -> Iterator[Notice]:
        if self.words.random.random() < 0.05:
            self._notice += 1
            yield replace(self.words.fill(Notice), serial=self._notice)

    def _inspection(self, job: int) -> Inspection:
        inspection: Inspection = self.words.fill(Inspection)
        return replace(inspection, row=replace(inspection.row, job=job))


class _Shown(LlmdashApp):
    """Ends by itself when so many strings were shown."""

    CSS_PATH = str(Path(app_module.__file__).with_name("app.tcss"))

    def __init__(self, session: HostileSession, strings: int) -> None:
        super().__init__(session=session, shipped_themes=Path(__file__).parents[2] / "themes")
        self._shown = session
        self._strings = strings

    def on_mount(self) -> None:
        super().on_mount()
        self.set_interval(0.05, self._look)

    def _look(self) -> None:
        if self._shown.words.used >= self._strings:
            self.exit()


if __name__ == "__main__":
    app = _Shown(HostileSession(Words(int(sys.argv[1]))), int(sys.argv[2]))
    app.run()
    sys.exit(app.return_code)
