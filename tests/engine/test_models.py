"""A job that names a model goes to a key that serves it, and never holds up the others."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmdash.engine.model.commands import ReviveKey
from llmdash.engine.model.ending import Ending
from llmdash.engine.model.states import RunState
from llmdash.engine.plan import RunPlan
from llmdash.engine.pool.member import Endpoint, Member
from llmdash.engine.pool.pool import KeyPool
from llmdash.engine.pool.terms import ANY_KEY
from llmdash.llms.wire.failures import FailureKind
from llmdash.prompts.source import Prompt, RequestBody
from tests.engine.pools import Clock, Silent
from tests.engine.scripted import (
    ScriptedLLM,
    Server,
    assert_balanced,
    echo,
    failing,
    of,
    plan,
    records,
    run,
    started,
    until,
)

pytestmark = pytest.mark.case("wire", "headers-query-auth")

MODELS = ("m-a", "m-b", "m-c")


def prompt(number: int, model: str | None) -> Prompt:
    """Every other one names its model in the body it brings."""
    messages = (("user", f"{model} {number}"),)
    if model is None:
        return Prompt(f"p{number}", messages)
    if number % 2:
        return Prompt(f"p{number}", messages, body=RequestBody("chat", {"model": model}))
    return Prompt(f"p{number}", messages, options={"model": model})


def divided(
    folder: Path,
    server: Server,
    models: Sequence[str | None],
    keys: Sequence[frozenset[str] | None],
    **more: Any,
) -> RunPlan:
    """A run over prompts that name `models`, with keys of which each serves certain ones."""

    @asynccontextmanager
    async def connect() -> AsyncIterator[list[Member]]:
        yield [
            Member(ScriptedLLM(server, f"k{n}"), f"k{n}", Endpoint(f"e{n}"), models=served)
            for n, served in enumerate(keys)
        ]

    source = of([prompt(number, model) for number, model in enumerate(models)])
    return replace(plan(folder, server, source, keys=len(keys), **more), connect=connect)


A, B = frozenset({"m-a", "m-c"}), frozenset({"m-b"})


def test_each_job_goes_to_a_key_that_serves_its_model(tmp_path: Path) -> None:
    seen: list[tuple[str, str]] = []

    def script(key: str, text: str, before: int) -> list[Any]:
        seen.append((key, text.split()[0]))
        return echo(key, text, before)

    server = Server(script)
    session = run(divided(tmp_path, server, [*MODELS, None] * 20, [A, B]))
    frame = assert_balanced(session, server)
    assert frame.run.done == 80
    assert {(key, model) for key, model in seen if model != "None"} == {
        ("k0", "m-a"), ("k0", "m-c"), ("k1", "m-b")
    }  # fmt: skip


def test_a_model_that_nobody_serves_is_refused_by_name_and_never_sent(tmp_path: Path) -> None:
    server = Server()
    session = run(divided(tmp_path, server, ["m-a", "m-x", "m-b", "m-x"], [A, B]))
    assert {result.state for result in records(session)} == {"done", "failed"}
    refused = [result for result in records(session) if result.state == "failed"]
    assert [result.index for result in refused] == [1, 3]
    assert {result.error for result in refused} == {
        "model 'm-x' is at no endpoint; name it there: models = [...]"
    }
    assert sum(server.asked.values()) == 2


def test_where_any_key_serves_any_model_the_model_does_not_matter(tmp_path: Path) -> None:
    server = Server()
    session = run(divided(tmp_path, server, ["m-a", "m-x", None], [None, None]))
    assert assert_balanced(session, server).run.done == 3


def refusing_a(key: str, text: str, before: int) -> list[Any]:
    if key == "k0":
        return failing(FailureKind.AUTH, "bad key", status=401)
    return echo(key, text, before)


def test_jobs_of_a_model_without_a_usable_key_hold_nobody_up_and_stay_pending(tmp_path: Path) -> None:
    server = Server(refusing_a)
    session = run(divided(tmp_path, server, ["m-a", "m-a", *["m-b"] * 20], [A, B], concurrency=2))
    assert session.ending is Ending.NO_KEY
    assert sorted(result.index for result in records(session)) == list(range(2, 22))


def test_a_run_that_stays_pauses_until_the_key_is_revived(tmp_path: Path) -> None:
    refuses = [True]

    def script(key: str, text: str, before: int) -> list[Any]:
        return refusing_a(key, text, before) if refuses[0] else echo(key, text, before)

    server = Server(script)
    with started(divided(tmp_path, server, ["m-a", "m-b"], [A, B], stay=True)) as session:
        until(session, lambda frame: frame.run.done == 1 and frame.run.state is RunState.PAUSED)
        refuses[0] = False
        session.command(ReviveKey("k0"))
        until(session, lambda frame: frame.run.done == 2)


@given(
    st.lists(st.sampled_from([A, B, frozenset({"m-a", "m-b"}), None]), min_size=1, max_size=5),
    st.lists(st.sampled_from([*MODELS, None]), max_size=60),
)
def test_no_lease_goes_to_a_key_that_does_not_serve_the_model(
    keys: list[frozenset[str] | None], models: list[str | None]
) -> None:
    clock = Clock()
    pool = KeyPool(
        [Member(Silent(), f"k{n}", models=served, clock=clock) for n, served in enumerate(keys)], clock
    )
    for model in models:
        terms = pool.with_model(ANY_KEY, model)
        served = any(member.serves(model) for member in pool.members)
        lease = pool.choose(terms) if terms is not None else None
        assert (lease is not None) == served == (terms is not None and pool.may_lease(0, terms))
        if lease is not None:
            assert lease.member.serves(model)
            pool.was_cut(lease)
    assert pool.is_divided == any(served is not None for served in keys)
