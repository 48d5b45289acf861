"""The layout of the dashboard's panels, for any size of terminal."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

from textual.content import Content
from textual.geometry import NULL_OFFSET, NULL_SPACING, Region, Size
from textual.layout import Layout, WidgetPlacement
from textual.widget import Widget
from textual.widgets import Static

from llmdash.lean_dataclass import dataclass
from llmdash.ui.dashboard.sizes import MINIMUM, WIDE, is_roomy
from llmdash.ui.panels.filter_bar import FilterBar
from llmdash.ui.panels.jump_bar import JumpBar
from llmdash.ui.text.named_keys import chosen_by, in_chosen_keys

__all__ = [
    "DashboardLayout",
    "PanelSpace",
    "Panels",
    "RowCounts",
    "TooSmall",
    "arrange_panels",
    "arrange_review",
]

_LEAST_PLOT = 6
_OUTCOME_WIDTH = 43
_FRAME = 2
"""Lines a panel's border takes."""
_RULE = 1
"""Lines of the titled rule that a panel has in place of a border on a narrow screen."""
_ERRORS = 9
"""Lines of the errors beside a run at work, where there is room."""
_EVENTS = 8
"""Lines of what happened, likewise."""
_TILED_JOBS = 11
"""Lines that the jobs keep above tiled streams."""
_MOST_WORKERS = 8
"""Rows of workers; more scroll."""
_LEAST_WITH_STREAM = 15
"""With fewer lines there is no stream pane."""


@dataclass(frozen=True, slots=True)
class Panels:
    """One region a panel, in cells; None where there is no room for it."""

    jobs: Region
    keys: Region
    rate: Region
    stream: Region | None = None
    over: Region | None = None
    """The plots of the run."""
    errors: Region | None = None
    events: Region | None = None
    """What happened, the newest first."""

    @property
    def regions(self) -> tuple[Region, ...]:
        """Those that there are."""
        every = (self.jobs, self.keys, self.rate, self.stream, self.over, self.errors, self.events)
        return tuple(region for region in every if region is not None)


def arrange_panels(size: Size, keys: int, wall: bool = False, errors: bool = False, rate: int = 4) -> Panels:
    """Return the regions for `size` (the screen without header and key bar) and that many keys. A `wall` of
    streams takes most of the room of the jobs. The sliders need `rate` lines; `errors` have a panel.
    """
    if size.width >= WIDE:
        return _side_by_side(size, keys, wall, errors, rate)
    return _stacked(size, keys, wall)


