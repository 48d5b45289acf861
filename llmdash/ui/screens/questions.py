"""What the dashboard asks before it sends a command: whether to, or how much."""

from __future__ import annotations

from collections.abc import Callable

from textual.screen import Screen

from llmdash.engine.model.commands import Command, SendInBatches, SetBudget
from llmdash.engine.model.frame import Frame, RunPart
from llmdash.ui.dashboard.steering import confirmation_before

__all__ = ["Questions"]


class Questions:
    """Asks over a screen. `send` gets each command that may be sent; `refused` is called after a no."""

    def __init__(
        self, screen: Screen[None], send: Callable[[Command], None], refused: Callable[[], None]
    ) -> None:
        self._screen = screen
        self._send = send
        self._refused = refused

    def request(self, command: Command, frame: Frame) -> None:
        """Send a command; ask first where it is hard to take back."""
        if (confirmation := confirmation_before(command, frame)) is None:
            self._send(command)
            return
        from llmdash.ui.screens.confirm import ConfirmScreen

        def answered(confirmed: bool | None) -> None:
            if confirmed:
                self._send(command)
            else:
                self._refused()

        self._screen.app.push_screen(ConfirmScreen(*confirmation), answered)

    def send_batches(self, jobs: tuple[int, ...], frame: Frame, sent: Callable[[], None]) -> None:
        """Ask whether to send these jobs in batches, or all that are pending; call `sent` after a yes."""
        from llmdash.ui.screens.send_batches import SendBatchesScreen

        def answered(confirmed: bool | None) -> None:
            if confirmed:
                self._send(SendInBatches(jobs or None))
                sent()

        self._screen.app.push_screen(SendBatchesScreen(jobs, frame.run.queued), answered)

    def raise_budget(self, run: RunPart) -> None:
        """Ask for a larger budget."""
        from llmdash.ui.screens.budget import BudgetScreen

        def entered(dollars: float | None) -> None:
            if dollars is not None:
                self._send(SetBudget(dollars))

        self._screen.app.push_screen(BudgetScreen(run), entered)
