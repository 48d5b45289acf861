"""Experiments one after the other behind one session: what is shown, what is counted, how they are ended."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from llmdash.compare.session import ComparingSession
from llmdash.compare.ways import AT_ONCE, Experiment, models_of, ways
from llmdash.config import Settings
from llmdash.config.prices import Price, Prices
from llmdash.engine.model.commands import Cancel, Drain, SetRate
from llmdash.engine.model.ending import Ending
from llmdash.engine.model.states import RunState
from llmdash.engine.model.view import JobsView, StreamView, View
from llmdash.launch.compare import Bench, practice
from llmdash.launch.run_input import Input
from llmdash.prompts.source import Prompt, PromptList
from llmdash.runs.catalogue import title_of
from llmdash.secrets import Secret
from tests.simulated import Simulated
from tests.waiting import first, wait_for

Simulator = Callable[..., Simulated]
ONE_BY_ONE = Experiment("serial", "serial, one key", 1, keys=1)
AT_THE_SAME_TIME = Experiment("all-keys", "concurrent, all keys", 8)
LOOK = View(jobs=JobsView(height=0))


def bench(
    folder: Path, endpoint: Simulated, jobs: int = 8, prices: Prices | None = None, **options: Any
) -> Bench:
    """A bench over `jobs` questions, each with `options`, at `endpoint`."""
    prompts = [Prompt(str(n), (("user", f"What is {n} + 1?"),), str(n + 1), options) for n in range(jobs)]
    settings = Settings(base_url=endpoint.base_url, keys=tuple(map(Secret, endpoint.keys)))
    source = PromptList("sums", "0" * 64, prompts)
    return Bench(source, Input(), settings, folder, prices or Prices())


def ended(session: ComparingSession) -> ComparingSession:
    session.start()
    session.join()
    if session.crash is not None:
        raise session.crash
    return session


def test_the_frame_follows_the_experiment_that_runs_and_keeps_the_last(
    simulator: Simulator, tmp_path: Path
) -> None:
    session = ComparingSession(bench(tmp_path, simulator()), (ONE_BY_ONE, AT_THE_SAME_TIME))
    before = session.frame(LOOK).run
    assert (before.name, before.jobs, before.queued) == ("compare", 8, 8)
    ended(session)
    last = session.frame(LOOK).run
    assert (last.name, last.keys, last.done) == ("compare 2/2 · concurrent, all keys", 3, 8)
    assert [row.run.name for row in session.rows] == ["compare 1/2 · serial, one key", last.name]
    assert [row.run.keys for row in session.rows] == [1, 3]
    assert [title_of(row.folder) for row in session.rows if row.folder] == ["sums serial", "sums all-keys"]


def test_the_text_a_front_end_holds_of_one_experiment_is_not_gone_on_with_in_the_next(
    simulator: Simulator, tmp_path: Path
) -> None:
    endpoint, look = simulator(), View(stream=StreamView(job=3))
    before = ended(ComparingSession(bench(tmp_path / "a", endpoint), (ONE_BY_ONE,))).frame(look).stream
    assert "".join(before.chunks) == "3 + 1 = 4."
    holding = View(stream=StreamView(job=3, seen_job=3, seen_attempt=1, seen=len(before.chunks)))
    session = ended(ComparingSession(bench(tmp_path / "b", endpoint), (ONE_BY_ONE, AT_THE_SAME_TIME)))
    assert session.frame(holding).stream.chunks == before.chunks
    assert session.frame(holding).stream.chunks == ()


def test_notices_of_all_experiments_are_numbered_on(simulator: Simulator, tmp_path: Path) -> None:
    """A rate that cannot be brings a notice; in a second experiment its own count begins anew.

    Each is so slow that it has not ended before its notice is seen.
    """
    session = ComparingSession(bench(tmp_path, simulator()), (SLOW, SLOW_AGAIN))
    session.start()
    asked: set[str] = set()
    told: dict[str, list[int]] = {}
    while session.alive:
        frame = session.frame(LOOK)
        if frame.run.done and frame.run.name not in asked:
            asked.add(frame.run.name)
            session.command(SetRate(-1.0))
        if frame.notices and frame.run.name not in told:
            told[frame.run.name] = [notice.serial for notice in frame.notices]
            session.command(SetRate(1000.0))
    before, after = told.values()
    assert max(before) < min(after)
    assert session.frame(View(notices_after=max(after))).notices == ()


def test_a_notice_that_nobody_looked_at_in_time_keeps_its_number(
    simulator: Simulator, tmp_path: Path
) -> None:
    """A front end may get it from a frame that it asked for before the experiment ended."""
    session = ComparingSession(bench(tmp_path, simulator()), (SLOW, SLOW_AGAIN))
    session.start()
    wait_for(lambda: session.frame(BLIND).run.done, "an answer")
    late = session._session
    assert late is not None
    session.command(SetRate(-1.0))
    session.command(SetRate(1000.0))
    wait_for(lambda: session.place == 2 and session.frame(BLIND).run.done, "the next experiment")
    session.command(SetRate(-1.0))
    second = first(lambda: session.frame(LOOK).notices, bool, "its notice")
    assert late.frame(LOOK).notices[-1].serial < second[0].serial
    session.command(SetRate(1000.0))
    session.join()


BLIND = View(jobs=JobsView(height=0), notices_after=1_000)
SLOW = Experiment("slow", "slow", 1, rate=0.1, keys=1)
SLOW_AGAIN = Experiment("again", "again", 1, rate=0.1, keys=1)


def test_to_drain_one_ends_them_all_and_its_row_says_it_is_not_whole(
    simulator: Simulator, tmp_path: Path
) -> None:
    endpoint = simulator(answers=0)
    session = ComparingSession(bench(tmp_path, endpoint), (ONE_BY_ONE, AT_THE_SAME_TIME))
    session.start()
    wait_for(lambda: session.frame(LOOK).run.in_flight, "a request")
    session.command(Drain())
    wait_for(lambda: session.frame(LOOK).run.state is RunState.DRAINING, "the drain")
    endpoint.let_go()
    session.join()
    assert session.ending is Ending.STOPPED
    assert [(row.name, row.whole, row.tuned) for row in session.rows] == [("serial", False, True)]


def test_stopped_before_it_began_nothing_is_sent(simulator: Simulator, tmp_path: Path) -> None:
    endpoint = simulator()
    session = ComparingSession(bench(tmp_path, endpoint), (ONE_BY_ONE,))
    session.command(Cancel())
    session.start()
    session.join()
    assert (session.rows, session.alive, endpoint.stats()["requests"]) == ((), False, 0)


def test_a_folder_that_holds_a_run_already_is_a_crash_that_the_frame_shows(
    simulator: Simulator, tmp_path: Path
) -> None:
    endpoint = simulator()
    ended(ComparingSession(bench(tmp_path, endpoint), (ONE_BY_ONE,)))
    again = ComparingSession(bench(tmp_path, endpoint), (ONE_BY_ONE,))
    again.start()
    again.join()
    assert again.crash is not None
    assert again.frame(LOOK).run.state_detail != ""
    assert endpoint.stats()["requests"] == 8


def test_the_cost_is_that_of_every_token_at_the_price_of_its_model(
    simulator: Simulator, tmp_path: Path
) -> None:
    prices = Prices({"gpt-4o-mini": Price(1.0, 10.0)})
    row = ended(ComparingSession(bench(tmp_path, simulator(), prices=prices), (AT_THE_SAME_TIME,))).rows[0]
    run = row.run
    assert run.input_tokens > 0
    assert row.cost == pytest.approx((run.input_tokens + 10 * run.output_tokens) / 1e6)
    assert row.slowest_s is not None
    assert row.slowest_s <= row.calls_s


def test_the_price_is_that_of_the_model_a_prompt_asks_for(simulator: Simulator, tmp_path: Path) -> None:
    prices = Prices({"gpt-4o-mini": Price(1.0, 10.0), "dear": Price(100.0, 100.0)})
    session = ComparingSession(bench(tmp_path, simulator(), prices=prices, model="dear"), (AT_THE_SAME_TIME,))
    row = ended(session).rows[0]
    assert row.cost == pytest.approx(100 * (row.run.input_tokens + row.run.output_tokens) / 1e6)


def test_where_a_price_is_not_known_neither_is_the_cost(simulator: Simulator, tmp_path: Path) -> None:
    assert ended(ComparingSession(bench(tmp_path, simulator()), (AT_THE_SAME_TIME,))).rows[0].cost is None


def test_to_compare_models_overrules_the_one_a_prompt_asks_for(simulator: Simulator, tmp_path: Path) -> None:
    prices = Prices({"a": Price(1.0, 1.0), "b": Price(2.0, 2.0)})
    lab = bench(tmp_path, simulator(), prices=prices, model="other")
    first, second = ended(ComparingSession(lab, models_of(("a", "b"), 8, lab.settings))).rows
    assert (first.run.model, second.run.model) == ("a", "b")
    assert first.cost is not None
    assert second.cost is not None
    tokens = second.run.input_tokens + second.run.output_tokens
    assert second.cost == pytest.approx(2 * tokens / 1e6)


@pytest.mark.parametrize(
    ("settings", "keys", "skip", "names", "at_once"),
    [
        (Settings(), 3, (), ["serial", "one-key", "all-keys", "limited"], 90),
        (Settings(), 1, (), ["serial", "one-key", "limited"], 90),
        (Settings(rate=None, rate_given=True), 3, ("serial",), ["one-key", "all-keys"], 90),
        (
            Settings(concurrency=7, concurrency_given=True),
            3,
            ("limited",),
            ["serial", "one-key", "all-keys"],
            7,
        ),
    ],
)
def test_which_ways_there_are(
    settings: Settings, keys: int, skip: tuple[str, ...], names: list[str], at_once: int
) -> None:
    found = ways(90, keys, settings, skip=skip)
    assert [way.name for way in found] == names
    assert found[-1].concurrency == at_once


def test_a_huge_file_is_not_sent_all_at_once() -> None:
    assert {way.concurrency for way in ways(1_000_000, 2, Settings())} == {1, AT_ONCE}


def test_one_practises_without_limits_and_faults() -> None:
    settings = practice(3.7)
    assert (settings.latency, settings.rpm, settings.error_rate, len(settings.keys)) == (3.7, 0.0, 0.0, 3)
