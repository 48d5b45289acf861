"""The figures of a run in slots: a slot has one width for the whole run, so that nothing moves.

A figure is at the right end of its slot. Where there is no room, whole slots are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

from rich.cells import cell_len

from llmdash.engine.model.frame import RunPart
from llmdash.engine.model.states import RunState
from llmdash.ui.text.format import count, in_seconds, percent, share, short, si, span

__all__ = ["WIDE", "Piece", "Slot", "counted_line", "figure_dollars", "progress_line"]

WIDE: Final = 98
"""From this many cells on, which are 100 columns, there are words beside the figures."""
_ROOMY: Final = 158
"""From this many on, what is rarely looked at is there too."""
_SPAN: Final = 6
_COST, _COSTS = 6, 13
"""Cells of a usual cost, and of one beside what all will cost."""
_BAR_SHARE: Final = 3
"""The bar keeps at least this part of the width."""

Piece = tuple[str, str]
"""A text, and the end of the name of its component class."""


class Slot(NamedTuple):
    """What is shown whole or not at all; the highest `priority` number goes first, 0 stays. Where it has no
    room there may be something `shorter`. It takes `least` cells, so that others stay as it grows.
    """

    pieces: tuple[Piece, ...]
    priority: int = 0
    shorter: Slot | None = None
    least: int = 0

    @property
    def width(self) -> int:
        return max(self.least, sum(cell_len(text) for text, _style in self.pieces))


# The second line: beside the bar.


def progress_line(run: RunPart, width: int, *, playing: bool = True) -> list[Piece]:
    """Return what is at the right of the bar: how many have ended, and what the rest, or all, takes.

    Its width depends on `width` and the number of jobs only, while the run goes on; on a screen that is too
    narrow for a bar it takes all. `playing` is False where the run is not at work, so that no end is near.
    """
    wide = width >= WIDE
    slots = [_ended(run, wide), *(_past(run) if run.ended_at is not None else _ahead(run, width, playing))]
    gap = 3 if wide else 2
    room = width - width // _BAR_SHARE
    while len(slots) > 1 and _joined_width(slots, gap) > room:
        slots.remove(max(reversed(slots), key=lambda slot: slot.priority))
    return _joined(slots, gap)


def _ended(run: RunPart, wide: bool) -> Slot:
    jobs = count(run.jobs)
    between = " / " if wide else "/"
    done = f"{count(run.ended):>{len(jobs)}}{between}{jobs}"
    if run.ended_at is not None and run.ended == run.jobs:
        return Slot(((done, "name"),))
    return Slot(((f"{done}{' ' * (2 if wide else 1)}{percent(run.ended, run.jobs)}", "name"),))


def _ahead(run: RunPart, width: int, playing: bool) -> list[Slot]:
    """The time left, its range, and when that will be; with batches out, of what is live."""
    low, middle, high = (f"{span(each)}" for each in run.ends_in_s) if run.ends_in_s else ("", "–", "")
    of = "live" if run.batched and not run.is_all_batched else "left"
    left = Slot(((f"{middle:>{_SPAN}}", "name"), (f" {of}", "muted")), 1)
    if width < WIDE:
        return [left]
    words = f"{low:>{_SPAN}} to {high:<{_SPAN}}" if low else " " * (2 * _SPAN + 4)
    slots = [left, Slot(((words, "muted"),), 2)]
    if width >= _ROOMY:
        at = (
            f"{datetime.fromtimestamp(run.ends_at):%H:%M}"
            if run.ends_at and playing and not run.batched
            else ""
        )
        slots.append(Slot(((f"ends about {at}" if at else " " * 16, "muted"),), 3))
    return slots


def _past(run: RunPart) -> list[Slot]:
    """When the run ended and what it took."""
    ended = datetime.fromtimestamp(run.ended_at or 0.0)
    word = "done" if run.state is RunState.DONE else "stopped"
    return [
        Slot(((f"{word} ", "muted"), (f"{ended:%H:%M:%S}", "name")), 2),
        Slot((("took ", "muted"), (span(run.elapsed_s), "name")), 1),
    ]


# The third line: what came of it, how fast, how good and what it costs.


def counted_line(run: RunPart, width: int) -> list[Piece]:
    """Return the counts in three groups: what came of it, how fast, how good and what it costs."""
    wide, roomy = width >= WIDE, width >= _ROOMY
    groups = [_outcome(run, wide, roomy), _pace(run, wide, roomy), _worth(run)]
    for gap, between in ((3, "  │  "), (2, " │ ")) if wide else ((2, "  "),):
        if _groups_width(groups, gap, between) <= width:
            break
    while _groups_width(groups, gap, between) > width:
        slots = [slot for group in groups for slot in group if slot.priority]
        if not slots:
            break
        gone = max(reversed(slots), key=lambda slot: slot.priority)
        groups = [[left for slot in group if (left := _without(slot, gone))] for group in groups]
    pieces: list[Piece] = []
    for group in filter(None, groups):
        pieces += [(between, "faint"), *_joined(group, gap)] if pieces else _joined(group, gap)
    return pieces


def _without(slot: Slot, gone: Slot) -> Slot | None:
    """What is left of a slot where `gone` has no room."""
    return slot.shorter if slot is gone else slot


def _outcome(run: RunPart, wide: bool, roomy: bool) -> list[Slot]:
    jobs = len(count(run.jobs))
    rare = min(4, jobs) if wide else 3
    slots = [
        _counted("✓", run.done, jobs, "done" if wide else "", "success"),
        _counted("✗", run.failed, rare, "failed" if wide else "", "error"),
        _counted("↻", run.retries, max(3, rare), "retried" if wide else "", "warning", 5),
    ]
    if run.invalid or roomy:
        slots.append(_counted("∅", run.invalid, rare, "invalid", "error", 1))
    if run.cancelled:
        slots.append(Slot((("⊘ ", "muted"), (count(run.cancelled), "name"), (" cancelled", "muted")), 6))
    return slots


def _counted(glyph: str, number: int, cells: int, word: str, style: str, priority: int = 0) -> Slot:
    """A glyph, a figure and a word. All of a zero is faint; a figure of trouble has the colour of it."""
    figure = count(number) if len(count(number)) <= cells else short(number, max(3, cells)).strip()
    text = f"{figure:>{cells}}"
    if not number:
        return Slot(((f"{glyph} {text}", "faint"), (f" {word}" if word else "", "faint")), priority)
    strong = "name" if style in ("success", "brand") else f"{style}-strong"
    return Slot(((f"{glyph} ", style), (text, strong), (f" {word}" if word else "", "muted")), priority)


def _pace(run: RunPart, wide: bool, roomy: bool) -> list[Slot]:
    """How fast it is; of a run that has ended, how fast it was."""
    about = "~" if run.tokens_estimated else ""
    requests = f"{_three(run.requests_per_s):>4}"
    tokens = f"{about}{si(run.tokens_per_s).strip()}".rjust(5)
    slots = [
        Slot((_zero(requests, run.requests_per_s), (" req/s", "muted")), 2),
        Slot((_zero(tokens, run.tokens_per_s), (" tok/s", "muted")), 7 if wide and not run.batched else 10),
    ]
    if not run.state.ended:
        in_flight = _zero(f"{count(run.in_flight):>3}", run.in_flight)
        slots.insert(0, Slot((in_flight, (" in flight", "muted")), 3))
    elif wide:
        mean = (("mean ", "muted"), _zero(requests.strip(), run.requests_per_s), (" req/s", "muted"))
        slots[0] = Slot(mean, 2)
        if run.peak_in_flight:
            slots.append(Slot((("peak ", "muted"), (count(round(run.peak_in_flight)), "name")), 6))
    if run.batched:
        cells = len(count(run.jobs)) if wide else 3
        slots.insert(
            0 if run.state.ended else 1,
            _counted("◇", run.batched, cells, "batched" if wide else "", "brand", 1),
        )
    return slots + ([*_tokens(run, about), *_first_token(run)] if roomy else [])


def _three(value: float | None) -> str:
    """Three digits that count, in four cells: `0.41`, `17.8`, `287`, `2.1k`."""
    if value is None:
        return "–"
    if value < 9.995:
        return f"{value:.2f}"
    return f"{value:.1f}" if value < 99.95 else si(value).strip()


def _zero(text: str, value: float | None) -> Piece:
    return text, "name" if value else "faint"


def _tokens(run: RunPart, about: str) -> list[Slot]:
    """Tokens in and out, and how many of them were cached, or spent on reasoning."""
    cached = f" ({si(run.cached_tokens).strip()} cached)" if run.cached_tokens else ""
    reasoning = f" ({si(run.reasoning_tokens).strip()} reasoning)" if run.reasoning_tokens else ""
    asked, said = (
        f"{about}{si(number).strip()}".rjust(5) for number in (run.input_tokens, run.output_tokens)
    )
    return [
        Slot((_zero(asked, run.input_tokens), (f" in{cached}", "muted")), 12),
        Slot((_zero(said, run.output_tokens), (f" out{reasoning}", "muted")), 11),
    ]


def _first_token(run: RunPart) -> list[Slot]:
    if run.ttft.p50 is None:
        return []
    middle, high = (in_seconds(each).strip() for each in (run.ttft.p50, run.ttft.p95))
    return [
        Slot(
            (
                ("first token ", "muted"),
                (f"{middle:>5}", "name"),
                (", p95 ", "muted"),
                (f"{high:>5}", "name"),
            ),
            13,
        )
    ]


def _worth(run: RunPart) -> list[Slot]:
    slots = []
    if run.score is not None and run.score.accuracy is not None:
        slots.append(Slot(((f"{share(run.score.accuracy):>6}", "name"), (" right", "muted")), 8))
    if run.cost is not None:
        slots.append(_cost(run))
    for number, word, style, priority in (
        (run.left_out, "left out", "warning", 1),
        (run.empty, "empty", "warning", 2),
        (run.reused, "reused", "muted", 4),
    ):
        if number:
            slots.append(
                Slot(
                    (
                        (count(number), f"{style}-strong" if style == "warning" else "name"),
                        (f" {word}", style),
                    ),
                    priority,
                )
            )
    return slots


def _cost(run: RunPart) -> Slot:
    """Dollars so far, at the end, and at most."""
    most = "≤" if run.cost_is_most else ""
    so_far = ((f"{most}{figure_dollars(run.cost)}", "name"),)
    slot = Slot(so_far, 9, least=_COST)
    if run.ended != run.jobs:
        pieces = (*so_far, (" → ", "muted"), (f"{most}{figure_dollars(run.cost_projected)}", "name"))
        slot = Slot(pieces, 9, slot, _COSTS)
    if run.budget is not None:
        budget = (f" of {figure_dollars(run.budget)} budget", "muted")
        slot = Slot((*slot.pieces, budget), 9, slot, slot.least + cell_len(budget[0]))
    if run.batch_cost:
        batches = (f", {most}{figure_dollars(run.batch_cost)} in batches", "muted")
        slot = Slot((*slot.pieces, batches), 10, slot, slot.least + cell_len(batches[0]))
    if run.cost_uncertain:
        unsure = (f", {figure_dollars(run.cost_uncertain)} of it unsure", "muted")
        slot = Slot((*slot.pieces, unsure), 10, slot, slot.least + cell_len(unsure[0]))
    return slot


def figure_dollars(value: float | None) -> str:
    """Return an amount in digits that count: `$0.0031`, `$0.43`, `$12.4`, `$127`, `$1.3k`.

    A dash if it is not known.
    """
    if value is None:
        return "–"
    if value < 0.0995 and value > 0:
        return f"${value:.{4 if value >= 0.00095 else 6}f}".rstrip("0")
    if value < 9.995:
        return f"${value:.2f}"
    return f"${value:.1f}" if value < 99.95 else f"${si(value).strip()}"


# Lines of slots.


def _joined(slots: Sequence[Slot], gap: int) -> list[Piece]:
    pieces: list[Piece] = []
    for slot in slots:
        pieces += [(" " * gap, "muted"), *slot.pieces] if pieces else slot.pieces
    return pieces


def _joined_width(slots: Sequence[Slot], gap: int) -> int:
    return sum(slot.width + gap for slot in slots) - gap if slots else 0


def _groups_width(groups: Sequence[Sequence[Slot]], gap: int, between: str) -> int:
    filled = [group for group in groups if group]
    return sum(_joined_width(group, gap) + len(between) for group in filled) - len(between) if filled else 0
