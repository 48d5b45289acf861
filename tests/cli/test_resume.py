"""A resume restores what decided the run: the printed command alone goes on with the same requests."""

from __future__ import annotations

import json
import random
import shlex
import shutil
import signal
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import certifi
import pytest

from tests.cli.command import configure, environment, llmdash, prompts, results, start
from tests.recording import Recorder
from tests.simulated import Simulated
from tests.waiting import PATIENCE_S, wait_for

JOBS = 12
ANSWERS = 4
"""What a server answers of a run that is going to be killed."""
Simulator = Callable[..., Simulated]


class Holding(Recorder):
    """Answers `ANSWERS` requests with OK, and those after them once it may."""

    def __init__(self) -> None:
        self._going = threading.Event()
        super().__init__(self._late)

    def let_go(self) -> None:
        """Answer every request from now on."""
        self._going.set()

    def _late(self, _body: dict[str, Any]) -> str:
        if len(self.requests) > ANSWERS:
            self._going.wait(PATIENCE_S)
        return "OK"


def begin(
    folder: Path,
    env: dict[str, str],
    *arguments: object,
    at: Simulated | Holding,
    ends: Callable[[], bool],
) -> None:
    """A run that is killed once it `ends`. The server, which has answered no more than a few requests so far
    that the run could not end by itself before, answers all from then on.
    """
    (folder / "p.txt").write_text("".join(f"What is {n} + 1?\n" for n in range(JOBS)))
    command = ("run", "p.txt", "--headless", "--run-dir", "run", *arguments)
    with start(*command, cwd=folder, env=env) as process:
        wait_for(lambda: ends() or process.poll() is not None, "the time to kill it")
        assert process.poll() is None, process.communicate()
        process.send_signal(signal.SIGKILL)
        process.communicate()
    at.let_go()


def decided(simulated: Simulated) -> list[str]:
    """Each request's path and body without its messages, as one text."""
    found = simulated.requests()
    bodies = [(each["path"], {**each["body"], "messages": None, "prompt": None}) for each in found]
    return [json.dumps(body, sort_keys=True) for body in bodies]


def some_settings(rng: random.Random, simulated: Simulated) -> tuple[list[str], dict[str, str], str]:
    """Flags, variables and an llmdash.toml, each setting in one place or in none."""
    flags: list[str] = []
    variables: dict[str, str] = {}
    top: list[str] = []
    options: list[str] = []
    for name, value in (
        ("model", rng.choice(["mA", "mB"])),
        ("temperature", rng.choice(["0.1", "0.9"])),
        ("max_tokens", rng.choice(["7", "90"])),
        ("stream", rng.choice(["true", "false"])),
        ("dialect", rng.choice(["openai-chat", "anthropic", "openai-completions"])),
    ):
        place = rng.choice(["flag", "variable", "file", "nowhere"])
        if place == "flag" and name == "stream":
            flags.append("--stream" if value == "true" else "--no-stream")
        elif place == "flag":
            flags += [f"--{name.replace('_', '-')}", value]
        elif place == "variable":
            variables[f"LLMDASH_{name.upper()}"] = value
        elif place == "file":
            quoted = value if name not in ("model", "dialect") else f'"{value}"'
            top.append(f"{name} = {quoted}")
    for option, place in (
        ("top_p", rng.choice(["flag", "file", "nowhere"])),
        ("stop", rng.choice(["flag", ""])),
    ):
        value = "0.5" if option == "top_p" else '["END"]'
        if place == "flag":
            flags += ["--set", f"{option}={value}"]
        elif place == "file":
            options.append(f"{option} = {value}")
    url = simulated.base_url
    if rng.random() < 0.5:
        flags += ["--base-url", url]
    else:
        variables["LLMDASH_BASE_URL"] = url
    variables["LLMDASH_API_KEY"] = simulated.keys[0]
    toml = "\n".join([*top, "[options]", *options]) + "\n"
    return flags, variables, toml


