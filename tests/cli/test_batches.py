"""`llmdash batches`: what is with a provider, from the command line; and what else says so."""

from __future__ import annotations

import asyncio
import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from llmdash.cli import main
from llmdash.engine.journal.file import Group, JournalFile
from llmdash.engine.journal.lock import RunLock
from llmdash.engine.journal.reader import JournalReader
from llmdash.engine.model.batch_terms import BatchTerms
from llmdash.engine.model.records import AttemptRecord, BatchRecord
from llmdash.engine.model.states import RunState
from llmdash.launch.batching import restored_terms
from llmdash.llms.batches import BatchDraft, BatchStatus
from llmdash.llms.transport.http import HttpClient
from tests.cli.command import Ended, environment, llmdash, prompts, start
from tests.doctor.damage import sql
from tests.llms.batch_services.services import service, written_file
from tests.runs.kept import FACTS, keep, totals
from tests.simulated import Simulated
from tests.waiting import wait_for

Simulator = Callable[..., Simulated]

HOSTILE = "\x1b]52;c;x\x07[red]\u202e"


@pytest.fixture(autouse=True)
def _data_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


def cli(*arguments: object) -> Result:
    return CliRunner().invoke(main, [*map(str, arguments)])


def batch(number: int, state: str = "out", **more: Any) -> BatchRecord:
    """A batch of two jobs, made an hour ago and open for 23 more."""
    now = time.time()
    known = {
        "provider_id": f"batch_{number}",
        "created_at": now - 3_600,
        "expires_at": now + 82_800,
        "word": "in_progress",
        **more,
    }
    names = ("here", "gpt-x", "a", f"r1-{number}", f".llmdash-batch-{number}.jsonl", "0" * 64)
    return BatchRecord(number, state, *names, 400, 2, 60, now - 3_600, **known)


def kept(name: str = "20260103-000000-c", *batches: BatchRecord, **facts: Any) -> Path:
    """A run of four jobs, of which some are in these batches, two each."""
    at_rest = totals(RunState.STOPPED, done=0, failed=0)
    folder = keep(name, {**FACTS, **at_rest, **facts})
    attempts = [
        AttemptRecord(job, 1, "a", "batched" if each.state not in ("closed", "dropped") else "ok", 1e9,
                      input_tokens=None if each.state != "closed" else 500_000,
                      output_tokens=None if each.state != "closed" else 250_000,
                      model="gpt-x", batch=each.batch)
        for place, each in enumerate(batches)
        for job in (2 * place, 2 * place + 1)
    ]  # fmt: skip
    journal = JournalFile.open(folder)
    journal.write(Group(attempts=attempts, batches=list(batches)))
    journal.close()
    return folder


def test_the_batches_of_a_run_are_listed_with_what_is_known_of_each() -> None:
    kept("20260103-000000-c", batch(1, done=1, failed=0), batch(2, "held", word=None, detail="two may be it"))
    result = cli("batches", "last")
    assert result.exit_code == 10
    lines = result.stdout.splitlines()
    assert lines[0].startswith("sums  ")
    assert lines[1].split() == [
        "batch",
        "state",
        "key",
        "jobs",
        "left",
        "done",
        "age",
        "expires",
        "in",
        "cost",
    ]
    assert lines[2].split()[:8] == ["1", "out", "(in_progress)", "a", "2", "2", "1", "(50%)"]
    assert "batch_1  gpt-x @ here" in lines[3]
    assert "two may be it" in result.stdout
    assert "say which with: llmdash batches adopt " not in result.stdout, "its id is known"
    assert "--batch-abandon" in result.stdout
    assert lines[-2].startswith("Come back with: llmdash run --resume --run-dir ")


def test_json_has_an_object_for_each_batch_with_the_fields_of_the_summary() -> None:
    kept("20260103-000000-c", batch(1, done=1, failed=0))
    (found,) = map(json.loads, cli("batches", "last", "--json").stdout.splitlines())
    assert list(found)[:13] == [
        *("run", "batch", "id", "provider", "key", "state", "jobs", "done", "failed", "expired"),
        *("created_at", "expires_at", "cost"),
    ]
    assert (found["run"], found["batch"], found["id"], found["state"]) == (
        "20260103-000000-c",
        1,
        "batch_1",
        "out",
    )
    assert (found["left"], found["model"], found["word"]) == (2, "gpt-x", "in_progress")


def test_what_came_back_has_the_price_of_batches_or_at_most_that_of_single_requests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    kept("20260103-000000-c", batch(1, "closed"))
    prices = '[prices."gpt-x"]\ninput = 1.0\noutput = 2.0\n'
    for share, cost, is_most in (("batch = 0.5\n", 1.0, False), ("", 2.0, True)):  # 2 x (0.5 + 0.5)
        (tmp_path / "llmdash.toml").write_text(prices + share)
        result = cli("batches", "last", "--json")
        assert result.exit_code == 0
        found = json.loads(result.stdout)
        assert (found["cost"], found["cost_is_most"]) == (cost, is_most)
    assert "≤$2.00" in cli("batches", "last").stdout


