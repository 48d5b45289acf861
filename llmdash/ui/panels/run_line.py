"""The run in one line, above a screen that shows more of it: its name, its model, its state and its time."""

from __future__ import annotations

from typing import ClassVar, Final

from rich.cells import cell_len
from textual.strip import Strip

from llmdash.engine.model.counts import counted
from llmdash.engine.model.frame import RunPart
from llmdash.sanitize import clean_line
from llmdash.ui.charts.drawing import Drawing
from llmdash.ui.text.badges import run_badge
from llmdash.ui.text.format import elapsed

__all__ = ["RunLine"]

_GAP: Final = 3


class RunLine(Drawing):
    """One line; where it is narrow, whole words of it are left out, the state and the time last.

    | Component class | Styles |
    |---|---|
    | `run-line--brand` | The name of the program. |
    | `run-line--name` | The name of the run, and the time. |
    | `run-line--muted` | Model, endpoint, keys. |
    | `run-line--success`, `--warning`, `--error`, `--plain` | The state. |
    """

    ALLOW_SELECT = False

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "run-line--brand",
        "run-line--name",
        "run-line--muted",
        "run-line--plain",
        "run-line--success",
        "run-line--warning",
        "run-line--error",
    }

    _ground = "run-line--muted"

    DEFAULT_CSS = """
    RunLine {
        height: 1;
        padding: 0 1;
        & > .run-line--brand { color: $text-primary; text-style: bold; }
        & > .run-line--name { color: $foreground; text-style: bold; }
        & > .run-line--muted { color: $text-muted; }
        & > .run-line--plain { color: $foreground; }
        & > .run-line--success { color: $text-success; }
        & > .run-line--warning { color: $text-warning; }
        & > .run-line--error { color: $text-error; }
    }
    """

    def __init__(self, *, name: str | None = None, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._run = RunPart()

    def show(self, run: RunPart) -> None:
        """Show this run."""
        if run != self._run:
            self._run = run
            self.redraw()

    def _draw(self, width: int, height: int) -> list[Strip]:
        run, badge = self._run, run_badge(self._run)
        state, time = clean_line(badge.text), elapsed(run.elapsed_s)
        right = f"{state}   {time}"
        if cell_len(right) > width:
            right = state
        style = badge.style if badge.style in ("success", "warning", "error") else "plain"
        room = width - cell_len(right) - _GAP
        pieces: list[tuple[str, str]] = []
        for text, of in self._names():
            need = cell_len(text) + (_GAP if pieces else 0)
            if need <= room:
                pieces.append((" " * (_GAP if pieces else 0) + text, of))
                room -= need
        used = sum(cell_len(text) for text, _ in pieces)
        pieces.append((" " * max(0, width - used - cell_len(right)), "muted"))
        pieces.append((state, style))
        if right != state:
            pieces.append((f"   {time}", "name"))
        return [self._line([(text, self._styles.get(f"run-line--{of}")) for text, of in pieces], width)]

    def _names(self) -> list[tuple[str, str]]:
        run = self._run
        place = " @ ".join(part for part in (clean_line(run.model), clean_line(run.endpoint)) if part)
        names = [("llmdash", "brand"), (clean_line(run.name), "name"), (place, "muted")]
        if run.keys:
            names.append((counted(run.keys, "key"), "muted"))
        return [(text, style) for text, style in names if text]
