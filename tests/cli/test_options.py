"""What is asked for on the command line, in files and in rows is what the server gets."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import Ended, configure, environment, llmdash, results
from tests.recording import Recorder
from tests.simulated import Simulated

KEY = "sk-canary-0123456789abcdef"


@pytest.fixture
def server() -> Iterator[Recorder]:
    with Recorder() as running:
        yield running


def run(folder: Path, server: Recorder, *arguments: str, prompts: str = "hi\n", **environ: str) -> Ended:
    (folder / "p.txt").write_text(prompts)
    env = environment(folder, OPENAI_API_KEY=KEY, OPENAI_BASE_URL=f"{server.root}/v1", **environ)
    return llmdash("run", "p.txt", "--headless", "--json", *arguments, cwd=folder, env=env)


def sent(server: Recorder) -> dict[str, Any]:
    """What the one request asked for, beside its prompt and how it is delivered."""
    (request,) = server.requests
    apart = ("messages", "stream", "stream_options", "model")
    return {name: value for name, value in request.body.items() if name not in apart}


@pytest.mark.case("wire", "set-options")
@pytest.mark.parametrize("delivery", ["--stream", "--no-stream"])
def test_options_of_the_command_line_go_with_each_request(
    server: Recorder, tmp_path: Path, delivery: str
) -> None:
    given = ("--set", "top_p=0.9", "--set", 'response_format={"type":"json_object"}')
    ended = run(tmp_path, server, delivery, *given, "--set", "reasoning_effort=low", "--max-tokens", "7")
    assert ended.code == 0, ended.err
    assert sent(server) == {
        "top_p": 0.9,
        "response_format": {"type": "json_object"},
        "reasoning_effort": "low",
        "max_tokens": 7,
    }


@pytest.mark.case("wire", "set-options")
@pytest.mark.parametrize("text", ["n=2", "stream=false", "best_of=3", "model=x", 'a={"b"'])
def test_what_cannot_be_set_is_refused_before_anything_is_sent(
    server: Recorder, tmp_path: Path, text: str
) -> None:
    ended = run(tmp_path, server, "--set", text)
    assert ended.code == 2
    assert ended.err.startswith("llmdash: --set") and text.partition("=")[0] in ended.err
    assert server.requests == []
    assert not (tmp_path / ".local").exists()


def row(number: int, text: str, options: dict[str, Any]) -> str:
    """A line of a batch file."""
    body = {"messages": [{"role": "user", "content": text}], **options}
    line = {"custom_id": f"r{number}", "method": "POST", "url": "/v1/chat/completions", "body": body}
    return json.dumps(line)


LEVELS = {
    "run": {"one": 1, "two": 1, "three": 1, "four": 1, "max_tokens": 1},
    "endpoint": {"two": 2, "three": 2, "four": 2, "max_completion_tokens": 2},
    "set": {"three": 3, "four": 3, "max_tokens": 3},
    "row": {"four": 4, "max_completion_tokens": 4},
}
KNOWN = {name for options in LEVELS.values() for name in options}


@pytest.mark.case("wire", "set-options")
def test_the_narrower_level_goes_over_the_wider_one(server: Recorder, tmp_path: Path) -> None:
    options = "".join(f"{name} = {value}\n" for name, value in LEVELS["endpoint"].items())
    configure(
        tmp_path,
        f"[[endpoint]]\nname = 'e'\nbase_url = '{server.root}/v1'\napi_key_env = 'OPENAI_API_KEY'\n"
        f"[endpoint.options]\n{options}",
    )
    own = "".join(f"{name} = {value}\n" for name, value in LEVELS["set"].items())
    (tmp_path / "s.toml").write_text(f"[[prompt]]\ntext = 'hi'\n[options]\n{own}")
    (tmp_path / "r.jsonl").write_text(row(0, "hi", LEVELS["row"]))
    given = [word for name, value in LEVELS["run"].items() for word in ("--set", f"{name}={value}")]
    env = environment(tmp_path, OPENAI_API_KEY=KEY)
    for file in ("s.toml", "r.jsonl"):
        assert llmdash("run", file, "--headless", *given, cwd=tmp_path, env=env).code == 0
    of_set, of_row = (
        {name: value for name, value in request.body.items() if name in KNOWN} for request in server.requests
    )
    assert of_set == {"one": 1, "two": 2, "three": 3, "four": 3, "max_tokens": 3}
    assert of_row == {"one": 1, "two": 2, "three": 2, "four": 4, "max_completion_tokens": 4}


@pytest.mark.case("wire", "set-options")
def test_temperature_of_the_command_line_goes_before_that_of_the_prompt_file(
    server: Recorder, tmp_path: Path
) -> None:
    (tmp_path / "s.toml").write_text(
        "[[prompt]]\ntext = 'hi'\n[options]\ntemperature = 0.5\nmax_tokens = 9\n"
    )
    env = environment(tmp_path, OPENAI_API_KEY=KEY, OPENAI_BASE_URL=f"{server.root}/v1")
    for given in ((), ("--temperature", "0.1", "--max-tokens", "7"), ("--set", "temperature=0.2")):
        assert llmdash("run", "s.toml", "--headless", *given, cwd=tmp_path, env=env).code == 0
    asked = [(request.body["temperature"], request.body["max_tokens"]) for request in server.requests]
    assert asked == [(0.5, 9), (0.1, 7), (0.5, 9)]


@pytest.mark.case("wire", "set-options")
def test_ask_sends_them_too(server: Recorder, tmp_path: Path) -> None:
    env = environment(tmp_path, OPENAI_API_KEY=KEY, OPENAI_BASE_URL=f"{server.root}/v1")
    ended = llmdash("ask", "hi", "--set", "top_p=0.9", cwd=tmp_path, env=env)
    assert (ended.code, ended.out) == (0, "OK\n")
    assert sent(server) == {"top_p": 0.9}


@pytest.mark.case("wire", "set-options")
def test_ask_obeys_the_command_line_before_the_endpoint(server: Recorder, tmp_path: Path) -> None:
    configure(
        tmp_path,
        f"[[endpoint]]\nname = 'e'\nbase_url = '{server.root}/v1'\napi_key_env = 'OPENAI_API_KEY'\n"
        "options = {max_completion_tokens = 9, temperature = 1, seed = 5}\n",
    )
    env = environment(tmp_path, OPENAI_API_KEY=KEY)
    assert llmdash("ask", "hi", "--max-tokens", "7", "--set", "seed=6", cwd=tmp_path, env=env).code == 0
    assert sent(server) == {"max_tokens": 7, "temperature": 1, "seed": 5}


@pytest.mark.case("wire", "headers-query-auth")
@pytest.mark.parametrize("delivery", ["--stream", "--no-stream"])
def test_headers_query_and_auth_are_sent_and_a_secret_value_never_shown(
    server: Recorder, tmp_path: Path, delivery: str
) -> None:
    (tmp_path / ".env").write_text(f"MY_ORG={KEY[3:]}\n")
    given = (
        "--header",
        "X-Title=my app",
        "--header",
        "X-Org=env:MY_ORG",
        "--query",
        "api-version=2024-10-21",
    )
    ended = run(tmp_path, server, delivery, *given, "--auth", "header:api-key")
    assert ended.code == 0, ended.err
    (request,) = server.requests
    assert request.path == "/v1/chat/completions?api-version=2024-10-21"
    assert (request.headers["x-title"], request.headers["x-org"]) == ("my app", KEY[3:])
    assert request.headers["api-key"] == KEY
    assert "authorization" not in request.headers
    kept = [path for path in (tmp_path / ".local").rglob("*") if path.is_file()]
    assert KEY[3:] not in ended.out + ended.err
    assert not [path for path in kept if KEY[3:].encode() in path.read_bytes()]


@pytest.mark.case("wire", "headers-query-auth")
def test_without_auth_no_key_is_sent(server: Recorder, tmp_path: Path) -> None:
    ended = run(tmp_path, server, "--auth", "none")
    assert ended.code == 0, ended.err
    (request,) = server.requests
    assert KEY not in str(request.headers)


TWO = """
[[endpoint]]
name = "one"
base_url = "{one}/v1"
model = "m-one"
models = ["m-other"]
api_key_env = "OPENAI_API_KEY"
[[endpoint]]
name = "two"
base_url = "{two}/v1"
model = "m-two"
api_key_env = "OPENAI_API_KEY"
"""


@pytest.mark.case("wire", "headers-query-auth")
def test_a_row_goes_to_the_endpoint_that_serves_its_model(server: Recorder, tmp_path: Path) -> None:
    with Recorder() as second:
        configure(tmp_path, TWO.format(one=server.root, two=second.root))
        models = ["m-two", "m-other", "nobodys", "m-one", "m-two", None, "m-two", "m-other"]
        rows = [row(n, f"p{n}", {"model": model} if model else {}) for n, model in enumerate(models)]
        (tmp_path / "p.jsonl").write_text("\n".join(rows))
        env = environment(tmp_path, OPENAI_API_KEY=KEY)
        ended = llmdash("run", "p.jsonl", "--headless", "--json", "--out", "o.jsonl", cwd=tmp_path, env=env)
        assert ended.code == 3, ended.err
        asked = [
            {(r.body["messages"][-1]["content"], r.body["model"]) for r in each.requests}
            for each in (server, second)
        ]
    free = {("p5", "m-one"), ("p5", "m-two")}
    assert asked[0] - free == {("p1", "m-other"), ("p3", "m-one"), ("p7", "m-other")}
    assert asked[1] - free == {("p0", "m-two"), ("p4", "m-two"), ("p6", "m-two")}
    lines = {line["index"]: line for line in results(tmp_path / "o.jsonl")}
    assert lines[2]["state"] == "failed"
    assert "model 'nobodys' is at no endpoint; name it there: models = [...]" in lines[2]["error"]
    assert [lines[n]["endpoint"] for n in (0, 1, 3)] == ["two", "one", "one"]


@pytest.mark.case("wire", "headers-query-auth")
def test_the_model_of_a_prompt_set_decides_where_its_prompts_go(server: Recorder, tmp_path: Path) -> None:
    with Recorder() as second:
        configure(tmp_path, TWO.format(one=server.root, two=second.root))
        (tmp_path / "s.toml").write_text(
            "repeat = 3\n[[prompt]]\ntext = 'hi'\n[options]\nmodel = 'm-other'\n"
        )
        env = environment(tmp_path, OPENAI_API_KEY=KEY)
        assert llmdash("run", "s.toml", "--headless", cwd=tmp_path, env=env).code == 0
        assert {request.body["model"] for request in server.requests} == {"m-other"}
        (tmp_path / "s.toml").write_text("[[prompt]]\ntext = 'hi'\n[options]\nmodel = 'nobodys'\n")
        refused = llmdash("run", "s.toml", "--headless", cwd=tmp_path, env=env)
        assert (refused.code, second.requests) == (2, [])
        assert "model 'nobodys' is at no endpoint" in refused.err


@pytest.mark.case("wire", "timeout-flags")
def test_time_limits_are_options(server: Recorder, tmp_path: Path) -> None:
    assert run(tmp_path, server, "--timeout", "first-byte=300", "--timeout", "stall=5").code == 0
    refused = run(tmp_path, server, "--timeout", "fist-byte=300")
    assert (refused.code, refused.err) == (
        2,
        "llmdash: --timeout: 'fist-byte' is not a time limit; did you mean first-byte?\n",
    )


@pytest.mark.case("wire", "proxy-ca")
def test_a_proxy_that_is_not_used_is_told_at_the_start(tmp_path: Path) -> None:
    env = environment(tmp_path, HTTPS_PROXY="http://me:password9@127.0.0.1:9")
    (tmp_path / "p.txt").write_text("hi\n")
    ended = llmdash("run", "p.txt", "--headless", "--simulate", cwd=tmp_path, env=env)
    assert ended.code == 0
    assert "HTTPS_PROXY is set and not used" in ended.err
    assert "password9" not in ended.out + ended.err


@pytest.mark.parametrize("drop", [False, True])
def test_stop_sequences_are_for_the_server_to_refuse_in_every_dialect(
    simulator: Callable[..., Simulated], tmp_path: Path, *, drop: bool
) -> None:
    """OpenAI's Responses have none; what is compatible with them may."""
    simulated = simulator()
    configure(tmp_path, f'base_url = "{simulated.base_url}"\ndrop_unsupported = {str(drop).lower()}\n')
    (tmp_path / "p.txt").write_text("What is 1 + 1?\n" * 5)
    flags = ("--dialect", "openai-responses", "--set", 'stop=["END"]', "--headless", "--json")
    env = environment(tmp_path, LLMDASH_API_KEY=simulated.keys[0])
    ended = llmdash("run", "p.txt", *flags, "--concurrency", 1, cwd=tmp_path, env=env)
    summary = ended.summary
    if drop:
        assert (ended.code, summary["done"], summary["errors"]) == (0, 5, []), ended.err
        return
    (group,) = summary["errors"]
    assert (ended.code, summary["failed"], group["status"]) == (3, 5, 400)
    assert "stop" in group["example"]
    assert summary["attempts"] == simulated.stats()["requests"]
