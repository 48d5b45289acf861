"""`llmdash simulate`: faults by name, strictness, and what it refuses to start with."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from click.testing import CliRunner

from llmdash.cli import main
from llmdash.simulator.faults.registry import FAULTS


@contextmanager
def simulating(*options: str) -> Iterator[str]:
    """Run the command; yields its base URL."""
    command = [sys.executable, "-m", "llmdash", "simulate", "--latency", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()
    assert process.returncode == 0


def post(base_url: str, **fields: Any) -> tuple[int, Any]:
    body = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], **fields}
    request = urllib.request.Request(  # noqa: S310 - loopback
        base_url + "/chat/completions", json.dumps(body).encode(), {"Authorization": "Bearer sim-key-1"}
    )
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310 - loopback
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def test_faults_strictness_and_reasoning_are_options() -> None:
    options = ("--fault", "no-max-tokens", "--fault", "odd-finish:abort=0", "--strict")
    with simulating(*options, "--cached", "0.5", "--reasoning", "4") as base_url:
        assert post(base_url, max_tokens=9)[1]["error"]["param"] == "max_tokens"
        assert post(base_url, foo=1)[0] == 400
        status, answer = post(base_url)
    assert status == 200
    assert answer["choices"][0]["finish_reason"] == "stop"
    assert answer["usage"]["completion_tokens_details"] == {"reasoning_tokens": 4}
    assert answer["usage"]["prompt_tokens_details"]["cached_tokens"] > 0


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("strange", "faults: unknown 'strange'; known are bare-error-mid, big-headers"),
        ("odd-finish:x", "faults: odd-finish has no variant 'x'"),
        ("odd-finish=2", "is not between 0 and 1"),
        ("odd-finish=many", "faults: odd-finish: 'many' is not a number from 0 to 1"),
    ],
)
def test_a_fault_that_there_is_not_is_refused(fault: str, words: str) -> None:
    result = CliRunner().invoke(main, ["simulate", "--fault", fault])
    assert (result.exit_code, words in result.output) == (2, True), result.output


def test_the_faults_are_listed() -> None:
    result = CliRunner().invoke(main, ["simulate", "--list-faults"])
    assert result.exit_code == 0
    assert all(f"\n{name}: " in "\n" + result.output for name in FAULTS)
    assert "variants: google, arrearage, credit" in result.output
