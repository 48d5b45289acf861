"""InspectorPanels: one job in panels: prompt, answer, attempts, chunks and headers."""

from __future__ import annotations

import time

from textual import on
from textual.app import ComposeResult
from textual.containers import Container, VerticalScroll
from textual.geometry import Size

from llmdash.engine.model.counts import counted
from llmdash.engine.model.frame import Inspection, StreamPart
from llmdash.engine.model.payment import PAID, Payment
from llmdash.engine.model.records import AttemptRecord
from llmdash.engine.model.view import StreamView
from llmdash.ui.inspector.answer_lines import answer_lines, difference_lines, prompt_lines
from llmdash.ui.inspector.arrangement import arrange
from llmdash.ui.inspector.attempt_list import AttemptList
from llmdash.ui.inspector.chunk_ruler import ChunkRuler
from llmdash.ui.inspector.copied import attempts_copied, prompt_text
from llmdash.ui.inspector.header_lines import header_lines
from llmdash.ui.inspector.markdown import markdown_lines
from llmdash.ui.inspector.text_pane import TextPane
from llmdash.ui.stream.wrapping import Line, lines_of
from llmdash.ui.text.named_keys import chosen_by, key_hints, key_of

__all__ = ["InspectorPanels"]

_NO_PLAY = "There is nothing to play: the chunks of this answer are not on record"
_ONE_ATTEMPT = "There is no other attempt to compare with"


