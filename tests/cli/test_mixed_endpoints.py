"""Several endpoints of different dialects in one run: the work is shared, and every account agrees."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import configure, environment, llmdash, results
from tests.recording import Recorder
from tests.simulated import Simulated

Simulator = Callable[..., Simulated]
RUN = ("--headless", "--json", "--out", "r.jsonl", "--run-dir", "kept", "--rate", "unlimited")
POOL = """
[[endpoint]]
name = "chat"
base_url = "{base_url}"
model = "gpt-4o-mini"
api_key_env = "CHAT_KEY"

[[endpoint]]
name = "claude"
dialect = "anthropic"
base_url = "{root}"
model = "claude-haiku-4-5"
api_key_env = "CLAUDE_KEY"

[[endpoint]]
name = "layer"
dialect = "promptlayer-openai"
base_url = "{base_url}"
model = "gpt-3.5-turbo-instruct"
api_key_env = "LAYER_KEY"
promptlayer_base_url = "{root}"

[[endpoint]]
name = "responses"
dialect = "openai-responses"
base_url = "{base_url}"
model = "gpt-4o-mini"
api_key_env = "RESPONSES_KEY"
weight = 2.0
"""
CHAIN = """
[[endpoint]]
name = "chain"
dialect = "langchain"
target = "chain_model:model"
"""
KEYS = {
    "CHAT_KEY": "k-chat",
    "CLAUDE_KEY": "k-claude",
    "LAYER_KEY": "k-layer",
    "RESPONSES_KEY": "k-responses",
}


@pytest.fixture
def endpoint(simulator: Simulator, tmp_path: Path) -> Simulated:
    """One simulator that plays four providers, and the settings that name them."""
    running = simulator(keys=tuple(KEYS.values()))
    configure(tmp_path, POOL.format(base_url=running.base_url, root=running.root))
    (tmp_path / "sums.toml").write_text('task = "arithmetic"\n[arithmetic]\ncount = 100\nseed = 3\n')
    return running


def test_four_dialects_share_one_run_by_their_weights(endpoint: Simulated, tmp_path: Path) -> None:
    env = environment(tmp_path, PROMPTLAYER_API_KEY="pl-key", **KEYS)
    ended = llmdash("run", "sums.toml", *RUN, cwd=tmp_path, env=env)
    server = endpoint.stats()
    assert (ended.code, ended.err) == (0, "")
    assert ended.summary["done"] == len(results(tmp_path / "r.jsonl")) == server["requests"] == 100
    assert ended.summary["score"]["right"] == server["right"] == 100
    assert [server["by_key"][key]["ok"] for key in KEYS.values()] == [20, 20, 20, 40]
    assert server["tracked"]["requests"] == 20


def test_a_langchain_model_works_beside_the_others(endpoint: Simulated, tmp_path: Path) -> None:
    pytest.importorskip("langchain_openai")
    configure(tmp_path, (tmp_path / "llmdash.toml").read_text() + CHAIN)
    (tmp_path / "chain_model.py").write_text(
        "from langchain_openai import ChatOpenAI\n"
        f"model = ChatOpenAI(model='m', base_url='{endpoint.base_url}', api_key='k-chat', max_retries=0)\n"
    )
    env = environment(tmp_path, PROMPTLAYER_API_KEY="pl-key", **KEYS)
    ended = llmdash("run", "sums.toml", *RUN, cwd=tmp_path, env=env)
    assert (ended.code, ended.summary["done"]) == (0, 100)
    assert {key["label"]: key["ok"] for key in ended.summary["keys"]}["chain"] in (16, 17)
    assert endpoint.stats()["requests"] == 100


def test_one_endpoint_of_several_can_be_picked(endpoint: Simulated, tmp_path: Path) -> None:
    env = environment(tmp_path, **KEYS)
    ended = llmdash("run", "sums.toml", *RUN, "--endpoint", "claude", cwd=tmp_path, env=env)
    assert (ended.code, ended.summary["done"]) == (0, 100)
    assert endpoint.stats()["by_key"]["k-claude"]["ok"] == 100


def test_a_token_limit_is_kept_before_the_server_has_to_say_so(simulator: Simulator, tmp_path: Path) -> None:
    running = simulator(keys=("only",), tpm=60_000)
    configure(
        tmp_path,
        f'[[endpoint]]\nname = "e"\nbase_url = "{running.base_url}"\n'
        'model = "m"\napi_key_env = "K"\ntpm = 54000\n',
    )
    (tmp_path / "sums.toml").write_text('task = "arithmetic"\n[arithmetic]\ncount = 40\nseed = 3\n')
    ended = llmdash("run", "sums.toml", *RUN, cwd=tmp_path, env=environment(tmp_path, K="only"))
    assert (ended.code, ended.summary["done"]) == (0, 40)
    assert running.stats()["by_key"]["only"]["throttled"] == 0


def test_a_key_whose_limit_the_server_tells_is_hardly_ever_throttled(
    simulator: Simulator, tmp_path: Path
) -> None:
    """1,200 requests a minute and no limit of ours: the hints alone keep the key from being told off."""
    running = simulator(keys=("only",), rpm=1200)
    (tmp_path / "sums.toml").write_text('task = "arithmetic"\n[arithmetic]\ncount = 1300\nseed = 3\n')
    env = environment(tmp_path, running)
    ended = llmdash("run", "sums.toml", *RUN, "--concurrency", 4, cwd=tmp_path, env=env)
    assert (ended.code, ended.summary["done"]) == (0, 1300)
    assert running.stats()["by_key"]["only"]["throttled"] <= 20


def test_a_batch_file_goes_in_and_comes_out_as_one(simulator: Simulator, tmp_path: Path) -> None:
    line = '{"custom_id": "q%d", "method": "POST", "url": "/v1/chat/completions", "body": {"model": "m", '
    line += '"max_tokens": 40, "messages": [{"role": "user", "content": "What is %d + 1?"}]}}\n'
    (tmp_path / "in.jsonl").write_text("".join(line % (n, n) for n in range(5)))
    env = environment(tmp_path, simulator())
    ended = llmdash("run", "in.jsonl", "--headless", "--out", "r.batch.jsonl", cwd=tmp_path, env=env)
    assert (ended.code, ended.err.count("\n")) == (0, 1)
    assert "sent: body; carried: none" in ended.err
    out = (tmp_path / "r.batch.jsonl").read_text().splitlines()
    assert [f'"custom_id":"q{n}"' in line.replace(" ", "") for n, line in enumerate(out)] == [True] * 5


def test_a_fake_model_of_langchain_core_works_in_the_pool(endpoint: Simulated, tmp_path: Path) -> None:
    pytest.importorskip("langchain_core")
    configure(tmp_path, (tmp_path / "llmdash.toml").read_text() + CHAIN)
    (tmp_path / "chain_model.py").write_text(
        "from langchain_core.language_models import FakeListChatModel\n"
        "model = FakeListChatModel(responses=['no JSON in here'])\n"
    )
    env = environment(tmp_path, PROMPTLAYER_API_KEY="pl-key", **KEYS)
    ended = llmdash("run", "sums.toml", *RUN, cwd=tmp_path, env=env)
    assert (ended.code, ended.summary["done"]) == (0, 100)
    of_fake = {key["label"]: key["ok"] for key in ended.summary["keys"]}["chain"]
    assert of_fake == ended.summary["score"]["not_parseable"] > 0
    assert of_fake + endpoint.stats()["requests"] == 100


def test_no_prompt_fails_for_an_endpoint_that_lacks_its_model(tmp_path: Path) -> None:
    """Two keys of one endpoint refuse alike; the other endpoint decides whose fault that is."""

    def answering(body: dict[str, Any]) -> str | tuple[int, dict[str, Any]]:
        time.sleep(0.02)
        refusal = {"error": {"message": "model mb not found", "code": "model_not_found"}}
        return "OK" if body["model"] == "ma" else (404, refusal)

    with Recorder(answering) as server:
        table = '[[endpoint]]\nname = "{0}"\nbase_url = "{1}/v1"\nmodel = "m{0}"\napi_key_env = "K{0}"\n'
        configure(tmp_path, "".join(table.format(name, server.root) for name in "ab"))
        (tmp_path / "p.txt").write_text("".join(f"What is {n}?\n" for n in range(60)))
        env = environment(tmp_path, Ka="sk-aaaaaaaaaaaaaaaa1", Kb="sk-bbbbbbbbbbbbbbbb2,sk-cccccccccccccccc3")
        ended = llmdash("run", "p.txt", *RUN, "--no-stream", "--concurrency", 8, cwd=tmp_path, env=env)
    assert (ended.code, ended.summary["done"], ended.summary["failed"]) == (0, 60, 0), ended.err
    assert ended.summary["attempts"] == len(server.requests)