def _side_by_side(size: Size, keys: int, wall: bool, errors: bool, rate: int) -> Panels:
    """Jobs over stream on the left; keys, rate and plots, one above the other, on the right."""
    width, height = size
    right = _right(width)
    left = width - right
    stream = _between(4, round(height * 0.36) if is_roomy(size) else round(height * 0.32), 26)
    if wall:
        stream = max(4, height - max(_TILED_JOBS, height // 3))
    keys_height = _between(_FRAME + 4, keys + _FRAME + 1, max(_FRAME + 4, height - 12))
    rate_height = min(_FRAME + rate, height - keys_height)
    below = height - keys_height - rate_height
    errors_height = _ERRORS if errors and is_roomy(size) and below >= _ERRORS + _LEAST_PLOT else 0
    events_height = _EVENTS if is_roomy(size) and below >= errors_height + _EVENTS + _LEAST_PLOT else 0
    over = below - errors_height - events_height
    if over < _LEAST_PLOT:
        rate_height, over = rate_height + over, 0
    top = keys_height + rate_height
    return Panels(
        jobs=Region(0, 0, left, height - stream),
        keys=Region(left, 0, right, keys_height),
        rate=Region(left, keys_height, right, rate_height),
        stream=Region(0, height - stream, left, stream),
        over=Region(left, top, right, over) if over else None,
        errors=Region(left, top + over, right, errors_height) if errors_height else None,
        events=Region(left, height - events_height, right, events_height) if events_height else None,
    )


def _right(width: int) -> int:
    """The columns of the panels at the right."""
    return _between(44, round(width * 0.36), 72)


def _stacked(size: Size, keys: int, wall: bool) -> Panels:
    """Jobs on top, keys beside rate below them, the stream at the bottom; a rule above each."""
    width, height = size
    middle = _between(_RULE + 4, keys + 1 + _RULE, max(_RULE + 4, height // 3))
    stream = _between(3, height // 6, 14) if height >= _LEAST_WITH_STREAM else 0
    if wall and stream:
        stream = max(stream, height - middle - max(_TILED_JOBS - 4, height // 4))
    jobs = height - middle - stream
    left = _between(36, width * 39 // 80, 48)
    return Panels(
        jobs=Region(0, 0, width, jobs),
        keys=Region(0, jobs, left, middle),
        rate=Region(left, jobs, width - left, middle),
        stream=Region(0, jobs + middle, width, stream) if stream else None,
    )


def arrange_review(size: Size, keys: int, outcome: int) -> Mapping[str, Region]:
    """Return the regions of the panels of a run that has ended, by id: what came of it, in `outcome` lines at
    best, is in place of the rate, and what failed, or an answer, in place of the streams.
    """
    if size.width < WIDE:
        return _review_stacked(size, keys, outcome)
    width, height = size
    right = _right(width)
    left = width - right
    below = _between(4, round(height * 0.32), 18)
    outcome_height = _between(_FRAME + 4, outcome + _FRAME, height - 2 * (_FRAME + 2))
    keys_height = _between(_FRAME + 2, keys + _FRAME + 1, height - outcome_height)
    over = height - outcome_height - keys_height
    events = _EVENTS if is_roomy(size) and over >= _EVENTS + _LEAST_PLOT else 0
    over -= events
    if over < _LEAST_PLOT:
        keys_height, over = keys_height + over, 0
    return {
        "jobs": Region(0, 0, left, height - below),
        "outcome": Region(left, 0, right, outcome_height),
        "keys": Region(left, outcome_height, right, keys_height),
        "over": Region(left, outcome_height + keys_height, right, over),
        **({"events": Region(left, height - events, right, events)} if events else {}),
        **dict.fromkeys(("stream", "tiles", "failed"), Region(0, height - below, left, below)),
    }


def _review_stacked(size: Size, keys: int, outcome: int) -> Mapping[str, Region]:
    width, height = size
    below = _between(3, height // 5, 14) if height >= _LEAST_WITH_STREAM else 0
    most = max(_RULE + 4, (height - below) * 3 // 5)
    middle = _between(_RULE + 4, max(keys + 1, outcome) + _RULE, most)
    left = _between(18, width - _OUTCOME_WIDTH, 45)
    jobs = height - middle - below
    return {
        "jobs": Region(0, 0, width, jobs),
        "outcome": Region(left, jobs, width - left, middle),
        "keys": Region(0, jobs, left, middle),
        "over": Region(0, 0, 0, 0),
        **dict.fromkeys(("stream", "tiles", "failed"), Region(0, jobs + middle, width, below)),
    }


def _between(low: int, value: int, high: int) -> int:
    return max(low, min(value, high))


class TooSmall(Static):
    """Says on a terminal without room for the dashboard how much it needs."""

    def __init__(self) -> None:
        super().__init__(id="too-small", markup=False)

    def look(self, size: Size) -> bool:
        """Return whether a terminal of this size is too small; then that is what is said."""
        if size.width >= MINIMUM.width and size.height >= MINIMUM.height:
            return False
        now, need = f"{size.width} x {size.height}", f"{MINIMUM.width} x {MINIMUM.height}"
        words = f"This terminal is {now}.\nThe dashboard needs {need}.\n\nThe run goes on.  q quits."
        self.update(Content(in_chosen_keys(words, chosen_by(self))))
        return True


class RowCounts(NamedTuple):
    """The rows that panels have to show, in a terminal of any size, and whether streams are a wall."""

    keys: int = 0
    workers: int = 0
    outcome: int = 0
    rate: int = 4
    wall: bool = False
    """Whether tiled streams take most of the room of the jobs."""


class DashboardLayout(Layout):
    """Puts panels where `arrange_panels` says, by widget id; the filter takes the last lines of the jobs."""

    name = "dashboard"

    def __init__(self) -> None:
        self.rows = RowCounts()

    def arrange(
        self, parent: Widget, children: list[Widget], size: Size, greedy: bool = True
    ) -> list[WidgetPlacement]:
        parent.pre_layout(self)
        shown = {child.id for child in children}
        top = _FRAME + 1 + min(self.rows.workers, _MOST_WORKERS) if "workers" in shown else 0
        regions = dict(self._regions(Size(size.width, size.height - top), shown))
        for child in children:
            jobs = regions["jobs"]
            if isinstance(child, FilterBar):
                regions["jobs"], regions["filter"] = jobs.split_horizontal(-child.lines(jobs.width))
            elif isinstance(child, JumpBar):
                regions["jobs"], regions["jump"] = jobs.split_horizontal(-1)
        below = {name: region.translate((0, top)) for name, region in regions.items()}
        places = {"workers": Region(0, 0, size.width, top), **below}
        return [
            WidgetPlacement(region, NULL_OFFSET, NULL_SPACING, child)
            for child in children
            if (region := places.get(child.id or "")) is not None
        ]

    def _regions(self, size: Size, shown: Collection[str | None]) -> Mapping[str, Region]:
        """The regions by widget id, without the workers; those without room are missing, or empty."""
        if "outcome" in shown:
            return arrange_review(size, self.rows.keys, self.rows.outcome)
        wall, errors = "tiles" in shown and self.rows.wall, "failed" in shown
        panels = arrange_panels(size, self.rows.keys, wall, errors, self.rows.rate)
        streams = {} if panels.stream is None else dict.fromkeys(("stream", "tiles"), panels.stream)
        beside = {"over": panels.over, "failed": panels.errors, "events": panels.events}
        return {
            "jobs": panels.jobs,
            "keys": panels.keys,
            "rate": panels.rate,
            **streams,
            **{name: region for name, region in beside.items() if region is not None},
        }


class PanelSpace(Widget):
    """The part of the dashboard that holds the panels; `fit` sets what they have to show."""

    DEFAULT_CSS = "PanelSpace { width: 100%; height: 1fr; overflow: hidden; }"

    def __init__(self) -> None:
        super().__init__()
        self._arrangement = DashboardLayout()

    @property
    def layout(self) -> Layout:
        return self._arrangement

    def fit(self, rows: RowCounts) -> None:
        """Make room for that many rows, in the panels that are shown."""
        if rows != self._arrangement.rows:
            self._arrangement.rows = rows
            self._clear_arrangement_cache()  # which `refresh` does for its ancestors only
            self.refresh(layout=True)

    @property
    def is_roomy(self) -> bool:
        """True where there is room for a panel of workers."""
        return is_roomy(self.size)
