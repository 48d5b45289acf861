"""One job in full: its prompt, every attempt, its answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from llmdash.engine.model.commands import CancelJobs, RetryJobs
from llmdash.engine.model.frame import Frame, Inspection
from llmdash.engine.model.payment import PAID
from llmdash.engine.model.records import ResultRecord
from llmdash.engine.model.view import View
from llmdash.ui.dashboard.overlay import Controls
from llmdash.ui.panels.key_bar import KeyBar
from llmdash.ui.screens.attempts import AttemptsView, attempts_table
from llmdash.ui.text.badges import VERDICTS, job_badge
from llmdash.ui.text.format import by_words, count, fit
from llmdash.ui.text.keymap import KeyBinding as Binding

__all__ = ["InspectorScreen", "first_json"]

_STEP_KEYS = Binding.Group("Step")

_LONGEST_SHOWN = 20_000
"""Characters of one text that are shown; copying takes all of it."""

_LONGEST_PARSED = 200_000
"""Characters of an answer in which JSON is looked for."""

_COPIED_WIDTH = 200
"""Cells of a line of the attempts that are copied."""

_TINTS = {"success": "$success", "error": "$error", "warning": "$warning", "active": "$primary"}


class InspectorScreen(Screen[None]):
    """Shows the inspection of one job, live while it is open."""

    TITLE = "Inspector"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "Back", tooltip="To the dashboard"),
        Binding("c", "copy_answer", "Copy answer", tooltip="To the clipboard of the terminal"),
        Binding("y", "copy_prompt", "Copy prompt", tooltip="To the clipboard of the terminal"),
        Binding("a", "copy_attempts", "Copy attempts", show=False, tooltip="With request ids, as text"),
        Binding("r", "retry", "Retry", tooltip="Queue this job again"),
        Binding("x", "cancel_job", "Cancel", tooltip="End this job without an answer"),
        Binding("p,left", "step(-1)", "Previous", group=_STEP_KEYS, tooltip="The job above in the table"),
        Binding("n,right", "step(1)", "Next", group=_STEP_KEYS, tooltip="The job below in the table"),
        Binding("minus", "nudge(-1)", "Slower", show=False, tooltip="Lower the rate by a step"),
        Binding("plus,equals_sign", "nudge(1)", "Faster", show=False, tooltip="Raise the rate by a step"),
        Binding("ctrl+p", "app.command_palette", "Palette", tooltip="Every action by name"),
        Binding("question_mark", "help", "Help", tooltip="Every key, the glyphs, and the manual"),
        Binding("q", "app.quit", "Leave", id="quit", tooltip="Leave; asks about a run that goes on"),
    ]

    def __init__(self, job: int, controls: Controls) -> None:
        super().__init__()
        self._job = job
        self._around: tuple[int | None, int | None] = (None, None)
        self._controls = controls
        self._shown: Inspection | None = None
        self._payment = PAID

    def compose(self) -> ComposeResult:
        yield Static(id="inspected", markup=False)
        with VerticalScroll(id="inspection"):
            for name in ("prompt", "attempts", "answer", "json", "reasoning", "expected"):
                section = _section(name)
                section.border_title = Content(name.upper() if name == "json" else name.capitalize())
                yield section
        yield KeyBar()

    def wanted(self, view: View) -> View:
        return replace(view, inspect=self._job)

    def show_frame(self, frame: Frame) -> None:
        inspection = frame.inspection
        if inspection is None or inspection == self._shown or inspection.row.job != self._job:
            return
        around = (inspection.above, inspection.below)
        if around != (None, None):  # a job that the filter hides meanwhile keeps its place
            self._around = around
        self._shown, self._payment = inspection, frame.run.payment
        self._update("inspected", _headline(inspection))
        self._update("prompt", _prompt(inspection))
        self.query_one(AttemptsView).show(inspection.attempts, self._payment)
        self._update("answer", _answer(inspection))
        self._update("json", _json(inspection.answer))
        self._update("reasoning", _reasoning(inspection.record))
        self._update("expected", Content(inspection.expected or ""))

    def _update(self, name: str, content: Content) -> None:
        section = self.query_one(f"#{name}", Static)
        section.display = bool(content.plain)
        if section.content != content:
            section.update(content)

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

    def action_copy_answer(self) -> None:
        if self._shown:
            self.app.copy_to_clipboard(self._shown.answer)

    def action_copy_attempts(self) -> None:
        if self._shown:
            table = attempts_table(self._shown.attempts, _COPIED_WIDTH, self._payment)
            self.app.copy_to_clipboard(table.plain)

    def action_copy_prompt(self) -> None:
        if self._shown:
            self.app.copy_to_clipboard("\n\n".join(text for _role, text in self._shown.messages))

    def action_help(self) -> None:
        from llmdash.ui.screens.help import help_screen

        self.app.push_screen(help_screen(self))


def _section(name: str) -> Static:
    if name == "attempts":
        return AttemptsView(id=name, classes="section")
    return Static(id=name, classes="section", markup=False)


def _headline(inspection: Inspection) -> Content:
    row = inspection.row
    state = job_badge(row)
    verdict = VERDICTS[row.verdict]
    parts = [
        Content.styled(f"#{row.job + 1}", "$foreground-muted"),
        Content.styled(fit(row.id, min(40, max(8, len(row.id)))).rstrip(), "bold"),
        Content.styled(state.text, _TINTS.get(state.style, "$foreground-muted")),
    ]
    if verdict.word:
        parts.append(Content.styled(verdict.text, _TINTS.get(verdict.style, "$foreground-muted")))
    if inspection.record is not None and inspection.record.flags:
        parts.append(Content.styled(", ".join(inspection.record.flags), "$warning"))
    parts += [Content.styled(text, "$foreground-muted") for text in _facts(inspection.record)]
    return Content("   ").join(parts)


def _facts(record: ResultRecord | None) -> Iterator[str]:
    """Who gave the answer, how it ended, and its tokens."""
    if record is None:
        return
    if record.model:
        yield f"{record.model} @ {record.endpoint}" if record.endpoint else record.model
    if record.worker:
        yield f"worker {by_words(record.worker, 24)}"
    if record.finish_reason:
        yield f"finish {record.finish_reason}"
    if record.input_tokens is not None or record.output_tokens is not None:
        cached = f" ({count(record.cached_tokens)} cached)" if record.cached_tokens else ""
        reasoning = f" ({count(record.reasoning_tokens)} reasoning)" if record.reasoning_tokens else ""
        asked, said = count(record.input_tokens or 0), count(record.output_tokens or 0)
        yield f"{asked} in{cached} {said} out{reasoning}"


def _reasoning(record: ResultRecord | None) -> Content:
    return _shortened(record.reasoning) if record is not None and record.reasoning else Content("")


def _prompt(inspection: Inspection) -> Content:
    if not inspection.messages:
        return _nothing("the prompt is being read")
    return Content("\n\n").join(
        Content.assemble((role, "bold $secondary"), "\n", _shortened(text))
        for role, text in inspection.messages
    )


def _answer(inspection: Inspection) -> Content:
    if inspection.answer:
        return _shortened(inspection.answer)
    if not inspection.row.state.ended:
        return _nothing("no answer yet")
    error = inspection.row.error
    return _nothing(f"no answer: {error}" if error else "no answer")


def _shortened(text: str) -> Content:
    if len(text) <= _LONGEST_SHOWN:
        return Content(text)
    rest = f"\n… {len(text) - _LONGEST_SHOWN:,} more characters; copying takes them all"
    return Content.assemble(text[:_LONGEST_SHOWN], (rest, "$foreground-muted"))


def _nothing(text: str) -> Content:
    return Content.styled(text, "$foreground-muted italic")


def _json(answer: str) -> Content:
    found = first_json(answer)
    return Content("") if found is None else _shortened(json.dumps(found, indent=2, ensure_ascii=False))


def first_json(text: str) -> dict[str, object] | None:
    """Return the first JSON object in `text`, or None; tries a few opening braces only, to stay cheap."""
    decoder = json.JSONDecoder()
    text = text[:_LONGEST_PARSED]
    start = -1
    for _try in range(8):
        start = text.find("{", start + 1)
        if start < 0:
            return None
        try:
            found, _end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            continue
        if isinstance(found, dict):
            return found
    return None