@pytest.mark.case("engine", "resume-elsewhere")
@pytest.mark.parametrize(
    "seed", [*range(4), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(4, 40))]
)
def test_every_request_of_both_halves_has_the_same_endpoint_model_and_options(
    seed: int, simulator: Simulator, tmp_path: Path
) -> None:
    rng = random.Random(seed)
    simulated = simulator(answers=ANSWERS)
    flags, variables, toml = some_settings(rng, simulated)
    (tmp_path / "llmdash.toml").write_text(toml)
    env = environment(tmp_path, None, **variables)
    begin(
        tmp_path,
        env,
        *flags,
        "--concurrency",
        1,
        "--rate",
        "unlimited",
        at=simulated,
        ends=lambda: len(decided(simulated)) > 3,
    )
    before = len(decided(simulated))
    resumed = llmdash("run", "--resume", "--run-dir", "run", "--headless", cwd=tmp_path, env=env)
    assert resumed.code == 0, resumed.err
    requests = decided(simulated)
    assert len(requests) > before
    assert set(requests) == {requests[0]}


@pytest.mark.case("engine", "resume-elsewhere")
def test_the_printed_command_goes_on_where_the_run_was(simulator: Simulator, tmp_path: Path) -> None:
    simulated = simulator(answers=ANSWERS)
    env = environment(tmp_path, LLMDASH_API_KEY=simulated.keys[0])
    flags = ["--base-url", simulated.base_url, "--model", "mA", "--temperature", "0.1", "--max-tokens", "7"]
    out = tmp_path / "r.jsonl"
    more = [
        "--no-stream",
        "--concurrency",
        "1",
        "--rate",
        "unlimited",
        "--out",
        "r.jsonl",
        "--set",
        "top_p=0.5",
    ]
    begin(tmp_path, env, *flags, *more, at=simulated, ends=lambda: out.exists() and len(results(out)) > 2)
    ended = llmdash(
        "run", "--resume", "--run-dir", "run", "--headless", "--limit", "6", cwd=tmp_path, env=env
    )
    assert ended.code == 2  # fewer than there were
    printed = "llmdash run --resume --run-dir run"
    stopped = llmdash(*shlex.split(printed)[1:], "--headless", "--json", cwd=tmp_path, env=env)
    assert stopped.code == 0, stopped.err
    lines = results(out)
    assert len(lines) == JOBS
    assert {(line["model"], line["endpoint"]) for line in lines} == {
        ("mA", simulated.base_url.removeprefix("http://").removesuffix("/v1"))
    }
    assert stopped.summary["done"] == JOBS
    bodies = [each["body"] for each in simulated.requests()]
    wanted = {"model": "mA", "temperature": 0.1, "max_tokens": 7, "top_p": 0.5}
    assert all({name: body.get(name) for name in wanted} == wanted for body in bodies)
    assert not any(body.get("stream") for body in bodies)


@pytest.mark.case("engine", "resume-elsewhere")
@pytest.mark.parametrize(
    ("now", "told"),
    [
        (["--model", "mB"], "model was 'mA' and is 'mB'"),
        (["--temperature", "0.9"], "temperature was not set and is '0.9'"),
        (["--set", "top_p=0.9"], "options.top_p was not set and is '0.9'"),
        (["--base-url", "http://127.0.0.1:9/v1"], "base_url was 'http://127.0.0.1"),
    ],
)
def test_what_differs_now_is_named_and_refused(
    now: list[str], told: str, simulator: Simulator, tmp_path: Path
) -> None:
    simulated = simulator(answers=ANSWERS)
    env = environment(tmp_path, LLMDASH_API_KEY=simulated.keys[0])
    flags = ["--base-url", simulated.base_url, "--model", "mA", "--rate", "unlimited", "--concurrency", "1"]
    begin(tmp_path, env, *flags, at=simulated, ends=lambda: len(simulated.requests()) > 2)
    refused = llmdash("run", "--resume", "--run-dir", "run", "--headless", *now, cwd=tmp_path, env=env)
    assert refused.code == 2
    assert told in refused.err
    assert "--changed ok" in refused.err
    if "--model" in now:
        resumed = llmdash(
            *("run", "--resume", "--run-dir", "run", "--headless", "--changed", "ok", *now),
            cwd=tmp_path,
            env=env,
        )
        assert resumed.code == 0, resumed.err
        assert {each["body"]["model"] for each in simulated.requests()} == {"mA", "mB"}


