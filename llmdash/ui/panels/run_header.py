"""The run in three lines: its name and state, its progress, and its counts."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Final, NamedTuple

from rich.cells import cell_len
from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

from llmdash.engine.model.counts import counted
from llmdash.engine.model.frame import RunPart
from llmdash.engine.model.states import RunState
from llmdash.sanitize import clean_line
from llmdash.ui.text.badges import run_badge
from llmdash.ui.text.format import (
    by_words,
    clock,
    count,
    dollars,
    elapsed,
    fit,
    percent,
    rate,
    share,
    si,
    span,
)
from llmdash.ui.text.paint import Styles, line, regions

__all__ = ["RunHeader"]

GAP: Final = 3
LEAST_BAR: Final = 6
LEAST_NAME: Final = 8
RANGE_WIDTH: Final = 16
"""Cells of the range of the time left, so that the bar before it stays where it is."""


class _Item(NamedTuple):
    """A piece of a line that is shown whole or not at all; the highest `priority` number goes first."""

    text: str
    style: str
    priority: int = 0


class RunHeader(Widget):
    """The run header: three lines that drop the least important items where room is short; words stay whole.

    | Component class | Styles |
    |---|---|
    | `run-header--brand` | The name of the program. |
    | `run-header--name` | The name of the run. |
    | `run-header--accent` | What is shown, where that is not a run at work. |
    | `run-header--plain` | Plain text. |
    | `run-header--muted` | Text that matters less, and the rest of the bar. |
    | `run-header--success`, `--warning`, `--error` | States, counts, and parts of the bar. |
    """

    ALLOW_SELECT = False

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "run-header--brand",
        "run-header--name",
        "run-header--accent",
        "run-header--plain",
        "run-header--muted",
        "run-header--success",
        "run-header--warning",
        "run-header--error",
    }

    DEFAULT_CSS = """
    RunHeader {
        height: 3;
        padding: 0 1;
        & > .run-header--brand { color: $text-primary; text-style: bold; }
        & > .run-header--name { color: $foreground; text-style: bold; }
        & > .run-header--accent { color: $text-accent; text-style: bold; }
        & > .run-header--plain { color: $foreground; }
        & > .run-header--muted { color: $text-muted; }
        & > .run-header--success { color: $text-success; }
        & > .run-header--warning { color: $text-warning; }
        & > .run-header--error { color: $text-error; }
    }
    """

    def __init__(self, *, name: str | None = None, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._styles = Styles(self)
        self._run = RunPart()
        self._workers: int | None = None
        self._shown_as = ""
        self._lines: list[Strip] = []
        self._drawn = -1

    def show(self, run: RunPart, workers: int | None = None, shown_as: str = "") -> None:
        """Show the run, and the number of its workers if it has any; only lines that look different are
        painted. `shown_as` says what it is that is not at work, such as `kept run`.
        """
        if (run, workers, shown_as) == (self._run, self._workers, self._shown_as):
            return
        self._run, self._workers, self._shown_as = run, workers, shown_as
        width = self.content_size.width
        if width != self._drawn:
            self._drawn = -1
            self.refresh()
            return
        before, self._lines = self._lines, self._draw(width)
        if changed := [y for y, strip in enumerate(self._lines) if strip != before[y]]:
            self.refresh(*regions(changed, width))

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._styles.clear()
        self._drawn = -1

    def render_line(self, y: int) -> Strip:
        width = self.content_size.width
        if width != self._drawn:
            self._lines = self._draw(width)
            self._drawn = width
        return self._lines[y] if y < len(self._lines) else Strip.blank(width, self._style("plain"))

    def _draw(self, width: int) -> list[Strip]:
        return [self._title(width), self._progress(width), self._counters(width)]

    # First line.

    def _title(self, width: int) -> Strip:
        run = self._run
        time = elapsed(run.elapsed_s)
        state = self._state_text(width - len(time) - 2)
        right = f"{state}  {time}" if cell_len(state) + len(time) + 2 <= width else fit(state, width)
        room = width - cell_len(right) - 2
        left = _fitting(self._names(), room)
        if not left:
            left = [_Item(fit(run.name, max(0, room)), "name")]
        pieces = self._joined(left)
        pieces.append(
            (" " * (width - sum(cell_len(text) for text, _style in pieces) - cell_len(right)), self._blank)
        )
        pieces.append(
            (right[: len(right) - len(time)] if right.endswith(time) else right, self._state_style())
        )
        if right.endswith(time):
            pieces.append((time, self._style("name")))
        return line(pieces, width, self._blank)

    def _names(self) -> list[_Item]:
        run = self._run
        place = " @ ".join(clean_line(text) for text in (run.model, run.endpoint) if text)
        return [
            _Item("llmdash", "brand", 3),
            _Item(self._shown_as, "accent"),
            _Item(clean_line(run.name), "name"),
            _Item(place, "plain", 1),
            _Item(counted(run.keys, "key"), "muted", 2),
            _Item("" if self._workers is None else counted(self._workers, "worker"), "muted", 2),
        ]

    def _state_text(self, width: int) -> str:
        """The state and, as far as it leaves room for the name of the run, its reason."""
        run, room = self._run, max(LEAST_NAME, width - LEAST_NAME - 2)
        badge, why = run_badge(run), run.state_detail
        if run.state in (RunState.RUNNING, RunState.DONE) or not why:
            return by_words(badge.text, room)
        said = why if why.startswith(badge.word) else f"{badge.word} · {why}"
        return by_words(f"{badge.glyph} {said}", room)

    def _state_style(self) -> Style:
        return self._style(run_badge(self._run).style)

    # Second line.

    def _progress(self, width: int) -> Strip:
        run = self._run
        done = (
            f"{count(run.ended):>{len(count(run.jobs))}} / {count(run.jobs)}  {percent(run.ended, run.jobs)}"
        )
        items = (
            self._past()
            if run.ended_at is not None
            else [
                _Item(f"ETA {clock(run.ends_in_s[1] if run.ends_in_s else None)}", "plain", 1),
            ]
        )
        items = [_Item(done, "name"), *items]
        if run.ends_in_s:
            low, _middle, high = run.ends_in_s
            items.append(_Item(f"{span(low)} to {span(high)}".rjust(RANGE_WIDTH), "muted", 2))
        items = _fitting(items, width - LEAST_BAR - GAP)
        if not items:
            return line([(fit(done, width), self._style("name"))], width, self._blank)
        text = self._joined(items)
        bar = width - sum(cell_len(piece) for piece, _style in text) - 2
        return line([*self._bar(bar), ("  ", self._blank), *text], width, self._blank)

    def _past(self) -> list[_Item]:
        """When a run ended and what it took, in place of what it will take."""
        run = self._run
        ended = datetime.fromtimestamp(run.ended_at or 0.0)
        word = "done" if run.state is RunState.DONE else "stopped"
        return [
            _Item(f"{word} {ended:%H:%M:%S}", "plain", 2),
            _Item(f"took {span(run.elapsed_s)}", "plain", 1),
        ]

    def _bar(self, width: int) -> list[tuple[str, Style]]:
        """Done, failed, cancelled, and the rest, in half cells."""
        run = self._run
        halves = 2 * width
        jobs = max(1, run.jobs)
        good = run.done * halves // jobs
        bad, gone = (
            _at_least_one(number, halves, jobs) for number in (run.failed + run.invalid, run.cancelled)
        )
        good = max(0, min(good, halves - bad - gone))
        styles = ["success"] * good + ["error"] * bad + ["muted"] * gone
        styles += [""] * (halves - len(styles))
        return [self._bar_cell(styles[at], styles[at + 1]) for at in range(0, halves, 2)]

    def _bar_cell(self, left: str, right: str) -> tuple[str, Style]:
        """A cell from the styles of its halves; what is left to do has none."""
        if not left:
            return "─", self._style("muted")
        if not right:
            return "╸", self._style(left)
        return "━", self._style(right)

    # Third line.

    def _counters(self, width: int) -> Strip:
        items = self._count_items()
        return line(self._joined(_fitting(items, width)), width, self._blank)

    def _count_items(self) -> list[_Item]:
        run = self._run
        tokens = si(run.tokens_per_s).strip()
        about = "~" if run.tokens_estimated else ""
        wide = len(count(run.jobs))
        pace = "–" if run.requests_per_s is None else rate(run.requests_per_s).strip()[:-2]
        items = [
            _Item(f"✓ {count(run.done):>{wide}} saved", "success"),
            _Item(f"✗ {count(run.failed)} failed", "error" if run.failed else "muted"),
            _Item(f"↻ {count(run.retries)} retried", "warning" if run.retries else "muted", 3),
            _Item("" if run.state.ended else f"{run.in_flight:>3} in flight", "plain", 2),
            _Item(
                f"{'mean ' if run.state.ended else ''}{pace:>5} req/s",
                "plain",
                1,
            ),
            _Item(f"{about}{tokens:>4} tok/s", "plain", 5),
        ]
        if run.invalid:
            items.insert(2, _Item(f"≠ {count(run.invalid)} invalid", "error"))
        if run.reused:
            items.append(_Item(f"{count(run.reused)} reused", "muted", 3))
        if run.empty:
            items.append(_Item(f"{count(run.empty)} empty", "warning", 2))
        if run.score is not None and run.score.accuracy is not None:
            items.append(_Item(f"{share(run.score.accuracy):>6} right", "plain", 4))
        if run.cost is not None:
            items.append(_Item(_cost_text(run), "plain", 3))
        if run.left_out:
            items.append(_Item(f"{count(run.left_out)} left out", "warning", 1))
        if run.cancelled:
            items.append(_Item(f"⊘ {count(run.cancelled)} cancelled", "muted", 6))
        items.append(_Item(f"{about}{_tokens_text(run)}", "muted", 7))
        return items

    # Pieces.

    def _joined(self, items: list[_Item]) -> list[tuple[str, Style]]:
        pieces: list[tuple[str, Style]] = []
        for item in items:
            if pieces:
                pieces.append((" " * GAP, self._blank))
            pieces.append((item.text, self._style(item.style)))
        return pieces

    def _style(self, tail: str) -> Style:
        return self._styles.get(f"run-header--{tail}")

    @property
    def _blank(self) -> Style:
        return self._style("plain")


def _fitting(items: list[_Item], width: int) -> list[_Item]:
    """The items that fit in `width` cells when whole, in their order; none if not even the first ones do."""
    shown = [item for item in items if item.text]
    while shown and sum(cell_len(item.text) + GAP for item in shown) - GAP > width:
        shown.remove(max(reversed(shown), key=lambda item: item.priority))
    return shown


def _cost_text(run: RunPart) -> str:
    """Dollars so far, at the end, and at most."""
    of_budget = "" if run.budget is None else f" of {dollars(run.budget)}"
    ahead = "" if run.ended == run.jobs else f" → {dollars(run.cost_projected)}"
    return f"{dollars(run.cost)}{ahead}{of_budget}"


def _tokens_text(run: RunPart) -> str:
    """Tokens in and out, and how many of them were cached, or spent on reasoning."""
    cached = f" ({si(run.cached_tokens).strip()} cached)" if run.cached_tokens else ""
    reasoning = f" ({si(run.reasoning_tokens).strip()} reasoning)" if run.reasoning_tokens else ""
    return f"{si(run.input_tokens).strip()} in{cached} {si(run.output_tokens).strip()} out{reasoning}"


def _at_least_one(number: int, halves: int, jobs: int) -> int:
    """A share of the bar in half cells: at least one if the number is not 0."""
    return max(1, number * halves // jobs) if number and halves else 0
