"""The run's end of a line: what becomes of attempts when their worker, or the run, stands still or ends."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from llmdash import __version__
from llmdash.cluster.link import QUIET_S, SILENCE_S, Link, OtherVersion
from llmdash.cluster.messages import (
    Began,
    Chunks,
    Departed,
    Ended,
    FromDesk,
    Joining,
    Refused,
    ToDesk,
    decode_to_desk,
    encode,
)
from llmdash.cluster.remote_attempt import RemoteAttempt
from llmdash.cluster.worker_record import WorkerRecord
from llmdash.engine.dispatch.asker import Lost, NotSent
from llmdash.engine.dispatch.attempt import Answer
from llmdash.engine.model.events import ChunksReceived, Event
from llmdash.llms.messages import Usage
from llmdash.llms.wire.failures import FailureKind
from tests.cluster.bench import bench, prompt, whole
from tests.cluster.lines import line_pair
from tests.engine.virtual_time import jump, now, settle, virtual_time

ANSWER = Answer("re", "stop", Usage(1, 2), 0.1, 0.2)


class Desk:
    """A desk played by hand."""

    def __init__(self) -> None:
        here, self.line = line_pair()
        self.worker = WorkerRecord("w1", "host")
        self.changes = 0
        self.link = Link(self.worker, here, self._changed, now)
        self.working = asyncio.create_task(self.link.work())
        self.told: dict[int, list[Any]] = {}

    def _changed(self) -> None:
        self.changes += 1

    def takes_work(self) -> bool:
        return self.link.takes_work

    def gathers(self) -> bool:
        return self.link.gathers

    def ask(self, job: int, **options: Any) -> tuple[int, RemoteAttempt]:
        told = self.told.setdefault(job, [])

        def tell(event: Event) -> None:
            assert isinstance(event, ChunksReceived)
            told.append(event.texts)

        ticket = RemoteAttempt(job, told.append, tell)
        return self.link.ask(job, 0, prompt("p"), options, ticket), ticket

    async def say(self, **fields: Any) -> None:
        await self.line.write(encode(FromDesk(now(), 0.0, 0.0, **fields)))
        await settle()

    async def heard(self) -> ToDesk:
        return decode_to_desk(await self.line.read())

    async def end(self) -> None:
        self.working.cancel()
        await asyncio.gather(self.working, return_exceptions=True)


async def introduced() -> Desk:
    desk = Desk()
    await desk.say(version=__version__, host="gpu\x1b[2J-a" + "x" * 500)
    return desk


def error_of(ticket: RemoteAttempt) -> type[BaseException] | None:
    assert ticket.answer.done()
    error = ticket.answer.exception()
    return type(error) if error is not None else None


@virtual_time
async def test_a_worker_takes_work_once_it_has_introduced_itself() -> None:
    desk = Desk()
    assert not desk.takes_work()
    await desk.say(version=__version__, host="gpu\x1b[2J-a" + "x" * 500)
    assert desk.takes_work()
    assert desk.worker.host.isprintable()
    assert len(desk.worker.host) <= 60
    await desk.end()


@virtual_time
async def test_a_worker_of_another_version_is_refused_and_gets_nothing() -> None:
    desk = Desk()
    _, ticket = desk.ask(1)
    await desk.say(version="0.0.1")
    (error,) = await asyncio.gather(desk.working, return_exceptions=True)
    assert isinstance(error, OtherVersion)
    assert error_of(ticket) is NotSent


@virtual_time
async def test_what_was_handed_over_is_lost_with_the_line_and_what_was_not_is_not_sent() -> None:
    desk = await introduced()
    _, handed_over = desk.ask(1)
    await desk.heard()
    _, in_the_outbox = desk.ask(2)
    desk.line.abort()
    await desk.working
    assert (error_of(handed_over), error_of(in_the_outbox)) == (Lost, NotSent)
    assert desk.told == {1: [0.0], 2: []}
    assert desk.worker.is_lost


@virtual_time
async def test_a_worker_that_had_nothing_is_not_lost() -> None:
    desk = await introduced()
    desk.link.join([Joining(0, b"")])
    await asyncio.sleep(0.002)  # what comes within 10 ms of a message waits for the next one
    _, ticket = desk.ask(1)
    desk.line.abort()
    await desk.working
    assert error_of(ticket) is NotSent
    assert not desk.worker.is_lost


@virtual_time
async def test_what_is_asked_of_a_line_that_is_closed_is_not_sent() -> None:
    desk = await introduced()
    desk.line.abort()
    await desk.working
    _, ticket = desk.ask(1)
    assert error_of(ticket) is NotSent
    assert desk.told == {1: []}


@pytest.mark.parametrize("message", [b"[[", b"", b"\xff", b"[" * 100_000])
def test_a_message_that_is_none_loses_what_is_there(message: bytes) -> None:
    @virtual_time
    async def scenario() -> None:
        desk = await introduced()
        _, ticket = desk.ask(1)
        await desk.heard()
        await desk.line.write(message)
        (error,) = await asyncio.gather(desk.working, return_exceptions=True)
        assert isinstance(error, msgspec.DecodeError)
        assert error_of(ticket) is Lost

    scenario()


@virtual_time
async def test_each_attempt_is_told_once_that_it_left_and_before_all_else() -> None:
    desk = await introduced()
    for job in range(6):
        desk.ask(job)
    assert len((await desk.heard()).asks) == 6
    await desk.say(left=[Departed(1, 0.03), Departed(1, 0.5)], began=[Began(1, "a", 0.1), Began(2, "b", 0.1)])
    await desk.say(left=[Departed(2, 0.02)], chunks=[Chunks(3, ["c", "d"], [0.1, 0.2])])
    await desk.say(ended=[Ended(4, ANSWER, ["e"], [0.1]), Ended(5, ANSWER, [], []), Ended(6, None, [], [])])
    await desk.say(
        refused=[Refused(1, "why")], ended=[Ended(99, ANSWER, ["x"], [0.1])], left=[Departed(99, 0.1)]
    )
    assert desk.told == {
        0: [0.03, ["a"]],
        1: [0.0, ["b"]],
        2: [0.0, ["c", "d"]],
        3: [0.0, ["e"]],
        4: [0.0],
        5: [0.0],
    }
    await desk.end()


@virtual_time
async def test_a_refused_attempt_was_not_sent_and_one_that_the_desk_cut_off_is_lost() -> None:
    desk = await introduced()
    first, second = desk.ask(1)[1], desk.ask(2)[1]
    await desk.say(refused=[Refused(1, "too old")], ended=[Ended(2, None, ["a"], [0.1])])
    assert (error_of(first), error_of(second)) == (NotSent, Lost)
    assert desk.told == {1: [], 2: [0.0, ["a"]]}
    assert desk.link.in_flight == 0
    await desk.end()


@virtual_time
async def test_an_attempt_cancelled_in_the_outbox_never_goes_out() -> None:
    desk = await introduced()
    number, _ = desk.ask(1)
    desk.ask(2)
    assert not desk.link.cancel(number)
    message = await desk.heard()
    assert [ask.ticket for ask in message.asks] == [2]
    assert message.cancels == []
    await desk.end()


@virtual_time
async def test_an_attempt_cancelled_later_is_aborted_at_the_desk() -> None:
    desk = await introduced()
    number, _ = desk.ask(1)
    await desk.heard()
    assert desk.link.cancel(number)
    assert (await desk.heard()).cancels == [number]
    await desk.say(left=[Departed(number, 0.0)], ended=[Ended(number, ANSWER, [], [])])
    assert desk.told == {1: []}
    assert desk.link.in_flight == 0
    await desk.end()


@virtual_time
async def test_what_is_asked_at_once_goes_in_one_message() -> None:
    desk = await introduced()
    for job in range(2_000):
        desk.ask(job)
    assert desk.gathers()
    await settle()
    assert len((await desk.heard()).asks) == 2_000
    assert not desk.gathers()
    await desk.end()


@virtual_time
async def test_a_run_with_nothing_to_say_is_heard_of_once_a_second() -> None:
    desk = await introduced()
    for _ in range(10):
        await desk.heard()
        await desk.say()
    assert 9.0 <= now() - 1_000.0 <= 10.5
    await desk.end()


@virtual_time
async def test_a_silent_worker_gets_nothing_new_and_is_lost_after_a_while() -> None:
    desk = await introduced()
    _, ticket = desk.ask(1)
    silent_since = now()
    await asyncio.sleep(QUIET_S - 0.1)
    assert desk.takes_work()
    changes = desk.changes
    await asyncio.sleep(0.5)
    assert not desk.takes_work()
    assert desk.changes > changes
    await desk.working
    assert SILENCE_S <= now() - silent_since <= SILENCE_S + 0.5
    assert error_of(ticket) is Lost


@virtual_time
async def test_a_worker_that_is_heard_of_again_gets_work_again() -> None:
    desk = await introduced()
    await asyncio.sleep(4.0)
    changes = desk.changes
    await desk.say()
    assert desk.takes_work()
    await asyncio.sleep(0.5)
    assert desk.changes > changes
    await desk.end()


@pytest.mark.parametrize("stood_s", [3.0, 20.0, 3_600.0])
def test_a_run_that_stood_still_itself_loses_nobody(stood_s: float) -> None:
    @virtual_time
    async def scenario() -> None:
        desk = await introduced()
        _, ticket = desk.ask(1)
        await asyncio.sleep(0.5)
        jump(stood_s)
        await settle()
        assert not desk.takes_work()
        await asyncio.sleep(1.0)
        await desk.say(ended=[Ended(1, ANSWER, [], [])])
        assert ticket.answer.result() == ANSWER
        assert desk.takes_work()
        await desk.end()

    scenario()


@virtual_time
async def test_a_run_that_stood_still_still_loses_who_stays_silent() -> None:
    desk = await introduced()
    _, ticket = desk.ask(1)
    await asyncio.sleep(0.5)
    jump(60.0)
    await asyncio.wait_for(desk.working, SILENCE_S)
    assert error_of(ticket) is Lost


@virtual_time
async def test_who_begins_to_be_watched_while_asked_is_watched() -> None:
    """Whatever changes before a message goes out: its list is the one that holds then."""
    desk = await introduced()
    desk.ask(1)
    desk.ask(2)
    await desk.heard()
    desk.link.watch(frozenset({1, 3, 4}))
    desk.ask(3)
    desk.ask(5)
    desk.link.watch(frozenset({1, 3, 4, 5}))
    desk.ask(4)
    message = await desk.heard()
    assert message.watch == [1, 3, 4, 5]
    assert [ask.ticket for ask in message.asks] == [3, 4, 5]
    desk.link.watch(frozenset())
    assert (await desk.heard()).watch == []
    await desk.end()


@virtual_time
async def test_what_no_message_can_hold_is_the_fault_of_its_request_alone() -> None:
    desk = await introduced()
    _, odd = desk.ask(1, value=object())
    _, sound = desk.ask(2)
    assert [ask.ticket for ask in (await desk.heard()).asks] == [2]
    failure = odd.answer.result().failure
    assert failure is not None
    assert failure.kind is FailureKind.REQUEST
    assert "object" in failure.message
    assert not sound.answer.done()
    assert desk.told == {1: [0.0], 2: []}
    await desk.end()


@virtual_time
async def test_the_round_trip_leaves_out_what_each_side_waits() -> None:
    async with bench() as made:
        worker = made.join("w1", delay_s=0.03)
        await asyncio.sleep(5.0)
        assert worker.link.worker.round_trip_s == pytest.approx(0.06, abs=0.002)


@virtual_time
async def test_an_answer_crosses_both_ways_whole() -> None:
    async with bench() as made:
        await made.joined("w1", script=whole)
        call = made.ask(1, "\ud800 hi")
        answer = await call.task
        assert (answer.finish_reason, answer.usage) == ("stop", Usage(2, 3))
        assert call.told[0] == "left"
        assert "".join(call.texts) == "re: \ud800 hi"
