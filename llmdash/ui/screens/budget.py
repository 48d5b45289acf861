"""BudgetScreen: asks for a larger budget, so that a held run can go on."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from llmdash.engine.model.frame import RunPart
from llmdash.sanitize import clean_line
from llmdash.ui.panels.key_bar import KeyBar
from llmdash.ui.screens.steady_screen import SteadyScreen
from llmdash.ui.text.format import dollars
from llmdash.ui.text.keymap import KeyBinding as Binding
from llmdash.ui.text.named_keys import chosen_by, key_hints

__all__ = ["BudgetScreen"]

_AMOUNT = re.compile(r"\$?\s*(?P<dollars>[0-9]{1,9}(?:\.[0-9]{0,6})?|\.[0-9]{1,6})", re.ASCII)


class BudgetScreen(ModalScreen[float | None], SteadyScreen[float | None]):
    """A field for an amount over the dashboard; dismissed with the dollars, or None.

    | Key | Does |
    |---|---|
    | enter | Sets the budget, if it is larger. |
    | escape | Leaves it as it is. |
    """

    CSS_PATH = Path(__file__).with_name("boxes.tcss")
    TITLE = "Budget"
    AUTO_FOCUS = "Input"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "enter", "Set it", tooltip="If it is larger than the one that holds the run"),
        Binding("escape", "dismiss", "Leave it", tooltip="The budget stays as it is"),
    ]

    def __init__(self, run: RunPart) -> None:
        super().__init__()
        self._now = run.budget or 0.0
        self._held = "" if run.hold is None else f"{run.hold.said}; {run.hold.rest}"

    def compose(self) -> ComposeResult:
        with Vertical(id="budget-box") as box:
            box.border_title = Content("Raise the budget")
            box.border_subtitle = Content(
                key_hints(
                    chosen_by(self),
                    ("set-it", "⏎", "sets it"),
                    ("leave-it", "esc", "leaves it"),
                    between="   ",
                )
            )
            yield Static(Content(clean_line(self._held)), markup=False)
            yield Input(placeholder=f"dollars in all, more than {dollars(self._now)}", compact=True)
            yield Static(id="budget-problem", markup=False)
        yield KeyBar()

    async def action_enter(self) -> None:
        await self.query_one(Input).action_submit()

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        match = _AMOUNT.fullmatch(event.value.strip())
        amount = float(match["dollars"]) if match else math.nan
        if amount > self._now:
            self.dismiss(amount)
        else:
            problem = f"Write an amount of more than {dollars(self._now)}, such as {2 * self._now or 5:.2f}"
            self.query_one("#budget-problem", Static).update(Content(problem))
