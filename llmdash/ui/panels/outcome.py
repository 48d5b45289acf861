"""What came of a run that has ended: counts, times, tokens, cost."""

from __future__ import annotations

from typing import ClassVar

from textual.strip import Strip

from llmdash.engine.model.frame import ErrorGroup, RunPart
from llmdash.ui.charts.drawing import Drawing
from llmdash.ui.text.format import span
from llmdash.ui.text.outcome_words import OutcomeLine, outcome_lines
from llmdash.ui.text.panel_border import PanelBorder

__all__ = ["OutcomePanel"]

_WIDEST = 72


class OutcomePanel(Drawing):
    """What came of it; lines that matter less are left out where there is no room.

    | Component class | Styles |
    |---|---|
    | `outcome--figure` | Figures. |
    | `outcome--muted` | Words. |
    | `outcome--faint` | Zeros. |
    | `outcome--success`, `--warning`, `--error` | Figures that say how well it went. |
    """

    ALLOW_SELECT = False

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "outcome--figure",
        "outcome--muted",
        "outcome--faint",
        "outcome--success",
        "outcome--warning",
        "outcome--error",
    }

    _ground = "outcome--muted"

    DEFAULT_CSS = """
    OutcomePanel {
        & > .outcome--figure { color: $foreground; text-style: bold; }
        & > .outcome--muted { color: $text-muted; }
        & > .outcome--faint { color: $border-blurred; }
        & > .outcome--success { color: $text-success; text-style: bold; }
        & > .outcome--warning { color: $text-warning; text-style: bold; }
        & > .outcome--error { color: $text-error; text-style: bold; }
    }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._run = RunPart()
        self._errors: tuple[ErrorGroup, ...] = ()
        self._border = PanelBorder(self)

    def show(self, run: RunPart, errors: tuple[ErrorGroup, ...]) -> None:
        """Show what came of the run; repaints only where that is new."""
        if (run, errors) == (self._run, self._errors):
            return
        self._run, self._errors = run, errors
        self._border.show(
            "What came of it" if run.ended == run.jobs else "How far it came", span(run.elapsed_s)
        )
        self.redraw()

    def on_resize(self) -> None:
        self._border.draw()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._border.draw()

    def line_count(self) -> int:
        """Return the lines that show everything."""
        return len(outcome_lines(self._run, self._errors, _WIDEST))

    def _draw(self, width: int, height: int) -> list[Strip]:
        lines = _fitting(outcome_lines(self._run, self._errors, width), height)
        return [
            self._line([(text, self._styles.get(f"outcome--{style}")) for text, style in line.pieces], width)
            for line in lines
        ]


def _fitting(lines: list[OutcomeLine], height: int) -> list[OutcomeLine]:
    """The lines that fit, in their order."""
    shown = list(lines)
    while len(shown) > max(0, height):
        least = max(range(len(shown)), key=lambda at: (shown[at].priority, at))
        del shown[least]
    return shown