@pytest.mark.case("engine", "resume-elsewhere")
def test_a_settings_file_that_says_something_else_now_is_a_change(
    simulator: Simulator, tmp_path: Path
) -> None:
    simulated = simulator(answers=ANSWERS)
    table = '[[endpoint]]\nname = "one"\nbase_url = "{}"\nmodel = "{}"\napi_key_env = "MY_KEY"\n'
    configure(tmp_path, table.format(simulated.base_url, "mA"))
    env = environment(tmp_path, MY_KEY=simulated.keys[0])
    begin(
        tmp_path,
        env,
        "--rate",
        "unlimited",
        "--concurrency",
        "1",
        at=simulated,
        ends=lambda: len(simulated.requests()) > 2,
    )
    configure(tmp_path, table.format(simulated.base_url, "mB"))
    refused = llmdash("run", "--resume", "--run-dir", "run", "--headless", cwd=tmp_path, env=env)
    assert (refused.code, "model was 'mA' and is 'mB'" in refused.err) == (2, True), refused.err
    configure(tmp_path, table.format(simulated.base_url, "mA"))
    assert llmdash("run", "--resume", "--run-dir", "run", "--headless", cwd=tmp_path, env=env).code == 0


@pytest.mark.case("engine", "resume-grow")
def test_a_larger_limit_is_more_work_on_the_same_run(simulator: Simulator, tmp_path: Path) -> None:
    simulated = simulator()
    env = environment(tmp_path, LLMDASH_API_KEY=simulated.keys[0])
    lines = [json.dumps({"id": f"q{n % 25}", "prompt": f"What is {n} + 1?"}) for n in range(30)]
    (tmp_path / "p.jsonl").write_text("\n".join(lines) + "\n")
    common: dict[str, Any] = {"cwd": tmp_path, "env": env}
    flags = ("--base-url", simulated.base_url, "--rate", "unlimited", "--headless", "--json")
    first = llmdash(
        *("run", "p.jsonl", "--limit", "10", "--run-dir", "run", "--out", "r.jsonl", *flags), **common
    )
    assert (first.code, first.summary["done"]) == (0, 10), first.err
    for limit, done in (("20", 20), ("1000", 25)):
        resume = ("run", "--resume", "--run-dir", "run", "--limit", limit, "--headless", "--json")
        grown = llmdash(*resume, **common)
        assert (grown.code, grown.summary["done"], grown.summary["jobs"]) == (
            0 if done == 20 else 8,
            done,
            done,
        )
    assert simulated.stats()["requests"] == 25
    assert [line["id"] for line in results(tmp_path / "r.jsonl")] == [f"q{n}" for n in range(25)]
    assert "sound" in llmdash("doctor", "run", **common).out
    other = llmdash("run", "--resume", "--run-dir", "run", "--limit", "5", "--headless", **common)
    assert (other.code, "no smaller --limit" in other.err) == (2, True)


