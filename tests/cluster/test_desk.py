"""The desk of a worker, with the test in the place of the run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from llmdash.cluster.desk import LEASE_S, OLDEST_PERMIT_S, OLDEST_SILENCE_S, Desk
from llmdash.cluster.keyring import Keyring, with_fingerprints
from llmdash.cluster.line import LineClosed
from llmdash.cluster.messages import (
    Ask,
    FromDesk,
    Joining,
    ToDesk,
    decode_from_desk,
    encode,
    packed,
)
from llmdash.llms.dialects import LANGCHAIN
from llmdash.llms.messages import Delta, Usage
from llmdash.llms.recipe import ModelRecipe
from llmdash.llms.transport.sending import SENDING
from llmdash.llms.transport.timeouts import Timeouts
from llmdash.llms.wire.failures import Failure, FailureKind
from tests.cluster.bench import KEYS, Script, ScriptedClients, prompt, recipe, whole
from tests.cluster.lines import line_pair
from tests.engine.virtual_time import jump, now, virtual_time


class Run:
    """The run's end of the line, played by hand; `heard` has all reports with the time of their arrival."""

    def __init__(self, script: Script, keys: Iterable[str]) -> None:
        self.line, there = line_pair(0.001)
        self.clients = ScriptedClients(script)
        self.desk = Desk(there, Keyring(keys), "1.0", "host", now, monotonic=now, clients=self.clients)
        self.heard: list[tuple[float, FromDesk]] = []
        self.echo = 0.0
        self.heard_at = 0.0
        self.serving = asyncio.create_task(self.desk.serve())
        self.reading = asyncio.create_task(self._read())
        self.beating = asyncio.create_task(self._beat())

    async def _read(self) -> None:
        while True:
            try:
                message = decode_from_desk(await self.line.read())
            except LineClosed:
                return
            self.heard.append((now(), message))
            self.echo, self.heard_at = message.stamp, now()

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(0.4)
            await self.say()

    async def say(self, **fields: Any) -> None:
        held_s = now() - self.heard_at if self.echo else 0.0
        await self.line.write(encode(ToDesk(now(), self.echo, held_s, **fields)))

    async def ask(self, *tickets: int, member: int = 0, watched: bool = False) -> None:
        asks = [Ask(ticket, member, packed(prompt(f"p{ticket}")), {}, watched) for ticket in tickets]
        await self.say(asks=asks)

    def all(self, field: str) -> list[Any]:
        return [item for _, message in self.heard for item in getattr(message, field)]

    def ended(self) -> dict[int, Any]:
        return {ended.ticket: ended.answer for ended in self.all("ended")}

    def refused(self) -> dict[int, str]:
        return dict(self.all("refused"))

    def texts(self, ticket: int) -> list[str]:
        """All chunks of an attempt in the order of their reports."""
        found: list[str] = []
        for _, message in self.heard:
            found += [began.text for began in message.began if began.ticket == ticket]
            for chunks in message.chunks:
                found += chunks.texts if chunks.ticket == ticket else []
            for ended in message.ended:
                found += ended.texts if ended.ticket == ticket else []
        return found


@asynccontextmanager
async def run(script: Script = whole, keys: Iterable[str] = KEYS) -> AsyncIterator[Run]:
    made = Run(script, keys)
    try:
        await made.say(joining=[Joining(n, with_fingerprints(recipe(key))) for n, key in enumerate(KEYS)])
        await asyncio.sleep(0.1)
        yield made
    finally:
        tasks = (made.beating, made.serving, made.reading)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def chunks(count: int, gap_s: float) -> list[Any]:
    steps = [step for number in range(count) for step in (gap_s, Delta(text=f"{number} "))]
    return [*steps, Delta(finish_reason="stop", usage=Usage(1, count))]


def forever(_prompt: str) -> list[Any]:
    return [Delta(text="a"), 3_600.0]


@virtual_time
async def test_it_says_who_it_is_and_which_keys_it_has() -> None:
    async with run(keys=KEYS[1:]) as made:
        first = made.heard[0][1]
        assert (first.version, first.host) == ("1.0", "host")
        assert (made.all("has"), made.all("lacks")) == ([1, 2], [0])


