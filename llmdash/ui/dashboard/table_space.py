"""A table above sentences about its rows, in one border, for a screen over the dashboard."""

from __future__ import annotations

from textual.geometry import NULL_OFFSET, NULL_SPACING, Region, Size
from textual.layout import Layout, WidgetPlacement
from textual.widget import Widget

from llmdash.ui.tables.full_table import FullTable
from llmdash.ui.text.panel_border import PanelBorder

__all__ = ["TableSpace"]


class TableLayout(Layout):
    """Puts a table above notes. It has the lines it needs and the notes leave it; at least two thirds."""

    name = "table over notes"

    def arrange(
        self, parent: Widget, children: list[Widget], size: Size, greedy: bool = True
    ) -> list[WidgetPlacement]:
        parent.pre_layout(self)
        table = next(child for child in children if isinstance(child, FullTable))
        said = [child for child in children if child is not table]
        needed = sum(child.get_content_height(size, size, size.width) + 1 for child in said)
        height = min(table.lines, max(size.height * 2 // 3, size.height - needed))
        places: list[tuple[Widget, Region]] = [(table, Region(0, 0, size.width, height))]
        places += [
            (child, Region(0, height + 1, size.width, max(0, size.height - height - 1))) for child in said
        ]
        return [WidgetPlacement(region, NULL_OFFSET, NULL_SPACING, child) for child, region in places]


class TableSpace(Widget):
    """A table in a border, and sentences about its rows; as high as these need where panels are below it."""

    DEFAULT_CSS = """
    TableSpace { width: 100%; height: 1fr; overflow: hidden; }
    """

    def __init__(self, title: str, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._title = title
        self._layout_of_table = TableLayout()
        self._lines = 0
        self._border = PanelBorder(self, title)

    @property
    def layout(self) -> Layout:
        return self._layout_of_table

    def fit(self, lines: int) -> None:
        """Make room for a table of that many lines."""
        if lines != self._lines:
            self._lines = lines
            self.refresh(layout=True)

    def name_it(self, how: str, keys: str) -> None:
        """Write on the border how its rows are, and the keys that work here."""
        self._border.show(self._title, how, keys)

    def on_resize(self) -> None:
        self._border.draw()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._border.draw()
