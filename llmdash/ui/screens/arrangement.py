"""The layout of the dashboard's panels, for any size of terminal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from textual.geometry import NULL_OFFSET, NULL_SPACING, Region, Size
from textual.layout import Layout, WidgetPlacement
from textual.widget import Widget

from llmdash.ui.screens.filter_bar import FilterBar

__all__ = ["MINIMUM", "WIDE", "DashboardLayout", "PanelSpace", "Panels", "arrange_panels"]

MINIMUM = Size(60, 16)
"""The smallest terminal, in cells, that the dashboard supports."""

WIDE = 100
"""From this many columns on, keys and rate are beside the jobs."""

_FRAME = 2
"""Lines a panel's border takes."""
_TILED_JOBS = 11
"""Lines that the jobs keep above tiled streams."""
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

    def __init__(self, keys: Callable[[], int]) -> None:
        self._keys = keys

    def arrange(
        self, parent: Widget, children: list[Widget], size: Size, greedy: bool = True
    ) -> list[WidgetPlacement]:
        parent.pre_layout(self)
        panels = arrange_panels(size, self._keys(), any(child.id == "tiles" for child in children))
        regions = {"keys": panels.keys, "rate": panels.rate, "stream": panels.stream, "tiles": panels.stream}
        bar = next((child for child in children if isinstance(child, FilterBar)), None)
        if bar is None:
            regions["jobs"] = panels.jobs
        else:
            cut = -bar.lines(panels.jobs.width)
            regions["jobs"], regions["filter"] = panels.jobs.split_horizontal(cut)
        return [
            WidgetPlacement(region, NULL_OFFSET, NULL_SPACING, child)
            for child in children
            if (region := regions.get(child.id or "")) is not None
        ]


class PanelSpace(Widget):
    """The part of the dashboard that holds the panels; `fit_keys` sets the number of keys."""

    DEFAULT_CSS = "PanelSpace { width: 100%; height: 1fr; overflow: hidden; }"

    def __init__(self) -> None:
        super().__init__()
        self._keys = 0
        self._panels = DashboardLayout(lambda: self._keys)

    @property
    def layout(self) -> Layout:
        return self._panels

    def fit_keys(self, keys: int) -> None:
        """Make room for `keys` rows in the key panel."""
        if keys != self._keys:
            self._keys = keys
            self.refresh(layout=True)