@pytest.mark.parametrize(
    "packed_recipe",
    [
        b"",
        b"nonsense",
        b"\x91" * 100_000,
        with_fingerprints(ModelRecipe("no such dialect", "m", Timeouts(), {})),
        with_fingerprints(ModelRecipe(LANGCHAIN, "no_such_module:x", Timeouts(), {})),
        with_fingerprints(ModelRecipe("openai-chat", "m", Timeouts(), {"no_such_argument": 1})),
        with_fingerprints(ModelRecipe("openai-chat", "m", Timeouts(), {}, {"no_such_argument": 1})),
        with_fingerprints(ModelRecipe("openai-chat", "m", Timeouts(), {}, {"client_cert": ["a", "list"]})),
    ],
    ids=["none", "nonsense", "deep", "dialect", "target", "argument", "connection", "list"],
)
async def test_a_model_that_cannot_be_made_here_is_one_that_the_desk_lacks(packed_recipe: bytes) -> None:
    here, there = line_pair()
    serving = asyncio.create_task(Desk(there, Keyring(KEYS), "1.0", "host").serve())
    await here.write(encode(ToDesk(1.0, 0.0, 0.0, joining=[Joining(7, packed_recipe)])))
    while not (message := decode_from_desk(await here.read())).lacks:
        assert not message.has
    assert message.lacks == [7]
    here.abort()
    await serving


@virtual_time
async def test_an_attempt_is_made_and_reported_as_left_before_it_ends() -> None:
    async with run() as made:
        await made.ask(1)
        await asyncio.sleep(0.2)
        assert made.ended()[1].text == "re: p1"
        assert [left.ticket for left in made.all("left")] == [1]
        sent_at = made.clients.sent[0][0]
        (at,) = [at - message.left[0].ago_s for at, message in made.heard if message.left]
        assert sent_at <= at <= sent_at + 0.002
        assert made.texts(1) == ["re: p1"]


@virtual_time
async def test_what_has_no_key_here_is_not_sent() -> None:
    async with run(keys=KEYS[:1]) as made:
        await made.ask(1, member=1)
        await made.ask(2, member=77)
        await asyncio.sleep(0.2)
        assert made.refused() == dict.fromkeys((1, 2), "the worker does not have the key")
        assert not made.clients.sent


@pytest.mark.parametrize(("stood_s", "is_sent"), [(1.3, True), (1.6, False)])
def test_a_permit_that_waited_for_a_desk_which_stood_still_is_void(stood_s: float, is_sent: bool) -> None:
    @virtual_time
    async def scenario() -> None:
        async with run() as made:
            await made.ask(1)
            jump(stood_s)
            await asyncio.sleep(0.2)
            assert bool(made.clients.sent) is is_sent
            assert (1 in made.refused()) is not is_sent

    scenario()


@virtual_time
async def test_a_permit_counts_from_the_desks_own_word_less_what_the_run_held_it() -> None:
    async with run() as made:
        made.beating.cancel()
        ask = Ask(1, 0, packed(prompt("p1")), {})
        await made.line.write(encode(ToDesk(now(), made.echo, now() - made.heard_at + 0.05, asks=[ask])))
        late = msgspec.structs.replace(ask, ticket=2)
        await made.line.write(encode(ToDesk(now(), now() - 9.0, 9.0 - OLDEST_PERMIT_S - 0.1, asks=[late])))
        held = msgspec.structs.replace(ask, ticket=3)
        await made.line.write(encode(ToDesk(now(), now() - 9.0, 8.9, asks=[held])))
        await asyncio.sleep(0.2)
        assert sorted(text for _, text in made.clients.sent) == ["p1", "p1"]
        assert list(made.refused()) == [2]


@virtual_time
async def test_a_permit_is_looked_at_again_when_its_request_is_made() -> None:
    """The desk stands still between reading a message and making its second attempt."""

    def script(text: str) -> list[Any]:
        return [lambda: jump(2.0), *whole(text)] if text == "p1" else whole(text)

    async with run(script) as made:
        await made.ask(1, 2)
        await asyncio.sleep(2.5)
        assert [text for _, text in made.clients.sent] == ["p1"]
        assert made.refused() == {2: "the permit to send it is too old"}
        assert made.ended()[1].text == "re: p1"


