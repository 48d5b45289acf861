"""The process of an engine: what it gets, and what is said of one that does not come to its run."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from llmdash.child_process import bare_environment
from llmdash.config import Settings
from llmdash.engine.model.commands import Cancel
from llmdash.engine.model.view import View
from llmdash.launch.engine_process import EngineProcess
from llmdash.launch.refused import RefusedError
from llmdash.launch.run_input import Input
from llmdash.launch.run_order import RunOrder
from llmdash.launch.shutdown import write_last_words
from llmdash.remote.client import RemoteSession
from llmdash.reports.alerts import held_up_text
from llmdash.secrets import Secret
from tests.waiting import wait_for

TELL = (
    "import json, os, pathlib, sys; "
    "pathlib.Path(sys.argv[1]).write_text(json.dumps([dict(os.environ), os.getsid(0), sys.argv[1:]]))"
)
"""A program that writes down what it was started with, and ends."""


def test_an_engine_gets_few_variables_no_arguments_and_a_session_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OPENAI_API_KEY", "PYTHON_KEY", "XDG_DATA_HOME", "short"):
        monkeypatch.setenv(name, "sk-canary-0123456789abcdef")
    told = tmp_path / "told"
    with EngineProcess(silent=True, command=[sys.executable, "-c", TELL, str(told)]) as engine:
        with pytest.raises(RefusedError, match="ended before it was ready"):
            engine.ready()
        environ, session, arguments = json.loads(told.read_text())
        assert session == engine.pid != os.getsid(0)
    assert len(arguments) == 2
    assert "canary" not in json.dumps(environ)
    assert set(environ) - {"LC_CTYPE"} <= set(bare_environment())


def test_a_run_that_cannot_start_is_refused_with_its_text_and_code(tmp_path: Path) -> None:
    with EngineProcess(silent=True) as engine:
        engine.submit(RunOrder(Input(tmp_path / "missing.txt")), Settings(base_url="http://127.0.0.1:9/v1"))
        with pytest.raises(RefusedError) as refused:
            engine.ready()
    assert refused.value.code == 2
    assert str(refused.value)


def test_a_run_that_is_stopped_while_its_endpoint_is_down_says_that_it_was(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prompts = tmp_path / "p.txt"
    prompts.write_text("1 + 1\n2 + 2\n")
    settings = Settings(
        base_url="http://127.0.0.1:9/v1", keys=(Secret("sk-made-up-0123456789"),), model="m", concurrency=8
    )
    with EngineProcess(silent=True) as engine:
        engine.submit(RunOrder(Input(prompts), run_dir=tmp_path / "run"), settings)
        ready = engine.ready()
        session = RemoteSession.attach(ready.folder)
        try:
            wait_for(lambda: " is down: " in held_up_text(session.frame(View())), "the endpoint to be down")
            session.command(Cancel())
            ended = engine.ended()
            engine.exported()
        finally:
            session.close()
    assert ended is not None and ended.run is not None
    assert " is down: " in ended.held_up
    write_last_words(ended.run, Path("run"), None, ended.errors, ended.held_up)
    said = capsys.readouterr().out
    assert f"\nHeld up at the end: {ended.held_up}\nResume it with: " in said


def test_a_fault_before_the_run_is_reported_without_the_key(tmp_path: Path) -> None:
    order = RunOrder(None)  # type: ignore[arg-type]  # no order that there can be
    with EngineProcess(silent=True) as engine:
        engine.submit(order, Settings())
        with pytest.raises(RefusedError, match="llmdash stopped because of a fault of its own") as refused:
            engine.ready()
    assert refused.value.code == 1


def test_an_engine_that_is_not_asked_for_anything_ends(tmp_path: Path) -> None:
    with EngineProcess(silent=True) as engine:
        pid = engine.pid
    assert not Path(f"/proc/{pid}").exists()
