"""One job in full: its prompt, every attempt, its answer, and how that came."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import ClassVar, Final

from textual import on
from textual.app import ComposeResult, SuspendNotSupported
from textual.binding import BindingType
from textual.containers import Container, VerticalScroll
from textual.screen import Screen
from textual.widgets import Static

from llmdash.engine.model.commands import CancelJobs, RetryJobs
from llmdash.engine.model.frame import Frame, Inspection
from llmdash.engine.model.payment import PAID
from llmdash.engine.model.records import AttemptRecord
from llmdash.engine.model.view import View
from llmdash.ui.dashboard.overlay import Controls
from llmdash.ui.inspector.answer_lines import answer_lines, difference_lines, prompt_lines
from llmdash.ui.inspector.arrangement import arrange
from llmdash.ui.inspector.attempt_lines import attempts_text
from llmdash.ui.inspector.attempt_list import AttemptList
from llmdash.ui.inspector.chunk_ruler import ChunkRuler
from llmdash.ui.inspector.copied import curl_command, row_json
from llmdash.ui.inspector.head import headline
from llmdash.ui.inspector.header_lines import header_lines
from llmdash.ui.inspector.markdown import markdown_lines
from llmdash.ui.inspector.text_pane import TextPane
from llmdash.ui.outside_programs import (
    ProgramError,
    editor_command,
    pager_command,
    run_in_terminal,
    show_text,
)
from llmdash.ui.panels.key_bar import KeyBar
from llmdash.ui.stream.wrapping import Line, lines_of
from llmdash.ui.text.format import count
from llmdash.ui.text.keymap import KeyBinding as Binding
from llmdash.ui.text.messages import Copied

__all__ = ["InspectorScreen"]

_STEP_KEYS = Binding.Group("Step")

_COPIED_WIDTH: Final = 200
"""Cells of a line of the attempts that are copied."""
_NO_CURL: Final = "The request cannot be made here: the run is not at work, or its model's own class makes it"
_NO_PLAY: Final = "There is nothing to play: the chunks of this answer are not on record"
_ONE_ATTEMPT: Final = "There is no other attempt to compare with"


class InspectorScreen(Screen[None]):
    """Shows the inspection of one job, live while it is open."""

    TITLE = "Inspector"
    AUTO_FOCUS = "#answer"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "Back", tooltip="To the dashboard"),
        Binding("p,left", "step(-1)", "Previous", group=_STEP_KEYS, tooltip="The job above in the table"),
        Binding("n,right", "step(1)", "Next", group=_STEP_KEYS, tooltip="The job below in the table"),
        Binding("r", "retry", "Retry", tooltip="Queue this job again"),
        Binding("c", "copy_answer", "Copy answer", tooltip="The text that is shown, to the clipboard"),
        Binding("y", "copy_prompt", "Copy prompt", tooltip="Every message, to the clipboard"),
        Binding("u", "copy_curl", "Copy as curl", tooltip="The request as a command; $API_KEY is the key"),
        Binding("j", "copy_row", "Copy row", show=False, tooltip="The result as JSON, to the clipboard"),
        Binding("a", "copy_attempts", "Copy attempts", show=False, tooltip="With request ids, as text"),
        Binding("v", "view", "$PAGER", tooltip="What has the focus, in your pager"),
        Binding("E,e", "edit", "$EDITOR", show=False, tooltip="What has the focus, in your editor"),
        Binding("m", "markdown", "Markdown", tooltip="The answer rendered, or as it came"),
        Binding("D", "difference", "Difference", tooltip="Between the chosen attempt and the answer"),
        Binding("space", "play", "Play", show=False, tooltip="The answer again at its own pace"),
        Binding("b", "bars", "Bars", show=False, tooltip="| behind each chunk, on or off"),
        Binding("t", "times", "Gap times", show=False, tooltip="What stands below the bars"),
        Binding("h", "headers", "Headers", show=False, tooltip="All headers and the body of the request"),
        Binding("x", "cancel_job", "Cancel", show=False, tooltip="End this job without an answer"),
        Binding("minus", "nudge(-1)", "Slower", show=False, tooltip="Lower the rate by a step"),
        Binding("plus,equals_sign", "nudge(1)", "Faster", show=False, tooltip="Raise the rate by a step"),
        Binding("tab", "app.focus_next", "Next panel", show=False, tooltip="Move the focus on"),
        Binding(
            "shift+tab", "app.focus_previous", "Previous panel", show=False, tooltip="Move the focus back"
        ),
        Binding("ctrl+p", "app.command_palette", "Palette", show=False, tooltip="Every action by name"),
        Binding("question_mark", "help", "Help", tooltip="Every key, the glyphs, and the manual"),
        Binding(
            "q", "app.quit", "Leave", show=False, id="quit", tooltip="Leave; asks about a run that goes on"
        ),
    ]

    def __init__(self, job: int, controls: Controls) -> None:
        super().__init__()
        self._job = job
        self._around: tuple[int | None, int | None] = (None, None)
        self._controls = controls
        self._shown: Inspection | None = None
        self._payment = PAID
        self._filter = ""
        self._rendered = self._whole = self._compares = False

    def compose(self) -> ComposeResult:
        self._head = Static(id="inspected", markup=False)
        self._prompt = TextPane("Prompt", id="prompt", classes="inspected-panel")
        self._answer = TextPane("Answer", id="answer", classes="inspected-panel")
        self._attempts = AttemptList(id="attempts", classes="inspected-panel")
        self._chunks = ChunkRuler(id="chunks", classes="inspected-panel")
        self._headers = TextPane("Headers", id="headers", classes="inspected-panel")
        yield self._head
        with VerticalScroll(id="inspection", can_focus=False):
            with Container(id="texts"):
                yield self._prompt
                yield self._answer
            yield self._attempts
            yield self._chunks
            yield self._headers
        yield KeyBar()

    # Frames down.

    def wanted(self, view: View) -> View:
        self._filter = view.jobs.filter
        return replace(view, inspect=self._job, inspect_stream=self._chunks.wanted)

    def show_frame(self, frame: Frame) -> None:
        inspection = frame.inspection
        if inspection is None or inspection.row.job != self._job:
            return
        around = (inspection.above, inspection.below)
        if around != (None, None):  # a job that the filter hides meanwhile keeps its place
            self._around = around
        is_other = self._shown is None or self._shown.row.job != self._job
        is_same, self._shown = inspection == self._shown, inspection
        self._payment = frame.run.payment
        if frame.inspected.job in (None, self._job):
            self._chunks.take(frame.inspected, self._took_s(inspection))
        if not is_same:
            self._show(inspection, anew=is_other)

    def _took_s(self, inspection: Inspection) -> float | None:
        return inspection.row.time_s if inspection.row.state.ended else None

    def _show(self, inspection: Inspection, *, anew: bool = False) -> None:
        if anew:
            self._attempts.select_last()
            self._compares = False
        record = inspection.record
        self._head.update(headline(inspection, self._filter, max(1, self.size.width - 2)))
        asked = record.input_tokens if record is not None else None
        self._prompt.say("Prompt", _tokens_and(asked, "y copy"))
        self._prompt.show(prompt_lines(inspection), anew=anew)
        now = time.time() if inspection.row.state.in_flight else None
        self._attempts.show(
            inspection.attempts,
            wait_s=_first_wait_s(inspection),
            now=now,
            payment=self._payment,
            how=f"{_attempts_words(len(inspection.attempts))} · a copy · D difference",
        )
        self._show_answer(inspection, anew=anew)
        self._show_headers(inspection)
        self._fit()

    def _show_answer(self, inspection: Inspection, *, anew: bool = False) -> None:
        """Show the answer, the text of another attempt, or how the two differ."""
        said = inspection.record.output_tokens if inspection.record is not None else None
        chosen = self._attempts.selected
        looks = "rendered" if self._rendered else "as it came"
        if self._compares and (other := self._compared(inspection)) is not None:
            self._answer.say("Difference", f"from attempt {other.attempt} to the answer · D back")
            self._answer.show(difference_lines(other.partial or "", inspection.answer), anew=anew)
        elif chosen is not None and chosen < len(inspection.attempts):
            attempt = inspection.attempts[chosen]
            self._answer.say(f"Attempt {attempt.attempt}", f"{attempt.state} · D difference · c copy")
            self._answer.show(self._text_of(attempt), anew=anew)
        else:
            self._answer.say("Answer", _tokens_and(said, f"m {looks} · c copy"))
            self._answer.show(answer_lines(inspection, rendered=self._rendered), anew=anew)

    def _text_of(self, attempt: AttemptRecord) -> list[Line]:
        if not attempt.partial:
            return lines_of(f"no text of this attempt on record: {attempt.message or attempt.state}")
        return markdown_lines(attempt.partial) if self._rendered else lines_of(attempt.partial)

    def _show_headers(self, inspection: Inspection) -> None:
        attempts, chosen = inspection.attempts, self._attempts.selected
        attempt = (attempts[chosen] if chosen is not None else attempts[-1]) if attempts else None
        how = f"h {'less' if self._whole else 'all'} · no secret is ever shown"
        self._headers.say("Headers", how)
        self._headers.show(header_lines(inspection, attempt, whole=self._whole))

    def _compared(self, inspection: Inspection) -> AttemptRecord | None:
        """The attempt to compare the answer with: the chosen one, else the last before it with a text."""
        chosen = self._attempts.selected
        if chosen is not None and chosen < len(inspection.attempts):
            return inspection.attempts[chosen]
        return next((each for each in reversed(inspection.attempts[:-1]) if each.partial), None)

    def _fit(self) -> None:
        """Give each panel its share of the height."""
        head = 2 if "\n" in str(self._head.content) else 1
        heights = arrange(
            self.size.width,
            self.size.height - head - 1,
            self._attempts.line_count(),
            self._chunks.line_count(),
            self._headers.line_count(),
        )
        texts = self.query_one("#texts", Container)
        texts.set_class(not heights.is_wide, "stacked")
        for panel, height in (
            (texts, heights.texts),
            (self._prompt, heights.prompt),
            (self._answer, heights.answer),
            (self._attempts, heights.attempts),
            (self._chunks, heights.chunks),
            (self._headers, heights.headers),
        ):
            if panel.styles.height is None or panel.styles.height.value != height:
                panel.styles.height = height

    def on_resize(self) -> None:
        if self._shown is not None:
            self._show(self._shown)

    @on(AttemptList.Selected)
    def _attempt_selected(self) -> None:
        if self._shown is not None:
            self._show_answer(self._shown, anew=True)
            self._show_headers(self._shown)

    # Keys.

    def action_step(self, by: int) -> None:
        job = self._around[0 if by < 0 else 1]
        if job is not None:
            self._job = job
            self._around = (None, None)
            self._controls.poll()

    def action_nudge(self, steps: int) -> None:
        self._controls.action_nudge_rate(steps)

    def action_retry(self) -> None:
        self._controls.send(RetryJobs((self._job,)))

    def action_cancel_job(self) -> None:
        self._controls.send(CancelJobs((self._job,)))

    def action_markdown(self) -> None:
        """Show the answer rendered, or as it came."""
        self._rendered = not self._rendered
        if self._shown is not None:
            self._show_answer(self._shown, anew=True)

    def action_difference(self) -> None:
        """Compare the chosen attempt with the answer, or show that again."""
        if self._shown is None:
            return
        if not self._compares and self._compared(self._shown) is None:
            self.app.notify(_ONE_ATTEMPT, markup=False)
            return
        self._compares = not self._compares
        self._show_answer(self._shown, anew=True)

    def action_play(self) -> None:
        if not self._chunks.play():
            self.app.notify(_NO_PLAY, markup=False)

    def action_bars(self) -> None:
        self._chunks.toggle_marks()
        self._fit()

    def action_times(self) -> None:
        self._chunks.next_ruler()
        self._fit()

    def action_headers(self) -> None:
        self._whole = not self._whole
        if self._shown is not None:
            self._show_headers(self._shown)
            self._fit()

    def action_help(self) -> None:
        from llmdash.ui.screens.help import help_screen

        self.app.push_screen(help_screen(self))

    # Out of here: clipboard, pager, editor.

    def action_copy_answer(self) -> None:
        if self._shown:
            self._copy(*self._answer_text(self._shown))

    def action_copy_prompt(self) -> None:
        if self._shown:
            self._copy(_prompt_text(self._shown), "the prompt")

    def action_copy_attempts(self) -> None:
        if self._shown:
            self._copy(attempts_text(self._shown.attempts, _COPIED_WIDTH, self._payment), "the attempts")

    def action_copy_row(self) -> None:
        if self._shown:
            self._copy(row_json(self._shown), "the row as JSON")

    def action_copy_curl(self) -> None:
        if self._shown and self._shown.request is not None:
            self._copy(curl_command(self._shown.request), "the request as curl, without its key")
        else:
            self.app.notify(_NO_CURL, markup=False)

    def _copy(self, text: str, what: str) -> None:
        if text:
            self.post_message(Copied(text, what))
        else:
            self.app.notify(f"There is nothing to copy: {what} has no text", markup=False)

    def _answer_text(self, inspection: Inspection) -> tuple[str, str]:
        """The text of the attempt that is shown, and what it is."""
        chosen = self._attempts.selected
        if chosen is not None and chosen < len(inspection.attempts):
            attempt = inspection.attempts[chosen]
            return attempt.partial or "", f"the text of attempt {attempt.attempt}"
        return inspection.answer, "the answer"

    def action_view(self) -> None:
        self._show_outside(pager_command)

    def action_edit(self) -> None:
        self._show_outside(editor_command)

    def _show_outside(self, command_in: Callable[[Mapping[str, str]], list[str]]) -> None:
        """Show the text of the panel that has the focus in another program."""
        if self._shown is None:
            return
        text = self._focused_text(self._shown)
        try:
            command = command_in(os.environ)
            with self.app.suspend(), self.app.batch_update():
                show_text(text, ".md", command, run_in_terminal)
        except SuspendNotSupported:
            self.app.notify("Another program cannot have this terminal", severity="warning", markup=False)
        except ProgramError as error:
            self.app.notify(str(error), severity="error", markup=False)
        self.app.refresh(layout=True)

    def _focused_text(self, inspection: Inspection) -> str:
        if self.focused is self._prompt:
            return _prompt_text(inspection)
        if self.focused is self._attempts:
            return attempts_text(inspection.attempts, _COPIED_WIDTH, self._payment)
        if self.focused is self._headers:
            return self._headers.text
        return self._answer_text(inspection)[0]


def _prompt_text(inspection: Inspection) -> str:
    return "\n\n".join(text for _role, text in inspection.messages)


def _tokens_and(tokens: int | None, keys: str) -> str:
    return keys if tokens is None else f"{count(tokens)} {'token' if tokens == 1 else 'tokens'} · {keys}"


def _attempts_words(number: int) -> str:
    return f"{number} {'attempt' if number == 1 else 'attempts'}"


def _first_wait_s(inspection: Inspection) -> float | None:
    """How long the job waited before its first attempt, as far as it is known."""
    return inspection.row.wait_s if len(inspection.attempts) <= 1 else None