@pytest.mark.parametrize("answer_s", [0.0, 0.001, 0.03, 0.5])
def test_what_left_while_the_worker_stood_still_counts_from_when_it_went_on(answer_s: float) -> None:
    """Its bytes may have gone out at any moment up to then, or up to its answer."""

    @virtual_time
    async def scenario() -> None:
        went_on = [0.0]

        def stand_still() -> None:
            jump(3.0)
            went_on[0] = now()

        async with run(
            lambda _text: [stand_still, answer_s, Delta(text="a"), Delta(finish_reason="stop")]
        ) as made:
            await made.ask(1)
            await asyncio.sleep(4.0)  # of which the jump takes 3
            (at,) = [at - message.left[0].ago_s for at, message in made.heard if message.left]
            assert went_on[0] <= at <= went_on[0] + 0.1
            assert made.ended()[1].text == "a"

    scenario()


@virtual_time
async def test_chunks_never_come_before_the_word_that_the_request_left() -> None:
    async with run(lambda _text: chunks(5, 0.0)) as made:
        await made.ask(*range(20), watched=True)
        await asyncio.sleep(0.3)
        known = set[int]()
        for _, message in made.heard:
            known |= {left.ticket for left in message.left}
            some = (message.began, message.chunks, message.ended)
            assert {each[0] for reports in some for each in reports} <= known
        assert len(made.all("left")) == len(made.ended()) == 20


@virtual_time
async def test_without_a_word_from_the_run_requests_are_cut_off_within_the_lease() -> None:
    async with run(forever) as made:
        await made.ask(1, 2)
        await asyncio.sleep(0.2)
        made.beating.cancel()
        silent_since = now()
        while not made.ended():
            assert not made.clients.cut
            await asyncio.sleep(0.1)
        assert LEASE_S - 0.4 <= now() - silent_since <= LEASE_S + 0.8
        assert made.ended() == {1: None, 2: None}
        assert sorted(made.clients.cut) == ["p1", "p2"]
        assert made.texts(1) == ["a"]


@virtual_time
async def test_while_the_run_is_heard_of_nothing_is_cut_off() -> None:
    async with run(forever) as made:
        await made.ask(1)
        await asyncio.sleep(60.0)
        assert not made.clients.cut
        await made.ask(2)
        await asyncio.sleep(0.2)
        assert len(made.clients.sent) == 2


@virtual_time
async def test_a_line_that_closes_cuts_everything_off_at_once() -> None:
    async with run(forever) as made:
        await made.ask(*range(10))
        await asyncio.sleep(0.2)
        made.line.abort()
        await asyncio.sleep(0.01)
        assert made.serving.done()
        assert len(made.clients.cut) == 10


@virtual_time
async def test_a_desk_that_is_ended_cuts_everything_off_and_closes_the_line() -> None:
    async with run(forever) as made:
        await made.ask(1)
        await asyncio.sleep(0.2)
        made.serving.cancel()
        await asyncio.sleep(0.01)
        assert made.clients.cut == ["p1"]
        assert made.reading.done()


@virtual_time
async def test_a_message_that_is_none_ends_the_line_and_its_requests() -> None:
    async with run(forever) as made:
        await made.ask(1)
        await asyncio.sleep(0.2)
        await made.line.write(b"[[")
        (error,) = await asyncio.gather(made.serving, return_exceptions=True)
        assert isinstance(error, msgspec.DecodeError)
        assert made.clients.cut == ["p1"]


@virtual_time
async def test_cancelled_attempts_are_aborted_and_spoken_of_no_more() -> None:
    async with run(forever) as made:
        await made.ask(1, 2)
        await asyncio.sleep(0.2)
        await made.say(cancels=[1, 99])
        await asyncio.sleep(0.2)
        assert made.clients.cut == ["p1"]
        assert made.ended() == {}


@virtual_time
async def test_an_attempt_cancelled_with_its_own_message_is_not_sent() -> None:
    async with run() as made:
        await made.say(asks=[Ask(1, 0, packed(prompt("p1")), {})], cancels=[1])
        await asyncio.sleep(0.2)
        assert not made.clients.sent
        assert made.ended() == made.refused() == {}


