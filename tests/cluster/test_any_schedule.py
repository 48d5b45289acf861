"""An asker and its workers under any schedule of kills, silences, drains, joins, cancels and watching."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from llmdash.cluster.desk import LEASE_S, OLDEST_PERMIT_S
from llmdash.cluster.link import SILENCE_S
from llmdash.engine.dispatch.asker import Lost, NotSent
from llmdash.llms.messages import Delta, Usage
from llmdash.llms.wire.failures import Failure, FailureKind
from tests.cluster.bench import KEYS, Bench, Call, bench
from tests.engine.virtual_time import jump, virtual_time

TEXTS = [f"{number} " for number in range(8)]


class Schedule:
    """Does at random what may happen to a run with three workers; every prompt is asked once."""

    def __init__(self, made: Bench, rng: random.Random) -> None:
        self.made = made
        self.rng = rng
        self.asked = 0
        self.cancelled: set[int] = set()

    def script(self, text: str) -> list[Any]:
        steps = [step for each in TEXTS for step in (self.rng.choice([0.0, 0.01, 0.2]), Delta(text=each))]
        if self.rng.random() < 0.1:
            return [*steps[:4], Failure(FailureKind.TRANSIENT, "no")]
        if self.rng.random() < 0.05:
            return [*steps, 3_600.0]
        return [*steps, Delta(finish_reason="stop", usage=Usage(1, 8))]

    def join(self) -> None:
        here = {name for name, link in self.made.asker._links.items() if link.takes_work}
        free = [name for name in ("w1", "w2", "w3") if name not in here]
        if free:
            keys = self.rng.sample(KEYS, self.rng.randint(1, 3))
            self.made.join(self.rng.choice(free), keys, self.script, self.rng.choice([0.0, 0.01, 0.15]))

    async def step(self) -> None:
        made, rng = self.made, self.rng
        what = rng.choices(
            [
                "ask",
                "wait",
                "cancel",
                "watch",
                "kill",
                "silence",
                "drain",
                "again",
                "join",
                "leave",
                "stand",
                "stall",
                "go on",
            ],
            [12, 12, 3, 3, 1, 1, 1, 2, 3, 1, 0.5, 2, 3],
        )[0]
        living = [worker for worker in made.workers if not worker.serving.done()]
        if what == "ask":
            for _ in range(rng.choice([1, 5, 40])):
                self.ask()
        elif what == "wait":
            await asyncio.sleep(rng.choice([0.0, 0.005, 0.03, 0.3, 2.0]))
        elif what == "cancel" and made.calls:
            for call in rng.sample(made.calls, min(3, len(made.calls))):
                if not call.task.done():
                    self.cancelled.add(call.job)
                    call.task.cancel()
        elif what == "watch":
            made.asker.watch(rng.sample(range(self.asked + 5), min(self.asked, 3)))
        elif what == "kill" and living:
            await rng.choice(living).kill()
        elif what == "silence" and living:
            rng.choice(living).fall_silent()
        elif what in ("drain", "again"):
            name = rng.choice(["w1", "w2", "w3", "w9"])
            (made.asker.drain if what == "drain" else made.asker.take_again)(name)
        elif what == "join":
            self.join()
        elif what == "leave" and living:
            await asyncio.wait([asyncio.create_task(rng.choice(living).desk.leave())], timeout=0.5)
        elif what == "stall" and living:
            rng.choice(living).stall()
        elif what == "go on":
            for worker in made.workers:
                worker.go_on()
        elif what == "stand":
            jump(rng.choice([0.5, 2.0, 30.0]))

    def ask(self) -> None:
        key = self.rng.randrange(3)
        if self.made.asker.place(self.made.members[key]) is None:
            return
        self.made.ask(self.asked, f"p{self.asked}", key)
        self.asked += 1


@pytest.mark.parametrize("seed", range(40))
def test_every_attempt_ends_once_and_all_that_was_sent_was_told_of(seed: int) -> None:
    @virtual_time(lateness_s=0.002)
    async def scenario() -> None:
        async with bench() as made:
            schedule = Schedule(made, random.Random(seed))
            for _ in range(3):
                schedule.join()
            await asyncio.sleep(0.5)
            for _ in range(150):
                await schedule.step()
            await asyncio.sleep(1.0)
            for worker in made.workers:
                worker.go_on()
                worker.fall_silent()
            await asyncio.sleep(SILENCE_S + LEASE_S)
            check(schedule)

    scenario()


def check(schedule: Schedule) -> None:
    made = schedule.made
    sent = [text for worker in made.workers for _, text in worker.clients.sent]
    assert len(sent) == len(set(sent)), "one attempt was sent twice"
    for call in made.calls:
        assert call.task.done(), "an attempt never ended"
        assert call.told.count("left") <= 1
        check_end(call, is_sent=f"p{call.job}" in sent, is_cancelled=call.job in schedule.cancelled)
    assert all(link.in_flight == 0 for link in made.asker._links.values())
    for worker in made.workers:
        for at, text in worker.clients.sent:
            call = made.calls[int(text[1:])]
            counted_at = call.lefts[0][0] - (call.lefts[0][1] or 0.0)
            late_s = 0.03
            if call.job in schedule.cancelled:  # the word of it is on its way, while the permit is good
                late_s = OLDEST_PERMIT_S + 0.2
            assert at <= counted_at + late_s, "it counts before it was sent"


def check_end(call: Call, *, is_sent: bool, is_cancelled: bool) -> None:
    """What was sent was told of; what was told of in order and once."""
    assert call.lefts or not is_sent, "a request was sent that nobody counted"
    assert call.texts == TEXTS[: len(call.texts)]
    if call.told:
        assert call.told[0] == "left"
    if call.task.cancelled():
        assert is_cancelled
        return
    error = call.task.exception()
    assert error is None or isinstance(error, Lost | NotSent)
    if isinstance(error, NotSent):
        assert not is_sent
        assert not call.lefts
    elif error is None:
        answer = call.task.result()
        assert is_sent
        assert answer.text == "".join(call.texts)
        assert (answer.failure is None) is (call.texts == TEXTS)
