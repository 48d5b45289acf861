"""The layout of the dashboard's panels, for any size of terminal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from textual.geometry import NULL_OFFSET, NULL_SPACING, Region, Size
from textual.layout import Layout, WidgetPlacement
from textual.widget import Widget

from llmdash.ui.screens.filter_bar import FilterBar

__all__ = ["MINIMUM", "ROOMY", "WIDE", "DashboardLayout", "PanelSpace", "Panels", "arrange_panels"]

MINIMUM = Size(60, 16)
"""The smallest terminal, in cells, that the dashboard supports."""

WIDE = 100
"""From this many columns on, keys and rate are beside the jobs."""

ROOMY = Size(180, 50)
"""From this size of the panels' space on, the workers have a panel above the others."""

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


def _between(low: int, value: int, high: int) -> int:
    return max(low, min(value, high))


class DashboardLayout(Layout):
    """Puts panels where `arrange_panels` says, by widget id; the filter takes the last lines of the jobs."""

    name = "dashboard"

    def __init__(self, keys: Callable[[], int], workers: Callable[[], int]) -> None:
        self._keys = keys
        self._workers = workers

    def arrange(
        self, parent: Widget, children: list[Widget], size: Size, greedy: bool = True
    ) -> list[WidgetPlacement]:
        parent.pre_layout(self)
        shown = {child.id for child in children}
        top = _FRAME + 1 + min(self._workers(), _MOST_WORKERS) if "workers" in shown else 0
        panels = arrange_panels(Size(size.width, size.height - top), self._keys(), "tiles" in shown)
        regions = {"keys": panels.keys, "rate": panels.rate, "stream": panels.stream, "tiles": panels.stream}
        bar = next((child for child in children if isinstance(child, FilterBar)), None)
        if bar is None:
            regions["jobs"] = panels.jobs
        else:
            cut = -bar.lines(panels.jobs.width)
            regions["jobs"], regions["filter"] = panels.jobs.split_horizontal(cut)
        below = {name: region.translate((0, top)) for name, region in regions.items() if region is not None}
        places = {"workers": Region(0, 0, size.width, top), **below}
        return [
            WidgetPlacement(region, NULL_OFFSET, NULL_SPACING, child)
            for child in children
            if (region := places.get(child.id or "")) is not None
        ]


class PanelSpace(Widget):
    """The part of the dashboard that holds the panels; `fit` sets the number of keys and workers."""

    DEFAULT_CSS = "PanelSpace { width: 100%; height: 1fr; overflow: hidden; }"

    def __init__(self) -> None:
        super().__init__()
        self._keys = self._workers = 0
        self._panels = DashboardLayout(lambda: self._keys, lambda: self._workers)

    @property
    def layout(self) -> Layout:
        return self._panels

    def fit(self, keys: int, workers: int) -> None:
        """Make room for that many rows in the key panel, and in the panel of workers if it is shown."""
        if (keys, workers) != (self._keys, self._workers):
            self._keys, self._workers = keys, workers
            self.refresh(layout=True)

    @property
    def is_roomy(self) -> bool:
        """True where there is room for a panel of workers."""
        return self.size.width >= ROOMY.width and self.size.height >= ROOMY.height