@pytest.mark.parametrize("changes", [(), (0.0,), (0.095,), (0.2,), (0.05, 0.15, 0.21, 0.4), (0.3, 0.3, 0.31)])
def test_whenever_it_is_watched_all_chunks_come_in_order_once(changes: tuple[float, ...]) -> None:
    """Watching begins, ends, and begins again, at these times."""

    @virtual_time
    async def scenario() -> None:
        async with run(lambda _text: chunks(50, 0.01)) as made:
            await made.ask(1, 2)
            begun = now()
            for number, at in enumerate(changes):
                await asyncio.sleep(max(0.0, begun + at - now()))
                await made.say(watch=[] if number % 2 else [1])
            await asyncio.sleep(1.0)
            for ticket in (1, 2):
                assert made.texts(ticket) == [f"{number} " for number in range(50)]
            began = [each.ticket for each in made.all("began")]
            assert began.count(2) == 1
            assert not [each for each in made.all("chunks") if each.ticket == 2]

    scenario()


@virtual_time
async def test_what_is_watched_arrives_soon_and_with_its_own_times() -> None:
    async with run(lambda _text: chunks(50, 0.01)) as made:
        await made.ask(1, watched=True)
        await asyncio.sleep(1.0)
        sent_at = made.clients.sent[0][0]
        for at, message in made.heard:
            for each in message.chunks:
                assert all(0 <= at - sent_at - after_s <= 0.05 for after_s in each.after_s)
        times = [at for each in (*made.all("chunks"), *made.all("ended")) for at in each.after_s]
        assert times == pytest.approx([0.01 * number for number in range(1, 51)], abs=1e-6)


@virtual_time
async def test_what_is_not_watched_says_that_it_began_and_the_rest_at_its_end() -> None:
    async with run(lambda _text: chunks(50, 0.01)) as made:
        await made.ask(1)
        await asyncio.sleep(1.0)
        assert [(began.ticket, began.text) for began in made.all("began")] == [(1, "0 ")]
        assert not made.all("chunks")
        (ended,) = made.all("ended")
        assert (ended.texts[0], len(ended.texts), ended.answer.usage.output_tokens) == ("1 ", 49, 50)


@pytest.mark.parametrize(
    "error",
    [ValueError("x"), Failure(FailureKind.QUOTA, "no money"), asyncio.CancelledError(), RecursionError()],
)
def test_whatever_a_models_class_raises_is_an_answer_and_costs_no_other(error: BaseException) -> None:
    @virtual_time
    async def scenario() -> None:
        async with run(lambda text: [error] if text == "p1" else whole(text)) as made:
            await made.ask(1, 2)
            await asyncio.sleep(0.2)
            failure = made.ended()[1].failure
            assert failure.kind is (error.kind if isinstance(error, Failure) else FailureKind.TRANSIENT)
            assert made.ended()[2].failure is None
            assert {left.ticket for left in made.all("left")} == {1, 2}

    scenario()


@pytest.mark.parametrize("text", ["\ud800", "x" * 200_000, "\x1b[2J", ""])
def test_any_text_that_a_model_gives_is_reported(text: str) -> None:
    @virtual_time
    async def scenario() -> None:
        async with run(
            lambda _text: [Delta(text="a"), Delta(text=text), Delta(finish_reason="stop")]
        ) as made:
            await made.ask(1, watched=True)
            await asyncio.sleep(0.2)
            assert "".join(made.texts(1)) == "a" + text

    scenario()


@virtual_time
async def test_an_answer_that_fits_no_message_closes_the_line_in_place_of_silence() -> None:
    async with run(
        lambda _text: [Delta(text="a", message={"odd": object()}), Delta(finish_reason="stop")]
    ) as made:
        await made.ask(1)
        await asyncio.sleep(0.2)
        assert made.reading.done()
        assert made.serving.done()


@virtual_time
async def test_many_attempts_at_once_are_reported_in_few_messages() -> None:
    async with run(lambda text: [0.001 * int(text[1:]), *chunks(20, 0.01)]) as made:
        before, start = len(made.line.peer.written), now()
        await made.ask(*range(500), watched=True)
        await asyncio.sleep(1.0)
        assert len(made.ended()) == len(made.all("left")) == 500
        assert len(made.line.peer.written) - before <= 50 * (now() - start) + 2
        assert all(len(made.texts(ticket)) == 20 for ticket in range(500))