class InspectorPanels(VerticalScroll, can_focus=False):
    """Shows an inspection; scrolls where not all panels fit. The answer is that of the job, the text of the
    attempt that is chosen, or how the two differ.
    """

    def __init__(self) -> None:
        super().__init__(id="inspection")
        self._prompt = TextPane("Prompt", id="prompt", classes="inspected-panel")
        self._answer = TextPane("Answer", id="answer", classes="inspected-panel")
        self._texts = Container(self._prompt, self._answer, id="texts")
        self._attempts = AttemptList(id="attempts", classes="inspected-panel")
        self._chunks = ChunkRuler(id="chunks", classes="inspected-panel")
        self._headers = TextPane("Headers", id="headers", classes="inspected-panel")
        self._shown: Inspection | None = None
        self._payment = PAID
        self._room = Size(0, 0)
        self._rendered = self._whole = self._compares = False

    def compose(self) -> ComposeResult:
        yield self._texts
        yield self._attempts
        yield self._chunks
        yield self._headers

    # What is shown.

    @property
    def wanted(self) -> StreamView:
        """What is held of the chunks, to ask for the rest."""
        return self._chunks.wanted

    def take(self, part: StreamPart, end_s: float | None) -> None:
        """Show what is new of the chunks; the answer took `end_s` seconds in all, None if not known yet."""
        self._chunks.take(part, end_s)

    def show(self, inspection: Inspection, payment: Payment, room: Size, *, anew: bool) -> None:
        """Show a job in so much `room`; from the first line on where it is shown `anew`."""
        self._shown, self._payment = inspection, payment
        if anew:
            self._attempts.select_last()
            self._compares = False
        record = inspection.record
        chosen = chosen_by(self)
        copy = f"{key_of('copy-prompt', 'y', chosen)} copy"
        self._prompt.say("Prompt", _tokens_and(record.input_tokens if record is not None else None, copy))
        self._prompt.show(prompt_lines(inspection), anew=anew)
        keys = key_hints(chosen, ("copy-attempts", "a", "copy"), ("difference", "D", "difference"))
        self._attempts.show(
            inspection.attempts,
            wait_s=_first_wait_s(inspection),
            now=time.time() if inspection.row.state.in_flight else None,
            payment=payment,
            how=f"{counted(len(inspection.attempts), 'attempt')} · {keys}",
        )
        self._show_answer(inspection, anew=anew)
        self._show_headers(inspection)
        self.fit(room)

    def _show_answer(self, inspection: Inspection, *, anew: bool = False) -> None:
        """Show the answer, the text of another attempt, or how the two differ."""
        chosen = chosen_by(self)
        differ, copy = ("difference", "D"), ("copy-answer", "c", "copy")
        looks = "rendered" if self._rendered else "as it came"
        if self._compares and (other := self._compared(inspection)) is not None:
            back = f"{key_of(*differ, chosen)} back"
            self._answer.say("Difference", f"from attempt {other.attempt} to the answer · {back}")
            self._answer.show(difference_lines(other.partial or "", inspection.answer), anew=anew)
        elif (attempt := self._chosen(inspection)) is not None:
            keys = key_hints(chosen, (*differ, "difference"), copy)
            self._answer.say(f"Attempt {attempt.attempt}", f"{attempt.state} · {keys}")
            self._answer.show(self._text_of(attempt), anew=anew)
        else:
            said = inspection.record.output_tokens if inspection.record is not None else None
            self._answer.say("Answer", _tokens_and(said, key_hints(chosen, ("markdown", "m", looks), copy)))
            self._answer.show(
                answer_lines(inspection, rendered=self._rendered, width=self._answer.text_width), anew=anew
            )

    def _text_of(self, attempt: AttemptRecord) -> list[Line]:
        if not attempt.partial:
            return lines_of(f"no text of this attempt on record: {attempt.message or attempt.state}")
        if self._rendered:
            return markdown_lines(attempt.partial, self._answer.text_width)
        return lines_of(attempt.partial)

    def _show_headers(self, inspection: Inspection) -> None:
        attempt = self._chosen(inspection) or next(reversed(inspection.attempts), None)
        self._headers.say("Headers", f"h {'less' if self._whole else 'all'} · no secret is ever shown")
        self._headers.show(header_lines(inspection, attempt, whole=self._whole))

    def _chosen(self, inspection: Inspection) -> AttemptRecord | None:
        """The attempt that was chosen, other than the last one."""
        chosen = self._attempts.selected
        attempts = inspection.attempts
        return attempts[chosen] if chosen is not None and chosen < len(attempts) else None

    def _compared(self, inspection: Inspection) -> AttemptRecord | None:
        """The attempt to compare the answer with: the chosen one, else the last before it with a text."""
        return self._chosen(inspection) or next(
            (each for each in reversed(inspection.attempts[:-1]) if each.partial), None
        )

    def fit(self, room: Size) -> None:
        """Give each panel its share of the height."""
        heights = arrange(
            room.width,
            room.height,
            self._attempts.line_count(),
            self._chunks.line_count(),
            self._headers.line_count(),
        )
        self._room = room
        self._texts.set_class(not heights.is_wide, "stacked")
        for panel, height in (
            (self._texts, heights.texts),
            (self._prompt, heights.prompt),
            (self._answer, heights.answer),
            (self._attempts, heights.attempts),
            (self._chunks, heights.chunks),
            (self._headers, heights.headers),
        ):
            if panel.styles.height is None or panel.styles.height.value != height:
                panel.styles.height = height

    @on(TextPane.WidthChanged, "#answer")
    def _other_width(self) -> None:
        if self._shown is not None and self._rendered:
            self._show_answer(self._shown)

    @on(AttemptList.Selected)
    def _attempt_selected(self) -> None:
        if self._shown is not None:
            self._show_answer(self._shown, anew=True)
            self._show_headers(self._shown)

    # Keys.

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
        self.fit(self._room)

    def action_times(self) -> None:
        self._chunks.next_ruler()
        self.fit(self._room)

    def action_headers(self) -> None:
        self._whole = not self._whole
        if self._shown is not None:
            self._show_headers(self._shown)
            self.fit(self._room)

    # Texts for elsewhere.

    def answer_text(self, inspection: Inspection) -> tuple[str, str]:
        """Return the text of the attempt that is shown, and what it is."""
        if (attempt := self._chosen(inspection)) is not None:
            return attempt.partial or "", f"the text of attempt {attempt.attempt}"
        return inspection.answer, "the answer"

    def focused_text(self, inspection: Inspection) -> str:
        """Return the whole text of the panel that has the focus; that of the answer where it has no other."""
        if self._prompt.has_focus:
            return prompt_text(inspection)
        if self._attempts.has_focus:
            return attempts_copied(inspection, self._payment)
        if self._headers.has_focus:
            return self._headers.text
        return self.answer_text(inspection)[0]


def _tokens_and(tokens: int | None, keys: str) -> str:
    return keys if tokens is None else f"{counted(tokens, 'token')} · {keys}"


def _first_wait_s(inspection: Inspection) -> float | None:
    """How long the job waited before its first attempt, as far as it is known."""
    return inspection.row.wait_s if len(inspection.attempts) <= 1 else None
