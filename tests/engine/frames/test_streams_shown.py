"""Which streams are shown: one is read to its end before the next, and side by side each keeps its place."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from llmdash.engine.frames.tiles import Tiles
from llmdash.engine.store.streams import LINGER_S, Stream, Streams


def streaming(*jobs: int) -> Streams:
    """Streams that began in this order, a second apart."""
    streams = Streams()
    for at, job in enumerate(jobs):
        streams.begin(job, float(at))
        streams.add(job, "{", at + 0.5)
    return streams


def test_the_stream_shown_stays_while_it_goes_on_and_a_moment_longer() -> None:
    streams = streaming(1, 2, 3)
    assert streams.followed(None, 3.0) == 3
    assert streams.followed(1, 3.0) == 1
    streams.add(1, "}", 5.0)
    streams.end(1)
    assert streams.followed(1, 5.0 + 0.9 * LINGER_S) == 1
    assert streams.followed(1, 5.0 + 1.1 * LINGER_S) == 3


def test_a_stream_that_begins_again_is_not_waited_for() -> None:
    streams = streaming(1, 2)
    streams.begin(1, 9.0)
    assert streams.followed(1, 9.0) == 2


def test_a_stream_keeps_its_place_and_gives_it_up_only_to_another() -> None:
    streams = streaming(1, 2, 3, 4)
    tiles = Tiles(streams)
    assert tiles.choose(3, 4.0) == [4, 3, 2]
    streams.end(3)
    assert tiles.choose(3, 4.0) == [4, 1, 2], "its last chunk is too old to wait for"
    streams.end(4)
    assert tiles.choose(3, 4.0) == [4, 1, 2], "nobody wants its place"
    streams.begin(5, 5.0)
    assert tiles.choose(3, 5.0) == [4, 1, 2], "a stream without a chunk has nothing to show"
    streams.add(5, "x", 5.1)
    assert tiles.choose(3, 5.1) == [5, 1, 2]
    assert tiles.choose(2, 5.1) == [5, 1]
    assert tiles.choose(0, 5.1) == []


def test_no_more_places_than_streams() -> None:
    assert Tiles(Streams()).choose(8, 0.0) == []
    assert Tiles(streaming(1)).choose(8, 0.0) == [1]


@given(st.lists(st.text(max_size=30), max_size=60), st.integers(2, 80))
def test_a_tail_is_the_end_of_the_text_and_bounded(chunks: list[str], size: int) -> None:
    stream = Stream(0.0)
    for at, chunk in enumerate(chunks):
        stream.add(chunk, float(at))
    whole = "".join(stream.after(0)[1])
    tail = "".join(stream.tail(size))
    assert len(tail) <= size
    assert whole.endswith(tail)
    assert tail == whole or len(whole) > size // 2


def test_the_begin_of_a_tail_rests_while_the_text_grows() -> None:
    stream = Stream(0.0)
    begins = set()
    for at in range(1000):
        stream.add(f"{at:03}", float(at))
        begins.add(stream.tail(400)[0])
    assert len(begins) < 25
