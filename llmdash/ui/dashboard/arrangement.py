"""The layout of the dashboard's panels, for any size of terminal."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from textual.geometry import NULL_OFFSET, NULL_SPACING, Region, Size
from textual.layout import Layout, WidgetPlacement
from textual.widget import Widget

from llmdash.ui.panels.filter_bar import FilterBar

__all__ = [
    "MINIMUM",
    "ROOMY",
    "WIDE",
    "DashboardLayout",
    "PanelSpace",
    "Panels",
    "RowCounts",
    "arrange_panels",
    "arrange_review",
    "too_small_words",
]

MINIMUM = Size(60, 16)
"""The smallest terminal, in cells, that the dashboard supports."""

WIDE = 100
"""From this many columns on, keys and rate are beside the jobs."""

ROOMY = Size(180, 50)
"""From this size of the panels' space on, the workers have a panel above the others."""

_LEAST_PLOT = 5
_OUTCOME_WIDTH = 43
_FRAME = 2
"""Lines a panel's border takes."""
_TILED_JOBS = 11
"""Lines that the jobs keep above tiled streams."""
_MOST_WORKERS = 8
"""Rows of workers; more scroll."""
_LEAST_WITH_STREAM = 18
"""With fewer lines there is no stream pane."""


@dataclass(frozen=True, slots=True)
class Panels:
    """One region a panel, in cells; `stream` is None where there is no room for it."""

    jobs: Region
    keys: Region
    rate: Region
    stream: Region | None


def arrange_panels(size: Size, keys: int, tiled: bool = False) -> Panels:
    """Return the regions for `size` (the screen without header and key bar) and that many keys. Streams that
    are `tiled` take most of the room of the jobs.
    """
    return _side_by_side(size, keys, tiled) if size.width >= WIDE else _stacked(size, keys, tiled)


def _side_by_side(size: Size, keys: int, tiled: bool) -> Panels:
    """Jobs over stream on the left; keys over rate on the right."""
    width, height = size
    right = _between(45, round(width * 0.375), 72)
    left = width - right
    stream = max(4, height - max(_TILED_JOBS, height // 3)) if tiled else _between(4, round(height * 0.3), 18)
    keys_height = _between(_FRAME + 4, keys + _FRAME + 1, max(_FRAME + 4, height - 12))
    return Panels(
        jobs=Region(0, 0, left, height - stream),
        keys=Region(left, 0, right, keys_height),
        rate=Region(left, keys_height, right, height - keys_height),
        stream=Region(0, height - stream, left, stream),
    )


def _stacked(size: Size, keys: int, tiled: bool) -> Panels:
    """Jobs on top, keys beside rate below them, the stream at the bottom."""
    width, height = size
    middle = _between(_FRAME + 4, keys + _FRAME + 1, max(_FRAME + 4, height // 3))
    stream = _between(4, height // 4, 14) if height >= _LEAST_WITH_STREAM else 0
    if tiled and stream:
        stream = max(stream, height - middle - max(_TILED_JOBS - 4, height // 4))
    jobs = height - middle - stream
    left = _between(36, width - 35, 45)
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
    right = _between(45, round(width * 0.375), 72)
    left = width - right
    below = _between(4, round(height * 0.3), 18)
    outcome_height = _between(_FRAME + 4, outcome + _FRAME, height - 2 * (_FRAME + 2))
    keys_height = _between(_FRAME + 2, keys + _FRAME + 1, height - outcome_height)
    over = height - outcome_height - keys_height
    if over < _LEAST_PLOT:
        keys_height, over = keys_height + over, 0
    return {
        "jobs": Region(0, 0, left, height - below),
        "outcome": Region(left, 0, right, outcome_height),
        "keys": Region(left, outcome_height, right, keys_height),
        "over": Region(left, outcome_height + keys_height, right, over),
        **dict.fromkeys(("stream", "tiles", "failed"), Region(0, height - below, left, below)),
    }


def _review_stacked(size: Size, keys: int, outcome: int) -> Mapping[str, Region]:
    width, height = size
    below = _between(4, height // 4, 14) if height >= _LEAST_WITH_STREAM else 0
    middle = _between(_FRAME + 4, max(keys + 1, outcome) + _FRAME, max(_FRAME + 4, (height - below) * 3 // 5))
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


def too_small_words(size: Size) -> str:
    """Return what to say on a terminal of this size; nothing where the dashboard has room."""
    if size.width >= MINIMUM.width and size.height >= MINIMUM.height:
        return ""
    now, need = f"{size.width} x {size.height}", f"{MINIMUM.width} x {MINIMUM.height}"
    return f"This terminal is {now}.\nThe dashboard needs {need}.\n\nThe run goes on.  q quits."


class RowCounts(NamedTuple):
    """The rows that panels have to show, in a terminal of any size, and whether streams are a wall."""

    keys: int = 0
    workers: int = 0
    outcome: int = 0
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
        bar = next((child for child in children if isinstance(child, FilterBar)), None)
        if bar is not None:
            jobs = regions["jobs"]
            regions["jobs"], regions["filter"] = jobs.split_horizontal(-bar.lines(jobs.width))
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
        panels = arrange_panels(size, self.rows.keys, "tiles" in shown and self.rows.wall)
        streams = {} if panels.stream is None else dict.fromkeys(("stream", "tiles"), panels.stream)
        return {"jobs": panels.jobs, "keys": panels.keys, "rate": panels.rate, **streams}


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
        return self.size.width >= ROOMY.width and self.size.height >= ROOMY.height
