"""The text of answers as it came."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from llmdash.engine.store.streams import Stream, Streams

chunks = st.lists(st.text(max_size=8), min_size=1, max_size=20)


def stream_of(texts: list[str]) -> Stream:
    stream = Stream(1.0)
    for number, text in enumerate(texts):
        stream.add(text, 2.0 + number)
    return stream


@given(chunks, st.data())
def test_pieces_put_together_are_the_whole_wherever_one_looks(texts: list[str], data: st.DataObject) -> None:
    """A reader that looks now and then, and holds what it was given, ends with everything, once."""
    stream, gaps = Stream(1.0), 0
    held: tuple[str, ...] = ()
    for number, text in enumerate(texts):
        stream.add(text, 2.0 + number)
        if data.draw(st.booleans()) or number == len(texts) - 1:
            start, piece, more = stream.after(len(held))
            gaps = (0 if start == 0 else gaps) + len(more)
            held = held[:start] + piece
    assert held == tuple(texts)
    assert gaps == len(texts)


@given(chunks, st.integers(-5, 300))
def test_one_who_has_seen_something_else_starts_over(texts: list[str], seen: int) -> None:
    stream = stream_of(texts)
    start, piece, gaps = stream.after(seen)
    text = stream.after(0)[1]
    assert text[:start] + piece == text
    assert start in (0, seen)
    assert len(gaps) == len(piece)


def test_gaps_are_the_seconds_before_each_chunk() -> None:
    assert stream_of(["a", "b"]).after(0) == (0, ("a", "b"), (1.0, 1.0))


def test_a_new_attempt_throws_the_old_text_away() -> None:
    streams = Streams()
    streams.begin(1, 0.0)
    streams.add(1, "half an", 1.0)
    streams.end(1)
    streams.begin(1, 2.0)
    stream = streams.get(1)
    assert stream is not None
    assert stream.after(7) == (0, (), ())


def test_ended_streams_are_let_go_oldest_first_and_live_ones_never() -> None:
    streams = Streams(kept=10_000)
    streams.begin(-1, 0.0)
    streams.add(-1, "x" * 50_000, 0.0)
    for job in range(1_000):
        streams.begin(job, 0.0)
        for _ in range(10):
            streams.add(job, "ab", 0.0)
        streams.end(job)
    held = [job for job in range(1_000) if streams.get(job) is not None]
    assert held == list(range(held[0], 1_000))
    cost = sum(stream.cost for job in held if (stream := streams.get(job)) is not None)
    assert cost <= 10_000
    assert streams.get(-1) is not None


def test_many_tiny_chunks_count_for_the_memory_they_take() -> None:
    streams = Streams(kept=100_000)
    for job in range(10):
        for _ in range(2_000):
            streams.add(job, "a", 0.0)
        streams.end(job)
    assert sum(streams.get(job) is not None for job in range(10)) == 1


def test_many_short_answers_count_for_the_memory_they_take() -> None:
    streams = Streams(kept=100_000)
    for job in range(1_000):
        streams.add(job, "4", 0.0)
        streams.end(job)
    assert sum(streams.get(job) is not None for job in range(1_000)) < 200


def test_the_newest_stream_is_a_live_one_while_there_is_one() -> None:
    streams = Streams()
    assert streams.live_newest() is None
    for job in (1, 2, 3):
        streams.begin(job, float(job))
        streams.add(job, "x", float(job))
    assert streams.live_newest() == 3
    streams.end(3)
    assert streams.live_newest() == 2
    streams.end(1)
    streams.end(2)
    assert streams.live_newest() is None
    assert streams.followed(None, 9.0) == 3
    assert streams.followed(1, 9.0) == 1, "what ended last stays: the newest was shown before it"
