"""What the folder of a run keeps, and how much room kept runs may take, from the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from llmdash.engine.journal.lock import holder_of
from llmdash.engine.journal.reader import JournalReader
from tests.cli.command import Ended, configure, environment, llmdash, results, start
from tests.runs.kept import FACTS, ended, keep, totals
from tests.simulated import Simulated
from tests.waiting import wait_for

CANARY = "canary-93af"
Simulator = Callable[..., Simulated]


def prompts(folder: Path, number: int = 40) -> Path:
    path = folder / "prompts.jsonl"
    rows = [
        {"id": f"job-{n}", "prompt": f"{CANARY} {n}", "expected": f"{CANARY} x", "note": f"{CANARY} note"}
        for n in range(number)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def traces(folder: Path) -> list[str]:
    return [
        path.name for path in folder.rglob("*") if path.is_file() and CANARY.encode() in path.read_bytes()
    ]


RUN = ("run", "prompts.jsonl", "--headless", "--rate", "unlimited", "--run-dir", "kept")


def test_keep_none_leaves_no_text_in_the_folder_and_goes_on_after_a_kill(
    simulator: Simulator, tmp_path: Path
) -> None:
    endpoint = simulator(answers=55, error_rate=0.1)
    env, options = environment(tmp_path, endpoint), ("--keep", "none", "--out", "r.jsonl")
    more = ("--system", f"{CANARY} be brief", "--carry", "note")
    prompts(tmp_path, 300)
    with start(*RUN, *options, *more, "--concurrency", "8", cwd=tmp_path, env=env) as run:
        wait_for(lambda: endpoint.stats()["requests"] >= 60)
        assert traces(tmp_path / "kept") == []
        run.kill()
        run.communicate()
    endpoint.let_go()
    assert traces(tmp_path / "kept") == []
    before = {row.job for row in JournalReader(tmp_path / "kept").ended()}
    sent = endpoint.stats()["requests"]
    again = ("run", "--resume", "--run-dir", "kept", "--headless", "--rate", "unlimited")
    lacking = llmdash(*again, cwd=tmp_path, env=env)
    assert (lacking.code, "give --system again" in lacking.err) == (2, True)
    ended_well = llmdash(*again, "--system", f"{CANARY} be brief", cwd=tmp_path, env=env)
    assert ended_well.code in (0, 3), ended_well
    assert endpoint.stats()["requests"] - sent <= (300 - len(before)) * 1.5
    lines = results(tmp_path / "r.jsonl")
    assert [line["index"] for line in lines] == list(range(300))
    assert all(line["text"] for line in lines if line["state"] == "done")
    assert {line["input"]["note"] for line in lines} == {f"{CANARY} note"}
    assert traces(tmp_path / "kept") == []
    exported = llmdash("runs", "export", "kept", "other.csv", cwd=tmp_path, env=env)
    assert "keeps no texts" in exported.out
    assert CANARY not in (tmp_path / "other.csv").read_text()
    assert llmdash("doctor", "kept", cwd=tmp_path, env=env).code == 0


@pytest.mark.parametrize(
    "options",
    [(), ("--out", "r.csv"), ("--out", "r.batch.jsonl"), ("--out", "/dev/stdout"), ("--keep", "some")],
)
def test_keep_none_needs_a_file_that_takes_answers_as_they_arrive(
    options: tuple[str, ...], tmp_path: Path
) -> None:
    prompts(tmp_path)
    ended = llmdash(*RUN, "--simulate", "--keep", "none", *options, cwd=tmp_path, env=environment(tmp_path))
    assert ended.code == 2
    assert not (tmp_path / "kept").exists()


def test_keep_none_takes_no_standard_input_and_no_comparison(tmp_path: Path) -> None:
    prompts(tmp_path)
    env = environment(tmp_path, LLMDASH_KEEP="none")
    piped = llmdash(
        *("run", "-", "--headless", "--simulate", "--out", "r.jsonl"), cwd=tmp_path, env=env, given="why?\n"
    )
    assert (piped.code, "standard input" in piped.err) == (2, True)
    compared = llmdash("compare", "prompts.jsonl", "--simulate", "--limit", "2", cwd=tmp_path, env=env)
    assert compared.code == 2
    assert traces(tmp_path / ".local") == []


def test_a_resume_keeps_what_the_run_was_begun_with(tmp_path: Path) -> None:
    prompts(tmp_path)
    env, resume = environment(tmp_path), ("run", "--resume", "--run-dir", "kept", "--headless")
    begun = llmdash(
        *RUN, "--simulate", "--limit", "5", "--keep", "none", "--out", "r.jsonl", cwd=tmp_path, env=env
    )
    assert begun.code == 0, begun
    assert llmdash(*resume, "--keep", "all", cwd=tmp_path, env=env).code == 2
    assert llmdash(*resume, "--out", "other.jsonl", cwd=tmp_path, env=env).code == 2
    grown = llmdash(*resume, "--limit", "9", "--rate", "unlimited", cwd=tmp_path, env=env)
    assert grown.code == 0, grown
    assert [line["index"] for line in results(tmp_path / "r.jsonl")] == list(range(9))
    assert traces(tmp_path / "kept") == []


def test_keep_all_has_the_prompts_without_the_input_file(tmp_path: Path) -> None:
    path = prompts(tmp_path, 5)
    env = environment(tmp_path, LLMDASH_KEEP="all")
    assert llmdash(*RUN, "--simulate", cwd=tmp_path, env=env).code == 0
    path.unlink()
    kept = JournalReader(tmp_path / "kept").message(3)
    assert json.loads(kept or "") == [{"role": "user", "content": f"{CANARY} 3"}]
    shown = json.loads(llmdash("runs", "--json", cwd=tmp_path, env=env).out)
    assert (shown["keep"], shown["dir"]) == ("all", str(tmp_path / "kept"))


def test_a_run_elsewhere_is_listed_until_its_folder_is_gone(tmp_path: Path) -> None:
    prompts(tmp_path, 3)
    env = environment(tmp_path)
    assert llmdash(*RUN, "--simulate", cwd=tmp_path, env=env).code == 0
    assert json.loads(llmdash("runs", "--json", cwd=tmp_path, env=env).out)["run"] == "kept"
    (tmp_path / "kept").rename(tmp_path / "moved")
    assert llmdash("runs", "--json", cwd=tmp_path, env=env).out == ""


def test_a_copy_of_standard_input_is_known_as_ours(tmp_path: Path) -> None:
    env = environment(tmp_path)
    piped = ("run", "-", "--headless", "--simulate", "--run-dir", "kept")
    assert llmdash(*piped, cwd=tmp_path, env=env, given="why?\n").code == 0
    assert (tmp_path / "kept" / "input").exists()
    assert llmdash("runs", "delete", "kept", "--yes", cwd=tmp_path, env=env).code == 0
    assert not (tmp_path / "kept").exists()


@pytest.fixture
def full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with a run that was exported, and one that was not."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / ".local" / "share"))
    prompts(tmp_path, 2)
    (tmp_path / "out.jsonl").touch()
    done = {**FACTS, **totals(failed=0, done=4)}
    keep("20260101-000000-exported", {**done, "out": str(tmp_path / "out.jsonl")}, [ended(0)])
    keep("20260102-000000-other", done)
    keep("20260103-000000-lost", {**done, "out": str(tmp_path / "gone.jsonl")})
    return tmp_path


def begin(folder: Path, **more: str) -> Ended:
    return llmdash(
        "run", "prompts.jsonl", "--headless", "--simulate", cwd=folder, env=environment(folder, **more)
    )


def days(folder: Path) -> set[str]:
    names = {path.name for path in (folder / ".local" / "share" / "llmdash" / "runs").iterdir()}
    return {name[6:8] for name in names if name.startswith("202601")}


def test_beyond_the_limit_the_command_is_named_and_nothing_deleted(full: Path) -> None:
    ended = begin(full, LLMDASH_KEPT_BYTES="10kB")
    assert ended.code == 0
    assert "llmdash runs prune --keep-bytes 10000" in ended.err
    assert days(full) == {"01", "02", "03"}
    assert "prune" not in begin(full, LLMDASH_KEPT_BYTES="1GB").err


def test_what_is_exported_is_deleted_where_the_user_wants_that(full: Path) -> None:
    ended = begin(full, LLMDASH_KEPT_BYTES="10kB", LLMDASH_PRUNE="yes")
    assert "deleted " in ended.err
    assert "llmdash runs prune" in ended.err  # the others are more than that by themselves
    assert days(full) == {"02", "03"}


def test_a_file_that_came_with_the_prompts_deletes_nothing(full: Path) -> None:
    configure(full, 'prune = true\nkept_bytes = "10kB"\n')
    ended = begin(full)
    assert "deletes nothing here" in ended.err
    assert "llmdash runs prune --keep-bytes 10000" in ended.err
    (full / ".env").write_text("LLMDASH_PRUNE=1\nLLMDASH_KEPT_BYTES=1\n")
    begin(full)
    assert days(full) == {"01", "02", "03"}


def test_the_users_own_file_may(full: Path) -> None:
    own = full / ".config" / "llmdash" / "llmdash.toml"
    own.parent.mkdir(parents=True)
    own.write_text('prune = true\nkept_bytes = "10kB"\n')
    begin(full)
    assert days(full) == {"02", "03"}


@pytest.mark.parametrize("how", ["--headless", "--detach"])
def test_for_a_run_that_is_refused_nothing_is_deleted(full: Path, how: str) -> None:
    env = environment(full, LLMDASH_KEPT_BYTES="10kB", LLMDASH_PRUNE="yes")
    for wrong in (
        ("gone.jsonl",),
        ("prompts.jsonl", "--prompt-column", "none"),
        ("prompts.jsonl", "--dedupe"),
    ):
        refused = llmdash("run", *wrong, how, "--simulate", cwd=full, env=env)
        assert (refused.code, refused.out) == (2, ""), refused
    assert days(full) == {"01", "02", "03"}


def test_a_detached_run_makes_room_once_it_has_begun(full: Path) -> None:
    env = environment(full, LLMDASH_KEPT_BYTES="10kB", LLMDASH_PRUNE="yes")
    begun = llmdash("run", "prompts.jsonl", "--detach", "--simulate", "--json", cwd=full, env=env)
    assert (begun.code, "deleted " in begun.err) == (0, True), begun
    assert days(full) == {"02", "03"}
    folder = Path(json.loads(begun.out)["dir"])
    wait_for(lambda: holder_of(folder) is None)