@virtual_time
async def test_a_desk_with_nothing_to_report_is_heard_of_twice_a_second() -> None:
    async with run() as made:
        await asyncio.sleep(1.0)
        before = len(made.heard)
        await asyncio.sleep(10.0)
        assert 18 <= len(made.heard) - before <= 21


@virtual_time
async def test_a_desk_that_leaves_takes_nothing_new_and_lets_all_end_and_be_reported() -> None:
    async with run(lambda _text: chunks(3, 0.5)) as made:
        await made.ask(1)
        await asyncio.sleep(0.2)
        leaving = asyncio.create_task(made.desk.leave())
        await asyncio.sleep(0.1)
        assert made.heard[-1][1].leaves
        await made.ask(2)
        await leaving
        assert made.refused() == {2: "the worker is about to end"}
        await asyncio.sleep(0.002)
        assert made.ended()[1].text == "0 1 2 "


@pytest.mark.parametrize("before_s", [0.0, 1.0])
def test_a_desk_without_a_run_has_left(before_s: float) -> None:
    """A run that goes away must not keep a worker that wants to end."""

    @virtual_time
    async def scenario() -> None:
        async with run(forever) as made:
            await made.ask(1)
            await asyncio.sleep(0.2)
            leaving = asyncio.create_task(made.desk.leave())
            await asyncio.sleep(before_s)
            made.line.abort()
            async with asyncio.timeout(0.2):
                await leaving
                await made.desk.leave()

    scenario()


def connecting(seconds: float) -> Script:
    """A model that needs so long for a connection, and then says that it sends."""

    def announce() -> None:
        SENDING.get()()

    def script(text: str) -> list[Any]:
        return [seconds, announce, *whole(text)]

    return script


@asynccontextmanager
async def run_connecting(seconds: float) -> AsyncIterator[Run]:
    """A run whose member 9 needs so long for a connection."""
    async with run(connecting(seconds)) as made:
        made.clients.says_when_sent = True
        await made.say(joining=[Joining(9, with_fingerprints(recipe(KEYS[0])))])
        await asyncio.sleep(0.1)
        yield made


@virtual_time
async def test_a_request_leaves_when_it_has_its_connection_and_not_before() -> None:
    async with run_connecting(2.0) as made:
        begun = now()
        await made.ask(1, member=9)
        await asyncio.sleep(1.9)
        assert made.all("left") == []
        await asyncio.sleep(0.3)
        ((ticket, ago_s),) = made.all("left")
        (at,) = [at for at, message in made.heard if message.left]
        assert ticket == 1
        assert at - ago_s == pytest.approx(begun + 2.0, abs=0.01)
        assert made.ended()[1].text == "re: p1"


@virtual_time
async def test_a_worker_that_stood_still_while_it_connected_sends_nothing() -> None:
    async with run_connecting(0.5) as made:
        made.beating.cancel()
        await made.ask(1, member=9)
        await asyncio.sleep(0.1)
        jump(OLDEST_SILENCE_S)
        await asyncio.sleep(1.0)
        assert made.all("left") == []
        assert made.refused() == {1: "it was cut off before it was sent"}


@virtual_time
async def test_a_word_that_waited_while_the_worker_stood_still_is_an_old_one() -> None:
    async with run_connecting(3.5) as made:
        made.beating.cancel()
        await made.ask(1, member=9)
        await asyncio.sleep(0.1)
        made.line.hold()
        await made.say()
        jump(OLDEST_SILENCE_S)
        made.line.release()
        await asyncio.sleep(2.0)
        assert made.all("left") == []
        assert made.refused() == {1: "it was cut off before it was sent"}


@virtual_time
async def test_what_was_connecting_while_the_worker_stood_still_is_not_sent_though_word_has_come() -> None:
    """The run has handed it to another worker meanwhile, and the rate knows nothing of it."""
    async with run_connecting(3.5) as made:
        await made.ask(1, member=9)
        await asyncio.sleep(0.1)
        jump(OLDEST_SILENCE_S + 0.1)
        await made.say()
        await asyncio.sleep(2.0)
        assert made.all("left") == []
        assert made.refused() == {1: "it was cut off before it was sent"}
        await made.ask(2, member=9)
        await asyncio.sleep(3.7)
        assert [left.ticket for left in made.all("left")] == [2]