def test_checks_and_schemas_are_restored_too(simulator: Simulator, tmp_path: Path) -> None:
    simulated = simulator(answers=ANSWERS)
    env = environment(tmp_path, LLMDASH_API_KEY=simulated.keys[0])
    (tmp_path / "s.json").write_text('{"type": "object", "properties": {"n": {"type": "integer"}}}')
    flags = ["--base-url", simulated.base_url, "--rate", "unlimited", "--concurrency", "1"]
    begin(
        tmp_path, env, *flags, "--schema", "s.json", at=simulated, ends=lambda: len(simulated.requests()) > 2
    )
    (tmp_path / "s.json").unlink()
    assert llmdash("run", "--resume", "--run-dir", "run", "--headless", cwd=tmp_path, env=env).code == 0
    asked = [each["body"]["response_format"]["json_schema"]["schema"] for each in simulated.requests()]
    assert len(asked) >= JOBS
    assert all(schema == asked[0] for schema in asked)


@pytest.fixture
def recorder() -> Iterator[Holding]:
    with Holding() as running:
        yield running


ONE_BY_ONE = ("--rate", "unlimited", "--concurrency", "1", "--no-stream")
RESUME = ("run", "--resume", "--headless", "--run-dir")


@pytest.mark.case("engine", "resume-elsewhere")
def test_the_files_that_the_command_line_named_are_found_from_another_folder(
    recorder: Holding, tmp_path: Path
) -> None:
    folder, other = tmp_path / "a", tmp_path / "b"
    folder.mkdir()
    other.mkdir()
    (folder / "my.toml").write_text(
        f'base_url = "{recorder.root}/v1"\nmodel = "mA"\n[options]\ntop_p = 0.3\n'
    )
    authority = ssl.get_default_verify_paths().cafile or certifi.where()
    shutil.copy(authority, folder / "ca.pem")
    env = environment(tmp_path, API_KEY="sk-0123456789abcdefgh")
    flags = ("--config", "my.toml", "--ca-file", "ca.pem", *ONE_BY_ONE)
    begin(folder, env, *flags, at=recorder, ends=lambda: len(recorder.requests) > 2)
    resumed = llmdash(*RESUME, folder / "run", cwd=other, env=env)
    assert resumed.code == 0, resumed.err
    assert len(recorder.requests) >= JOBS
    assert {(each.body["model"], each.body["top_p"]) for each in recorder.requests} == {("mA", 0.3)}


@pytest.mark.case("engine", "resume-elsewhere")
@pytest.mark.parametrize("picked", [(), ("--endpoint", "b")], ids=["all", "one"])
def test_endpoints_of_another_folder_are_named_with_what_to_add(
    picked: tuple[str, ...], recorder: Holding, tmp_path: Path
) -> None:
    folder, other = tmp_path / "a", tmp_path / "b"
    folder.mkdir()
    other.mkdir()
    table = '[[endpoint]]\nname = "{0}"\nbase_url = "{1}/v1"\nmodel = "m{0}"\napi_key_env = "KEY_{0}"\n'
    settings = configure(folder, "".join(table.format(name, recorder.root) for name in "ab"), tmp_path)
    env = environment(tmp_path, KEY_a="sk-aaaaaaaaaaaaaaaa1", KEY_b="sk-bbbbbbbbbbbbbbbb2")
    begin(folder, env, *ONE_BY_ONE, *picked, at=recorder, ends=lambda: len(recorder.requests) > 2)
    refused = llmdash(*RESUME, folder / "run", cwd=other, env=env)
    assert refused.code == 2
    assert f"add --config {settings}" in refused.err
    resumed = llmdash(*RESUME, folder / "run", "--config", settings, cwd=other, env=env)
    assert resumed.code == 0, resumed.err
    asked = {each.body["model"] for each in recorder.requests}
    assert asked == ({"mb"} if picked else {"ma", "mb"})


