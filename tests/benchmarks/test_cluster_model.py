"""The model of a cluster: flows against events, what binds, and what is said of it."""

from __future__ import annotations

import tracemalloc
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmdash.engine.store.job_columns import JobColumns
from tests.benchmarks.cluster_costs import COLUMN_BYTES, Costs, parsed_cost
from tests.benchmarks.cluster_events import simulate
from tests.benchmarks.cluster_fluid import Cluster, added_s, loads, messages, period_s, saturation
from tests.benchmarks.cluster_model import assumptions, main, sentences, table

_NEVER_TOO_LONG = 1e9
_DEAR = Costs(hand_over=40, message=150)
_CHECKED = {
    "limit": Cluster(workers=20, jobs=30_000, rate=2_000),
    "limit, core full": Cluster(workers=100, jobs=50_000, rate=5_000, costs=_DEAR),
    "in flight": Cluster(workers=10, jobs=40_000, in_flight=500),
    "in flight, core full": Cluster(
        workers=100, jobs=80_000, in_flight=180, longest_s=_NEVER_TOO_LONG, costs=_DEAR
    ),
    "workers": Cluster(workers=10, jobs=60_000, in_flight=600, costs=Costs(call=5_000)),
    "journal": Cluster(workers=10, jobs=60_000, in_flight=800, costs=Costs(journal=400)),
}
"""A batch in which each part binds; a coordinator binds by what it leaves in flight."""
_WAIT_IN_LINE = {"workers", "journal"}
"""Where jobs pile up before the part that binds, as many as may be in flight."""

_clusters = st.builds(
    Cluster,
    workers=st.integers(16, 5_000),
    shards=st.integers(1, 16),
    rate=st.floats(1, 1e6) | st.just(float("inf")),
    in_flight=st.integers(1, 10_000),
    latency_s=st.floats(0.001, 100),
    chunks=st.integers(1, 1_000),
    costs=st.builds(Costs, **{each.name: st.floats(0, 1e5) for each in fields(Costs)}),
)


@pytest.mark.parametrize("name", _CHECKED)
def test_flows_and_events_agree(name: str) -> None:
    """Jobs a second within 4 %; the wait added and the messages within a fifth."""
    cluster = _CHECKED[name]
    _, rate, binding = saturation(cluster)
    outcome = simulate(cluster)
    assert binding == name.partition(",")[0]
    assert outcome.done == cluster.jobs
    assert outcome.rate == pytest.approx(rate, rel=0.04)
    assert outcome.worker_busy == pytest.approx(loads(cluster, rate)["workers"], rel=0.05)
    if name not in _WAIT_IN_LINE:
        sent = 2 * cluster.workers * messages(cluster, rate, period_s(cluster, rate))
        assert outcome.added_s == pytest.approx(added_s(cluster, rate), rel=0.2)
        assert outcome.messages == pytest.approx(sent, rel=0.2)


def test_a_full_core_gathers_more_and_sends_less() -> None:
    """The period at which the core of 100 workers' coordinator is just full is what events show as well."""
    cluster = _CHECKED["limit, core full"]
    assert period_s(cluster, 1_000.0) == cluster.interval_s
    assert period_s(cluster, cluster.rate) > 2 * cluster.interval_s


def test_the_same_seed_gives_the_same_events() -> None:
    cluster = Cluster(workers=3, jobs=500, rate=200)
    assert simulate(cluster, seed=7) == simulate(cluster, seed=7) != simulate(cluster, seed=8)


def test_events_are_of_one_shard() -> None:
    with pytest.raises(ValueError, match="one shard"):
        simulate(Cluster(jobs=10, shards=2))


@given(_clusters)
def test_at_saturation_no_part_has_too_much_and_a_hair_more_is_too_much_for_one(cluster: Cluster) -> None:
    rate, of_shard, binding = saturation(cluster)
    assert all(share <= 1 for share in loads(cluster, of_shard).values())
    assert loads(cluster, of_shard * (1 + 1e-6))[binding] > 1
    assert 0 < rate <= cluster.rate * (1 + 1e-9)


@given(_clusters, st.sampled_from([each.name for each in fields(Costs)]), st.floats(1, 1e5))
def test_a_higher_cost_never_gives_more_jobs(cluster: Cluster, name: str, us: float) -> None:
    dearer = replace(cluster, costs=replace(cluster.costs, **{name: getattr(cluster.costs, name) + us}))
    assert saturation(dearer).rate <= saturation(cluster).rate * (1 + 1e-6)


