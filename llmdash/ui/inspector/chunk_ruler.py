"""ChunkRuler: the chunks of an answer, the gaps between them, and when each came; it can be played again."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from time import monotonic
from typing import ClassVar, Final

from textual import events
from textual.binding import BindingType
from textual.timer import Timer

from llmdash.engine.model.counts import counted
from llmdash.engine.model.frame import StreamPart
from llmdash.engine.model.view import StreamView
from llmdash.ui.inspector.held_chunks import HeldChunks
from llmdash.ui.inspector.text_pane import TextPane
from llmdash.ui.inspector.time_ruler import ruler_labels, seconds_words, stalls_of, time_ruler
from llmdash.ui.stream.gap_lines import Ruler
from llmdash.ui.stream.text import Chunk, StreamText
from llmdash.ui.stream.words import CARET
from llmdash.ui.stream.wrapping import Kind, Line, Span
from llmdash.ui.text.format import count, fit, ordinal
from llmdash.ui.text.keymap import KeyBinding as Binding
from llmdash.ui.text.named_keys import Hint, chosen_by, key_hints

__all__ = ["ChunkRuler"]

_FRAME_S: Final = 1 / 20
_INDENT: Final = Span("   ", Kind.TEXT)
_RULERS: Final = {Ruler.BOTH: Ruler.HEIGHTS, Ruler.HEIGHTS: Ruler.NONE, Ruler.NONE: Ruler.BOTH}
_GROWTH: Final = 1.02
"""By how much an answer has to have grown to be laid out again while it comes."""
_LONGEST_QUOTE: Final = 24
_MOST_LINES: Final = 1_000
"""Lines of text that are shown, the last ones; a wheel finds no way through more."""
_NOT_HERE: Final = (
    "no chunks on record: they are kept of answers that come, or came last, while the run is at work"
)
_EVEN: Final = "no chunks on record: this answer came in one piece, or its pace was not kept"
_KEYS: Final[tuple[Hint, ...]] = (
    ("bars", "b", "bars"),
    ("gap-times", "t", "times"),
    ("chunk-on", "←→", "step"),
    ("play", "space", "play it again"),
)


class ChunkRuler(TextPane):
    """Shows the text with a bar behind each chunk, the gaps below, and all on a ruler of time.

    | Key | Does |
    |---|---|
    | left, right | A chunk back or on: the answer as it stood then. |
    | space | Play the answer again at its own pace, or pause. |
    | escape | Show all of it again. |
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "chunk(-1)", "Chunk back", tooltip="The answer as it stood a chunk before"),
        Binding("right", "chunk(1)", "Chunk on", tooltip="The answer as it stood a chunk later"),
        Binding("escape", "end_search", "End search", show=False, tooltip="Search for nothing any more"),
        Binding("escape", "whole", "Whole answer", show=False, tooltip="Show all chunks again"),
    ]

    def __init__(
        self, *, id: str | None = None, classes: str | None = None, now: Callable[[], float] = monotonic
    ) -> None:
        super().__init__("Chunks", id=id, classes=classes)
        self._now = now
        self._held = HeldChunks()
        self._text = StreamText()
        self._marks, self._rulers = True, Ruler.BOTH
        self._shown: int | None = None
        """How many chunks are shown; None for all."""
        self._timer: Timer | None = None
        self._began = 0.0
        self._end_s: float | None = None
        self._laid: tuple[object, int] = (None, 0)
        """How the text was laid out, and how many chunks of it."""

    @property
    def wanted(self) -> StreamView:
        """What is held of the stream, to ask for the rest."""
        return self._held.wanted

    @property
    def shown(self) -> int:
        """How many chunks are shown."""
        return len(self._held.texts) if self._shown is None else self._shown

    @property
    def is_playing(self) -> bool:
        """True while the answer is played again."""
        return self._timer is not None

    def take(self, part: StreamPart, end_s: float | None) -> None:
        """Show what is new of the stream; the answer took `end_s` seconds in all, None if not known yet."""
        before = self._held.part
        if not self._held.take(part) and end_s == self._end_s:
            return
        if (part.job, part.attempt) != (before.job, before.attempt):
            self._stop()
            self._shown = None
        if part.start == 0:
            self._laid = (None, 0)
        is_due = end_s != self._end_s or len(self._held.texts) > self._laid[1] * _GROWTH
        self._end_s = end_s
        if is_due or not self._held.texts:
            self._lay_out()

    def on_resize(self) -> None:
        self._lay_out()

    # What is shown.

    def _lay_out(self) -> None:
        held = self._held
        self.say("Chunks", key_hints(chosen_by(self), *_KEYS))
        if not held.texts or held.part.is_even:
            self.show([(Span(_EVEN if held.texts else _NOT_HERE, Kind.WORDS),)])
            return
        width = max(8, self.content_size.width - 1 - 2 * len(_INDENT.text))
        self._add_chunks((width, self._marks, self._rulers))
        end_s = max(self._end_s or 0.0, held.times[-1])
        stalls = stalls_of(held.gaps)
        ruler = time_ruler(held.times, stalls, end_s, width, self.shown)
        labels = ruler_labels(held.times, held.gaps, stalls, end_s, width)
        self.show([self._summary(), (), *self._text_lines(), (), (_INDENT, *ruler), (_INDENT, *labels)])

    def _add_chunks(self, looks: tuple[int, bool, Ruler]) -> None:
        """Have the text of the chunks that are shown; what is there already stays."""
        before, count_before = self._laid
        if before != looks or count_before > self.shown:
            self._text.clear()
            count_before = 0
        self._text.configure(*looks)
        pairs = zip(self._held.texts, self._held.gaps, strict=True)
        self._text.add(Chunk(*pair) for pair in islice(pairs, count_before, self.shown))
        self._laid = looks, self.shown

    def _text_lines(self) -> list[Line]:
        lines = list(self._text.lines[-_MOST_LINES:])
        last = len(lines) - len(self._text.lines) + self._text.last_text
        if self._shown is not None:
            lines[last] = (*lines[last], Span(CARET, Kind.CARET))
        return [(_INDENT, *line) for line in lines]

    def _summary(self) -> Line:
        """Words on all chunks, or on the one that came last of those that are shown."""
        held = self._held
        if self._shown is not None:
            return (Span(self._words_of_chunk(self._shown - 1), Kind.WORDS),)
        took_s = held.times[-1] - held.times[0]
        words = (
            f"{ordinal(max(1, held.part.attempt))} attempt, "
            f"{counted(len(held.texts), 'chunk')} in {seconds_words(took_s)} "
            f"after the first token at {seconds_words(held.times[0])}"
        )
        if len(held.gaps) > 1:
            longest = max(range(1, len(held.gaps)), key=held.gaps.__getitem__)
            words += (
                f"; longest gap {held.gaps[longest] * 1000:.0f} ms, before {_quoted(held.texts[longest])}"
            )
        return (Span(words, Kind.WORDS),)

    def _words_of_chunk(self, number: int) -> str:
        held = self._held
        if number < 0:
            return "before the first chunk"
        gap = f"{held.gaps[number] * 1000:.0f} ms after " + (
            "the request" if not number else "the one before"
        )
        return (
            f"chunk {count(number + 1)} of {count(len(held.texts))}: {_quoted(held.texts[number])}, {gap}, "
            f"at {seconds_words(held.times[number])}"
        )

    # Keys.

    def toggle_marks(self) -> None:
        """Show bars behind the chunks, or none."""
        self._marks = not self._marks
        self._lay_out()

    def next_ruler(self) -> None:
        """Show gaps as heights and in milliseconds, as heights alone, or not."""
        self._rulers = _RULERS[self._rulers]
        self._lay_out()

    def action_chunk(self, by: int) -> None:
        self._stop()
        most = len(self._held.texts)
        if most:
            self._shown = max(0, min(self.shown + by, most))
            self._lay_out()

    def action_whole(self) -> None:
        self._stop()
        self._shown = None
        self._lay_out()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leave escape to the screen while all is shown."""
        if action == "whole":
            return self._shown is not None
        return super().check_action(action, parameters)

    def play(self) -> bool:
        """Play the answer again from the chunk that is shown last, or from the first one; pause where it
        plays. Return False where there is nothing to play.
        """
        held = self._held
        if self.is_playing:
            self._stop()
            return True
        if not held.texts or held.part.is_even:
            return False
        begins = self._shown if self._shown is not None and self._shown < len(held.texts) else 0
        self._shown = begins
        self._began = self._now() - (held.times[begins - 1] if begins else 0.0)
        self._timer = self.set_interval(_FRAME_S, self._play_on)
        self._lay_out()
        return True

    def _play_on(self) -> None:
        come = self._held.come_by(self._now() - self._began)
        if come != self._shown:
            self._shown = come
            if come >= len(self._held.texts):
                self.action_whole()
            else:
                self._lay_out()

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer = None

    def on_unmount(self, _event: events.Unmount) -> None:
        self._stop()


def _quoted(text: str) -> str:
    return f'"{fit(text, min(_LONGEST_QUOTE, max(1, len(text)))).rstrip() if text.strip() else text[:8]}"'