@pytest.mark.case("engine", "resume-elsewhere")
def test_what_is_given_now_is_added_to_what_was_given_by_name(recorder: Holding, tmp_path: Path) -> None:
    env = environment(tmp_path, API_KEY="sk-0123456789abcdefgh")
    flags = (
        "--base-url",
        f"{recorder.root}/v1",
        "--set",
        "seed=7",
        "--set",
        "top_p=0.1",
        "--header",
        "X-A=1",
    )
    begin(tmp_path, env, *flags, *ONE_BY_ONE, at=recorder, ends=lambda: len(recorder.requests) > 2)
    now = ("--set", "top_p=0.9", "--header", "X-B=2", "--check", "number")
    refused = llmdash(*RESUME, "run", *now, cwd=tmp_path, env=env)
    assert refused.code == 2
    assert "options.top_p was '0.1' and is '0.9'; headers.X-B was not set and is '2'; " in refused.err
    assert "check was not set and is 'number'. Put" in refused.err
    before = len(recorder.requests)
    assert llmdash(*RESUME, "run", *now, "--changed", "ok", cwd=tmp_path, env=env).code == 0
    rest = recorder.requests[before:]
    assert {(each.body["seed"], each.body["top_p"]) for each in rest} == {(7, 0.9)}
    assert {(each.headers["x-a"], each.headers["x-b"]) for each in rest} == {("1", "2")}


@pytest.mark.case("engine", "resume-elsewhere")
def test_a_run_over_standard_input_can_be_moved(recorder: Holding, tmp_path: Path) -> None:
    env = environment(tmp_path, API_KEY="sk-0123456789abcdefgh")
    flags = ("--base-url", f"{recorder.root}/v1", "--run-dir", "run", "--headless", *ONE_BY_ONE)
    recorder.let_go()
    lines = "".join(f"What is {n}?\n" for n in range(JOBS))
    first = llmdash("run", "-", *flags, "--limit", "4", cwd=tmp_path, env=env, given=lines)
    assert first.code == 0, first.err
    (tmp_path / "run").rename(tmp_path / "moved")
    resumed = llmdash(*RESUME, "moved", "--limit", "9", "--json", cwd=tmp_path, env=env)
    assert (resumed.code, resumed.summary["done"], len(recorder.requests)) == (0, 9, 9), resumed.err


def test_an_input_that_is_gone_is_named_with_what_to_type(recorder: Holding, tmp_path: Path) -> None:
    env = environment(tmp_path, API_KEY="sk-0123456789abcdefgh")
    flags = ("--base-url", f"{recorder.root}/v1", *ONE_BY_ONE)
    begin(tmp_path, env, *flags, at=recorder, ends=lambda: len(recorder.requests) > 2)
    (tmp_path / "p.txt").rename(tmp_path / "q.txt")
    gone = llmdash(*RESUME, "run", cwd=tmp_path, env=env)
    assert gone.code == 2
    assert "llmdash run FILE --resume --run-dir run" in gone.err
    resumed = llmdash("run", "q.txt", *RESUME[1:], "run", cwd=tmp_path, env=env)
    assert (resumed.code, len({str(each.body["messages"]) for each in recorder.requests})) == (0, JOBS)


def test_what_has_no_effect_on_a_resume_is_reported_or_refused(simulator: Simulator, tmp_path: Path) -> None:
    env = environment(tmp_path, simulator())
    prompts(tmp_path)
    begin = ("run", "p.txt", "--headless", "--limit", 1, "--run-dir")
    resume = ("run", "--resume", "--headless", "--limit", 2, "--run-dir")
    for folder, more in (("real", ()), ("practice", ("--simulate",))):
        assert llmdash(*begin, folder, *more, cwd=tmp_path, env=env).code == 0
    mixed = llmdash(*resume, "real", "--simulate", cwd=tmp_path, env=env)
    assert (mixed.code, mixed.err.count("was not begun with --simulate")) == (2, 1)
    told = llmdash(*resume, "practice", "--base-url", "https://a.b/v1", "--release", cwd=tmp_path, env=env)
    assert told.code == 0
    assert "--base-url: has no effect on the simulator" in told.err
    assert "--release has no effect: nothing holds this run that it would release" in told.err
