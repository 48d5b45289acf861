"""The transcript: whatever comes between, each answer stands in it once, and as it was said."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from hypothesis import example, given
from hypothesis import strategies as st

from llmdash.engine.model.frame import Frame, StreamPart
from llmdash.engine.model.states import JobState
from llmdash.engine.model.view import StreamView, View
from llmdash.engine.store.streams import Streams
from llmdash.remote.fitting import fitted
from llmdash.ui.stream.gap_lines import Ruler
from llmdash.ui.stream.transcript import Transcript
from llmdash.ui.stream.wrapping import Kind, LineKind

JOBS = 4


@dataclass
class World:
    """A run whose jobs speak, and a viewer that may get its frames late, twice, or not at all."""

    transcript: Transcript = field(default_factory=Transcript)
    streams: Streams = field(default_factory=Streams)
    attempts: dict[int, int] = field(default_factory=dict)
    now: float = 0.0
    stays: bool = False
    asked: View = field(default_factory=View)
    frame: Frame | None = None
    said: dict[tuple[int, int], list[str]] = field(default_factory=dict)

    def send(self, job: int) -> None:
        self.attempts[job] = attempt = self.attempts.get(job, 0) + 1
        self.said[job, attempt] = []
        self.streams.begin(job, self.now, attempt)

    def say(self, job: int) -> None:
        if (job, self.attempts.get(job, 0)) in self.said and job in self.streams._live:
            spoken = self.said[job, self.attempts[job]]
            text = f"<{job}.{self.attempts[job]}.{len(spoken)}>"
            spoken.append(text)
            self.streams.add(job, text, self.now)

    def part(self, view: StreamView) -> StreamPart:
        """What the engine answers."""
        job = view.job if view.job is not None else self.streams.followed(view.seen_job, self.now)
        stream = self.streams.get(job) if job is not None else None
        if job is None or stream is None:
            return StreamPart(job=job)
        held = view.seen_job == job and view.seen_attempt == stream.attempt
        start, chunks, gaps = stream.after(view.seen if held else 0)
        live = job in self.streams._live
        state = JobState.STREAMING if live else JobState.DONE
        return StreamPart(job, f"add-{job}", "k", state, 0.1, None, stream.attempt, start, chunks, gaps)

    def view(self) -> View:
        return View(stream=self.transcript.wanted(stays=self.stays))

    def ask(self) -> None:
        """Get an answer, without showing it."""
        self.asked = self.view()
        self.frame = Frame(stream=self.part(self.asked.stream))

    def show(self) -> None:
        """Show the answer that came last, as one to the question of now."""
        if self.frame is not None:
            self.transcript.take(fitted(self.frame, self.asked, self.view()).stream)

    def show_raw(self) -> None:
        """Show it as it is."""
        if self.frame is not None:
            self.transcript.take(self.frame.stream)

    def catch_up(self) -> None:
        for _ in range(3):
            self.ask()
            self.show_raw()

    def answers(self) -> list[str]:
        """The answers that stand in the transcript, each in one line."""
        found: list[str] = []
        text = self.transcript.text
        for line, row in zip(text.lines, text.rows, strict=True):
            if row is LineKind.HEADING:
                found.append("")
            elif row is not LineKind.GAPS and (words := "".join(s.text for s in line if s.kind is Kind.TEXT)):
                found = found or [""]
                found[-1] += words
        return [answer for answer in found if answer]


STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["send", "say", "say", "say", "end", "watch"]), st.integers(0, JOBS - 1)),
        st.tuples(
            st.sampled_from(["ask", "show", "show_raw", "follow", "stay", "wait", "low", "high"]), st.just(0)
        ),
        st.tuples(st.just("width"), st.integers(4, 40)),
        st.tuples(st.just("catch_up"), st.just(0)),
    ),
    max_size=60,
)
STEPS_WITH_RETURN = [
    ("send", 0), ("say", 0), ("send", 1), ("say", 1), ("catch_up", 0), ("end", 1), ("wait", 0),
    ("catch_up", 0), ("end", 0), ("wait", 0), ("catch_up", 0), ("catch_up", 0),
]  # fmt: skip
"""The newest stream ends before an older one: it was shown again below it, when that had ended as well."""
STEPS_ANSWERED_TWICE = [
    ("send", 0), ("say", 0), ("ask", 0), ("show_raw", 0), ("say", 0), ("show_raw", 0), ("ask", 0),
    ("show_raw", 0),
]  # fmt: skip


def walk(world: World, steps: list[tuple[str, int]]) -> None:
    ruler = list(Ruler)
    for name, number in steps:
        match name:
            case "send":
                world.send(number)
            case "say":
                world.say(number)
            case "end":
                world.streams.end(number)
            case "watch":
                world.transcript.watch(number)
            case "follow":
                world.transcript.watch(None)
            case "stay":
                world.stays = not world.stays
            case "wait":
                world.now += 1.0
            case "low" | "high":
                world.transcript.use_headings(name == "high")
            case "width":
                world.transcript.text.configure(number, bool(number % 2), ruler[number % 3])
            case _:
                getattr(world, name)()
        world.now += 0.01


@given(STEPS)
@example(STEPS_WITH_RETURN)
@example(STEPS_ANSWERED_TWICE)
def test_whatever_comes_between_each_answer_stands_there_once_and_as_it_was_said(
    steps: list[tuple[str, int]],
) -> None:
    world = World()
    walk(world, steps)
    truth = {("".join(spoken)) for spoken in world.said.values() if spoken}
    shown = world.answers()
    assert len(shown) == len(set(shown))
    assert all(any(whole.startswith(answer) for whole in truth) for answer in shown), "a wrong begin, or tail"
    assert "".join(shown) == world.transcript.text.plain


@given(STEPS)
@example(STEPS_WITH_RETURN)
def test_a_viewer_that_catches_up_has_the_whole_of_what_it_shows(steps: list[tuple[str, int]]) -> None:
    world = World()
    walk(world, steps)
    world.catch_up()
    job = world.transcript.job
    stream = world.streams.get(job) if job is not None else None
    if stream is not None and stream.chunks:
        assert world.answers()[-1] == "".join(stream.chunks)


def test_a_text_that_goes_back_is_shown_as_it_is_now() -> None:
    """As in a replay that was sought."""
    transcript = Transcript()
    part = StreamPart(1, "a", "k", JobState.STREAMING, attempt=1, chunks=("x", "y", "z"), gaps=(0.1,) * 3)
    transcript.take(replace(part, job=0, id="b"))
    transcript.take(part)
    transcript.take(replace(part, chunks=("x",), gaps=(0.1,)))
    assert transcript.text.plain == "xyz" + "x"


def test_the_answer_to_another_question_is_not_taken() -> None:
    transcript = Transcript()
    part = StreamPart(1, "a", "k", JobState.STREAMING, attempt=1, start=5, chunks=("tail",), gaps=(0.1,))
    assert not transcript.take(part), "its begin is not there"
    transcript.watch(2)
    assert not transcript.take(replace(part, start=0)), "another job is watched by now"
    assert transcript.text.plain == ""