@given(_clusters)
def test_the_next_job_never_makes_the_period_shorter(cluster: Cluster) -> None:
    rate = saturation(cluster).of_shard
    assert period_s(cluster, rate / 2) <= period_s(cluster, rate) * (1 + 1e-6)


def test_where_the_limit_binds_sharding_gives_nothing() -> None:
    cluster = Cluster(rate=500)
    assert {saturation(replace(cluster, shards=number)).binding for number in (1, 16)} == {"limit"}
    words = sentences(cluster, [1, 2, 4])
    assert "Sharding gives nothing: the organisation's limit binds." in words
    assert not any("times as much" in line for line in words)


@pytest.mark.parametrize(
    ("rate", "said"),
    [(2_000, "A worker gets a message every 20 ms at most"), (1e9, "every 100 ms instead of every 20")],
    ids=["room on the core", "core full"],
)
def test_it_is_said_how_often_messages_go(rate: float, said: str) -> None:
    assert any(said in line for line in sentences(Cluster(rate=rate), [1]))


def test_sharding_ends_where_the_workers_are_full() -> None:
    """Each coordinator has fewer workers to write to, so that two do more than twice as much as one."""
    words = " ".join(sentences(Cluster(), [1, 2, 16, 32, 50]))
    assert saturation(Cluster(shards=2)).rate > 2 * saturation(Cluster()).rate
    assert "2 shards do 2." in words
    assert "More than 16 shards give nothing: the workers' cores binds" not in words
    assert "More than 16 shards give nothing: the workers' cores bind." in words


def test_the_table_has_a_line_for_each_number_of_shards() -> None:
    heading, *lines = table(Cluster(rate=1_000, jobs=3_600_000), [1, 4]).splitlines()
    assert heading.split()[:4] == ["shards", "jobs/s", "hours", "binding"]
    assert [line.split()[:4] for line in lines] == [
        ["1", "1,000", "1.0", "limit"],
        ["4", "1,000", "1.0", "limit"],
    ]


def test_each_cost_stands_with_its_source() -> None:
    """A source says whether it was measured; a cost that was given says so."""
    assert {source.partition(":")[0] for _, source in Costs.sources()} == {"measured", "assumed"}
    shown = assumptions(Cluster(costs=Costs().changed({"commit": 5.0})))
    assert any(line.split() == ["commit", "5.0", "µs", "as", "given"] for line in shown)
    assert all(any(line.startswith(name) for line in shown) for name, _ in Costs.sources())


def test_the_memory_of_a_job_is_what_its_columns_take() -> None:
    jobs = 100_000
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        columns = JobColumns(jobs, range(jobs))
        for job in range(jobs):
            columns.begin(job)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (after - before) / jobs == pytest.approx(COLUMN_BYTES, rel=0.1)


@pytest.mark.parametrize(
    "text", ["rain=1", "call", "call=", "call=-1", "call=nan", "call=inf", "=1", "call=1e99"]
)
def test_a_cost_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"no cost is called|not from 0|could not convert"):
        parsed_cost(text)


@pytest.mark.parametrize(
    "words",
    [
        ["--workers", "2", "--shards", "3"],
        ["--workers", "0"],
        ["--jobs", "9" * 400],
        ["--rate", "0"],
        ["--rate", "nan"],
        ["--latency", "inf"],
        ["--cost", "rain=1"],
    ],
    ids=" ".join,
)
def test_what_no_cluster_has_is_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert "error:" in capsys.readouterr().err


def test_the_command_prints_what_was_asked_what_came_and_what_was_assumed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    main(
        [
            "--workers",
            "10",
            "--jobs",
            "1,000,000",
            "--shards",
            "1",
            "2",
            "--rate",
            "250",
            "--cost",
            "call=2000",
        ]
    )
    printed = capsys.readouterr().out
    assert printed.startswith("10 workers, 1,000,000 jobs, a limit of 250 jobs/s")
    assert "share one\n  limit by leases" in printed
    assert "2,000.0 µs  as given" in printed


@pytest.mark.parametrize(
    "words",
    [
        ["--workers", "1", "--jobs", "1", "--shards", "1"],
        ["--jobs", "1000000000000", "--workers", "1000000000000", "--shards", "1000000"],
        ["--rate", "0.001", "--latency", "86400", "--in-flight", "1", "--chunks", "1000000000000"],
        [f"--cost={each.name}=0" for each in fields(Costs)],
        [f"--cost={each.name}=1e9" for each in fields(Costs)],
    ],
    ids=["least", "most", "slowest", "free", "dear"],
)
def test_the_ends_of_what_may_be_asked_give_figures(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    main(words)
    printed = capsys.readouterr().out
    assert "nan" not in printed
    assert "inf" not in printed.replace("information", "")
