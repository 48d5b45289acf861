"""What a wrong start says: one line, with place and fix, and exit code 2; never a key."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from llmdash.cli import main
from tests.cli.command import environment, llmdash, results
from tests.simulated import Simulated
from tests.waiting import LONGEST_S

Simulator = Callable[..., Simulated]
CANARY = "sk-canary-4f7b2c9d8e1a6053"


@pytest.mark.parametrize(
    ("arguments", "files", "told"),
    [
        (["run", "none.txt", "--simulate"], {}, ["none.txt"]),
        (["run", "none.txt"], {}, ["none.txt: no such file"]),
        (["run", "p.txt"], {"p.txt": "hi"}, ["no API key", ".env"]),
        (["run", "p.txt", "--dialect", "anthropic"], {"p.txt": "hi"}, ["no API key", "ANTHROPIC_API_KEY"]),
        (["run", "p.txt", "--simulate", "--rate", "fast"], {"p.txt": "hi"}, ["--rate", "fast", "5/s"]),
        (["run", "p.txt", "--simulate", "--concurrency", "0"], {"p.txt": "hi"}, ["--concurrency"]),
        (["run", "p.txt", "--simulate", "--temperature", "9"], {"p.txt": "hi"}, ["--temperature"]),
        (["run", "empty.txt", "--simulate"], {"empty.txt": ""}, ["empty.txt"]),
        (["run", "bad.toml", "--simulate"], {"bad.toml": "name = \n"}, ["bad.toml", "1"]),
        (["run", "p.txt"], {"p.txt": "hi", "llmdash.toml": "modle = 'x'\n"}, ["llmdash.toml:1", "model"]),
        (["run", "p.txt"], {"p.txt": "hi", ".env": "API_KEY=a\nBASE_URL=ftp://x\n"}, [".env:2", "http"]),
        (["run", "p.txt"], {"p.txt": "hi", ".env": "BASE_URL=http://a.b/v1\n"}, [".env:1", "insecure"]),
        (["run", "p.txt", "--simulate", "--out", "no/such/r.jsonl"], {"p.txt": "hi"}, ["no/such"]),
        (["run", "p.txt", "--simulate", "--resume"], {"p.txt": "hi"}, ["no earlier run", "--resume"]),
        (["run", "p.txt", "--simulate", "--retry-failed"], {"p.txt": "hi"}, ["--retry-failed", "--resume"]),
        (["run", "p.txt", "--batch-deadline", "6h"], {"p.txt": "hi"}, ["--batch-deadline needs --batch"]),
        (
            ["run", "p.txt", "--simulate", "--batch", "--batch-leave"],
            {"p.txt": "hi"},
            ["--simulate ends with the run", "llmdash simulate"],
        ),
        (
            ["run", "p.txt", "--simulate", "--batch", "--batch-deadline", "soon"],
            {"p.txt": "hi"},
            ["--batch-deadline: 'soon' is neither a span"],
        ),
        (["run", "p.txt", "--simulate", "--changed", "ok"], {"p.txt": "hi"}, ["--changed ok needs --resume"]),
        (["run", "p.txt", "--simulate", "--overwrite"], {"p.txt": "hi"}, ["--overwrite needs --out"]),
        (["run", "p.txt", "--simulate", "--repair"], {"p.txt": "hi"}, ["--repair needs --schema"]),
        (["run", "p.txt", "--simulate", "--patience", "9"], {"p.txt": "hi"}, ["--patience needs --workers"]),
        (["run", "p.txt", "--simulate", "--patience", "0"], {"p.txt": "hi"}, ["--patience needs --workers"]),
        (["run", "p.txt", "--strict", "--allow-bad-lines"], {"p.txt": "hi"}, ["--strict", "give one of"]),
        (["run", "p.txt", "--simulate", "--run-dir", "p.txt/x"], {"p.txt": "hi"}, ["p.txt", "--run-dir"]),
        (["run", "p.txt", "--simulate", "--strict"], {"p.txt": "hi\n", "x": ""}, []),
    ],
)  # fmt: skip
def test_bad_input_gets_one_line_that_names_place_and_fix(
    tmp_path: Path, arguments: list[str], files: dict[str, str], told: list[str]
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o600)
    ended = llmdash(*arguments, "--headless", cwd=tmp_path, env=environment(tmp_path))
    if not told:
        assert ended.code == 0
        return
    assert ended.code in (2, 7)
    assert len(ended.err.splitlines()) == 1, ended.err
    assert all(word in ended.err for word in told), ended.err
    assert "Traceback" not in ended.err


@pytest.mark.parametrize(("typed", "meant"), [("rnu", "run"), ("compre", "compare"), ("qqqqq", "")])
def test_a_mistyped_command_gets_the_nearest_one(typed: str, meant: str) -> None:
    ended = CliRunner().invoke(main, [typed])
    hint = f" Did you mean '{meant}'?" if meant else ""
    assert (ended.exit_code, ended.stderr.splitlines()[-1]) == (2, f"Error: No such command '{typed}'.{hint}")


def test_bad_lines_are_listed_before_anything_is_sent_and_strict_refuses_them(
    simulator: Simulator, tmp_path: Path
) -> None:
    endpoint = simulator()
    (tmp_path / "p.jsonl").write_text('{"prompt": "a"}\n{"prompt": \n{"other": 1}\n{"prompt": "b"}\n')
    env = environment(tmp_path, endpoint)
    strict = llmdash("run", "p.jsonl", "--headless", "--strict", cwd=tmp_path, env=env)
    assert (strict.code, endpoint.stats()["requests"]) == (2, 0)
    lenient = llmdash("run", "p.jsonl", "--headless", "--out", "r.jsonl", cwd=tmp_path, env=env)
    assert lenient.code == 8
    assert "2 input lines left out" in lenient.out
    assert [line in lenient.err for line in ("p.jsonl:2:", "p.jsonl:3:")] == [True, True]
    assert len(results(tmp_path / "r.jsonl")) == endpoint.stats()["requests"] == 2


def test_the_dotenv_of_the_write_up_is_the_key_pool(simulator: Simulator, tmp_path: Path) -> None:
    endpoint = simulator(keys=("k-one", "k-two", "k-three"))
    (tmp_path / ".env").write_text(f"API_KEY=k-one,k-two,k-three\nBASE_URL={endpoint.base_url}\n")
    (tmp_path / ".env").chmod(0o600)
    (tmp_path / "p.txt").write_text("\n".join(f"Say {number}" for number in range(9)))
    ended = llmdash("run", "p.txt", "--headless", "--json", cwd=tmp_path, env=environment(tmp_path))
    assert (ended.code, ended.err) == (0, "")
    assert [key["requests"] for key in endpoint.stats()["by_key"].values()] == [3, 3, 3]


def test_a_key_is_found_in_no_output_and_in_no_file(simulator: Simulator, tmp_path: Path) -> None:
    endpoint = simulator(keys=(CANARY, "sim-b"), error_rate=0.2)
    endpoint.control(CANARY, refuse=True)
    (tmp_path / "p.txt").write_text("\n".join(f"Say {number}" for number in range(30)))
    ended = llmdash(
        "run", "p.txt", "--headless", "--out", "r.jsonl", "--run-dir", "kept", "--rate", "unlimited",
        cwd=tmp_path, env=environment(tmp_path, endpoint),
    )  # fmt: skip
    assert endpoint.stats()["by_key"][CANARY]["refused"] >= 2
    found = [path for path in tmp_path.rglob("*") if path.is_file() and CANARY.encode() in path.read_bytes()]
    assert found == []
    assert CANARY not in ended.out + ended.err


def test_the_run_folder_is_private(simulator: Simulator, tmp_path: Path) -> None:
    (tmp_path / "p.txt").write_text("hi\n")
    env = environment(tmp_path, simulator())
    assert llmdash("run", "p.txt", "--headless", "--run-dir", "kept", cwd=tmp_path, env=env).code == 0
    assert stat.S_IMODE((tmp_path / "kept").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "kept" / "journal.sqlite").stat().st_mode) == 0o600


def test_hostile_text_reaches_a_plain_output_cleaned(tmp_path: Path) -> None:
    (tmp_path / "p\x1b]52;c;AAAA\x07.txt").write_text("")
    ended = llmdash(
        "run", "p\x1b]52;c;AAAA\x07.txt", "--simulate", "--headless", cwd=tmp_path, env=environment(tmp_path)
    )
    assert ended.code == 2
    assert "\x1b" not in ended.err
    assert "\x07" not in ended.err


def test_without_a_terminal_and_without_a_file_the_fix_is_named(tmp_path: Path) -> None:
    ended = llmdash(cwd=tmp_path, env=environment(tmp_path))
    assert ended.code == 2
    assert "llmdash run FILE --headless" in ended.err


def test_without_a_terminal_headless_is_chosen_by_itself(simulator: Simulator, tmp_path: Path) -> None:
    (tmp_path / "p.txt").write_text("hi\n")
    ended = llmdash("run", "p.txt", cwd=tmp_path, env=environment(tmp_path, simulator()))
    assert ended.code == 0
    assert "\x1b" not in ended.out


def test_the_simulator_command_prints_its_address_first_and_counts_what_it_sees(tmp_path: Path) -> None:
    from tests.cli.command import start

    arguments = "simulate --port 0 --keys a,b,c --rpm 600 --latency 0 --error-rate 0 --wrong-rate 0 --seed 1"
    with start(*arguments.split(), cwd=tmp_path, env=environment(tmp_path)) as process:
        assert process.stdout is not None
        base_url = process.stdout.readline().strip()
        (tmp_path / "p.txt").write_text("hi\n")
        env = environment(tmp_path, OPENAI_API_KEY="a,b,c", OPENAI_BASE_URL=base_url)
        assert llmdash("run", "p.txt", "--headless", cwd=tmp_path, env=env).code == 0
        process.terminate()
        out, err = process.communicate(timeout=LONGEST_S)
    assert (process.returncode, out, err) == (0, "", "")


@pytest.mark.parametrize(
    "command", [("run", "p.txt", "--simulate", "--headless"), ("ask", "hi", "--simulate")], ids=str
)
def test_an_option_that_the_simulator_has_no_use_for_is_named(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    (tmp_path / "p.txt").write_text("hi\n")
    given = ("--dialect", "anthropic", "--base-url", "http://127.0.0.1:1/v1", "--header", "X-A=b")
    ended = llmdash(*command, *given, cwd=tmp_path, env=environment(tmp_path))
    assert ended.code == 0
    for option in ("--dialect", "--base-url", "--header"):
        assert f"llmdash: {option}: has no effect on the simulator\n" in ended.err


def test_what_a_resume_restores_is_not_held_against_who_gave_no_option(tmp_path: Path) -> None:
    (tmp_path / "p.txt").write_text("hi\nho\n")
    env, begin = environment(tmp_path), ("run", "p.txt", "--simulate", "--headless", "--run-dir", "kept")
    assert llmdash(*begin, "--limit", 1, cwd=tmp_path, env=env).code == 0
    resumed = llmdash(*begin, "--resume", cwd=tmp_path, env=env)
    assert resumed.code == 0
    assert "has no effect" not in resumed.err


NO_PRICE = ["run", "p.txt", "--base-url", "http://127.0.0.1:9/v1", "--model", "nobody-knows", "--budget", "1"]


def left_in(folder: Path) -> dict[Path, bytes]:
    """All that is in the folder; no bytes for folders."""
    return {path: path.read_bytes() if path.is_file() else b"" for path in folder.rglob("*")}


@pytest.mark.parametrize(
    ("arguments", "given"),
    [
        (NO_PRICE, None),
        ([*NO_PRICE[:1], "-", *NO_PRICE[2:]], "1 + 1\n"),
        (["run", "-", "--simulate", "--strict"], '{"prompt": "a"}\n{"prom\n'),
        (["run", "-", "--simulate"], ""),
        (["run", "p.txt", "--simulate", "--reuse"], None),
        (["run", "p.txt", "--simulate", "--dedupe", "--temperature", "1"], None),
        (["run", "p.txt", "--simulate", "--keep", "none"], None),
        (["run", "p.txt", "--simulate", "--check", "schema"], None),
        (["run", "p.txt", "--simulate", "--schema", "none.json"], None),
        (["run", "p.txt", "--simulate", "--out", "p.txt", "--overwrite"], None),
        (["run", "p.txt", "--simulate", "--out", "r.docx"], None),
        (["run", "p.txt", "--simulate", "--carry", "nothing"], None),
        (["run", "p.txt", "--simulate", "--cluster", "nowhere:1"], None),
        (["run", "p.txt", "--dialect", "langchain", "--model", "no_such_module:model"], None),
        (["compare", "-", "--simulate", "--models", ","], "1 + 1\n"),
        (["compare", "none.txt", "--simulate"], None),
    ],
)
@pytest.mark.parametrize("place", [("--run-dir", "a/b"), ("--run-dir", "there"), ()])
def test_what_is_refused_leaves_nothing(
    tmp_path: Path, arguments: list[str], given: str | None, place: tuple[str, ...]
) -> None:
    (tmp_path / "p.txt").write_text("1 + 1\n")
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "input").write_text("mine")
    env = environment(tmp_path, API_KEY=CANARY)
    before = left_in(tmp_path)
    headless = [] if arguments[0] == "compare" else ["--headless"]
    ended = llmdash(*arguments, *headless, *place, cwd=tmp_path, env=env, given=given)
    assert ended.code == 2, (ended.out, ended.err)
    assert left_in(tmp_path) == before


def test_what_a_detached_engine_refuses_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "p.txt").write_text("1 + 1\n")
    env = environment(tmp_path, API_KEY=CANARY)
    before = left_in(tmp_path)
    assert llmdash(*NO_PRICE, "--detach", "--run-dir", "kept", cwd=tmp_path, env=env).code == 2
    assert left_in(tmp_path) == before


def test_a_run_that_is_there_is_not_touched_by_another_that_is_refused(tmp_path: Path) -> None:
    (tmp_path / "p.txt").write_text("1 + 1\n")
    env = environment(tmp_path)
    run = ("run", "p.txt", "--simulate", "--headless", "--run-dir", "kept")
    assert llmdash(*run, cwd=tmp_path, env=env).code == 0
    before = left_in(tmp_path)
    assert llmdash(*run, cwd=tmp_path, env=env).code == 2
    assert left_in(tmp_path) == before