def test_without_a_run_those_of_every_run_with_open_ones_are_listed() -> None:
    kept("20260101-000000-a", batch(1, "closed"))
    kept("20260102-000000-b", batch(1))
    kept("20260103-000000-c", batch(1), batch(2))
    keep("20260104-000000-d")
    found = [json.loads(line) for line in cli("batches", "--json").stdout.splitlines()]
    assert [(each["run"][-1], each["batch"]) for each in found] == [("c", 1), ("c", 2), ("b", 1)]


def test_where_none_is_open_that_is_said_and_the_code_is_0() -> None:
    keep("20260104-000000-d")
    for arguments in ((), ("last",), ("collect",), ("collect", "last")):
        result = cli("batches", *arguments)
        assert (result.exit_code, result.stdout) == (0, "")
        assert "open" in result.stderr or "No batches" in result.stderr


def test_what_hinders_one_of_several_runs_is_said_and_hinders_no_other() -> None:
    kept("20260102-000000-b", batch(1))
    at_work = kept("20260103-000000-c", batch(1))
    lock = RunLock(at_work)
    try:
        result = cli("batches", "collect")
    finally:
        lock.release()
    assert result.exit_code == 2  # the other one has no input any more
    locked, lost = result.stderr.splitlines()
    assert "works on this run, and collects what comes back" in locked
    assert lost.startswith("llmdash: ")


def test_words_of_a_provider_reach_no_terminal_as_they_are() -> None:
    hostile = {"provider_id": HOSTILE, "word": HOSTILE, "detail": HOSTILE}
    kept("20260103-000000-c", batch(1, **hostile), title=HOSTILE)
    said = cli("batches").stdout
    assert "\x1b" not in said
    assert "\u202e" not in said


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("cancel", "last", 7), "no batch 7 of this run is open; open: 1, 2"),
        (("cancel", "last", 2), "batch 2 is held: two may be it"),
        (("adopt", "last", 1, "batch_9"), "batch 1 is batch_1 at the provider"),
        (("adopt", "last", 3, "batch_9"), "no batch 3 of this run is open"),
        (("cancel", "20260101"), "no batch of this run is open"),
    ],
)
def test_what_cannot_be_done_with_a_batch_is_refused_before_the_run_is_opened(
    arguments: tuple[Any, ...], why: str
) -> None:
    keep("20260101-000000-a")
    kept("20260103-000000-c", batch(1), batch(2, "held", provider_id=None, detail="two may be it"))
    result = cli("batches", *arguments)
    assert result.exit_code == 2
    assert why in result.stderr


def test_a_run_with_open_batches_is_listed_as_such_and_leads_to_them() -> None:
    folder = kept("20260103-000000-c", batch(1))
    (record,) = map(json.loads, cli("runs", "--json", "--state", "batched").stdout.splitlines())
    assert (record["state"], record["batched"], record["pending"]) == ("batched", 2, 4)
    shown = cli("runs", "show", "last").stdout
    assert f"llmdash batches collect {folder}" in shown
    assert "2 sent in batches that are open" in shown


def test_a_run_with_open_batches_is_deleted_only_on_demand_and_never_pruned() -> None:
    folder = kept("20260103-000000-c", batch(1))
    result = cli("runs", "delete", "last", "--yes")
    assert result.exit_code == 10
    assert f"llmdash batches collect {folder}" in result.stderr
    assert "Nothing is to go" in cli("runs", "prune", "--keep-last", 0, "--unfinished", "--yes").stdout
    assert folder.is_dir()
    assert cli("runs", "delete", "last", "--yes", "--with-batches").exit_code == 0
    assert not folder.exists()


def test_where_a_service_keeps_no_names_the_doctor_knows_a_batch_by_its_file(
    tmp_path: Path, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = simulator()
    base_url = f"{provider.root}/together/v1"

    async def made() -> BatchStatus:
        found = service("chat", client=HttpClient(), base_url=base_url, api_key=provider.keys[0])
        file = written_file(found, tmp_path / "in", found.line("a", "What is 1 + 1?", None, {}))
        file_id = await found.upload(file, "r1-1.jsonl")
        return await found.create(BatchDraft(file, "r1-1", "m", 1, file_id))

    status = asyncio.run(made())
    monkeypatch.setenv("OPENAI_BASE_URL", base_url)
    monkeypatch.setenv("OPENAI_API_KEY", provider.keys[0])
    folder = kept(
        "20260103-000000-d", batch(1, "creating", provider_id=None, file_id=status.file_id), batch_run="1"
    )
    said = cli("doctor", folder, "--online").stdout
    assert f"the provider has {status.id} (r1-1, " in said
    assert f"llmdash batches adopt {folder} 1 {status.id}" in " ".join(said.split())


def test_jobs_are_left_with_a_provider_collected_cancelled_and_gone_on_with(
    tmp_path: Path, simulator: Simulator
) -> None:
    """The whole way, as a script goes it; exit code 10 while jobs are with a provider."""
    provider = simulator(strict=False, batch_speed=5_000)
    env = environment(tmp_path, provider, XDG_DATA_HOME=str(tmp_path / "data"))
    provider.order_batches(stuck=True, vain=True)
    prompts(tmp_path, 40)

    def said(*arguments: object) -> Ended:
        return llmdash(*arguments, cwd=tmp_path, env=env)

    options = ("--headless", "--json", "--run-dir", "run")
    ended = said("run", "p.txt", "--batch", "--batch-leave", "--batch-size", 20, *options)
    assert (ended.code, ended.summary["batched"], len(ended.summary["batches"])) == (10, 39, 2)
    assert "39 prompts are with a provider, in 2 batches; come back with: llmdash run --resume" in ended.err
    assert "no batch of this run is with a provider but not here" in said("doctor", "run", "--online").out
    shutil.copytree(tmp_path / "run", tmp_path / "copy")
    sql(tmp_path / "copy", "DELETE FROM batches WHERE batch = 2")
    (found,) = [
        line
        for line in said("doctor", "copy", "--online").out.splitlines()
        if "not on record" in line and "the provider has" in line
    ]
    assert provider.batches()["batches"][1]["id"] in found
    ended = said("batches", "cancel", "run", 2, "--json")
    assert (ended.code, ended.summary["batches"][1]["state"]) == (10, "cancelling")
    assert provider.batches()["calls"]["cancel"] == 1
    with start("run", "--resume", *options, "--rate", "1/min", cwd=tmp_path, env=env) as at_work:
        wait_for((tmp_path / "run" / "engine.json").exists, "it to listen")
        refused = said("batches", "collect", "run")
        assert (refused.code, "collects what comes back" in refused.err) == (6, True)
        assert said("batches", "cancel", "run", 1).code == 10
        at_work.terminate()
        at_work.communicate()
    provider.order_batches(reset=True)
    ended = said("batches", "collect", "run", "--wait", "--json")
    assert (ended.code, ended.summary["batched"]) == (0, 0)
    ended = said("run", "--resume", *options, "--rate", "unlimited")
    assert (ended.code, ended.summary["done"], ended.summary["unknown"]) == (0, 40, 0)
    assert provider.executions()["twice"] == {}


def unbatchable(folder: Path, simulator: Simulator) -> tuple[Simulated, Callable[..., Ended]]:
    """A provider that takes no batches of a model, and what runs twelve prompts with it."""
    provider = simulator(strict=False, batch_speed=5_000)
    env = environment(folder, provider, XDG_DATA_HOME=str(folder / "data"))
    provider.order_batches(unbatchable=["gpt-4o-mini"])
    prompts(folder, 12)
    options = ("--headless", "--json", "--run-dir", "run", "--model", "gpt-4o-mini")
    return provider, lambda *arguments: llmdash("run", *arguments, *options, cwd=folder, env=env)


def test_what_no_batch_takes_is_held_and_sent_one_by_one_only_on_demand(
    tmp_path: Path, simulator: Simulator
) -> None:
    provider, said = unbatchable(tmp_path, simulator)
    ended = said("p.txt", "--batch", "--batch-only")
    assert (ended.code, ended.summary["done"], ended.summary["held"]) == (9, 1, "batches")
    assert "11 prompts pending; resume it with: llmdash run --resume" in ended.err
    assert ended.err.rstrip().endswith("--release")
    assert said("--resume").code == 9
    assert provider.executions()["live"] == 1
    ended = said("--resume", "--release")
    assert (ended.code, ended.summary["done"]) == (0, 12)
    assert provider.executions()["twice"] == {}
    later = restored_terms(BatchTerms(), JournalReader(tmp_path / "run").facts())
    assert not later.all_pending and not later.only, "a later resume goes on one by one"


def test_releasing_a_trial_does_not_send_one_by_one_what_goes_in_batches_only(
    tmp_path: Path, simulator: Simulator
) -> None:
    provider, said = unbatchable(tmp_path, simulator)
    ended = said("p.txt", "--trial", 2, "--batch", "--batch-only")
    assert (ended.code, ended.summary["held"]) == (9, "trial")
    ended = said("--resume", "--release")
    assert (ended.code, ended.summary["held"], ended.summary["done"]) == (9, "batches", 2)
    provider.order_batches(unbatchable=[])
    ended = said("--resume", "--release")
    assert (ended.code, ended.summary["done"], provider.executions()["batch"]) == (0, 12, 0)
