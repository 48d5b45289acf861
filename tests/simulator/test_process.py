"""The simulator as a process: it starts, it ends with its parent, it leaves nothing behind."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from subprocess import PIPE

import pytest

from llmdash.simulator import process
from llmdash.simulator.process import SimulatorError, SimulatorProcess
from llmdash.simulator.settings import SimulatorSettings
from tests.simulated import stats_of
from tests.waiting import PATIENCE_S, has_ended, wait_for

SETTINGS = SimulatorSettings(keys=("a",), latency=0.0)


def test_starting_it_does_not_load_a_server_into_this_process() -> None:
    code = (
        "import sys, llmdash.simulator.process; print({'uvicorn', 'starlette', 'asyncio'} & set(sys.modules))"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=environment, check=True)
    assert done.stdout == b"set()\n"


def test_it_starts_serves_and_closes() -> None:
    with SimulatorProcess(SETTINGS) as running:
        url = running.base_url()
        assert url.startswith("http://127.0.0.1:")
        assert url.endswith("/v1")
        assert running.base_url() == url
        assert stats_of(url)["requests"] == 0
    assert not Path(f"/proc/{running.pid}").exists(), "the child was not reaped"
    running.close()


def test_a_closed_simulator_that_was_never_asked_says_so() -> None:
    running = SimulatorProcess(SETTINGS)
    running.close()
    with pytest.raises(SimulatorError, match="closed"):
        running.base_url()


def test_a_child_that_ends_at_once_is_an_error_with_its_status(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "child_command", lambda _: ["sleep", "600"])  # never ready before its end
    running = SimulatorProcess(SETTINGS)
    os.kill(running.pid, signal.SIGKILL)
    with pytest.raises(SimulatorError, match=r"ended before it was ready \(status -9\)"):
        running.base_url()
    running.close()


def test_many_threads_may_ask_for_the_address() -> None:
    with SimulatorProcess(SETTINGS) as running:
        found: list[str] = []
        threads = [threading.Thread(target=lambda: found.append(running.base_url())) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(found) == 8
        assert len(set(found)) == 1


def test_keys_stand_neither_in_arguments_nor_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-user")
    with SimulatorProcess(SimulatorSettings(keys=("sim-canary",), latency=0)) as running:
        running.base_url()
        told = b"".join(Path(f"/proc/{running.pid}/{name}").read_bytes() for name in ("cmdline", "environ"))
    assert b"sim-canary" not in told
    assert b"sk-of-the-user" not in told


def test_ctrl_c_in_the_terminal_does_not_reach_it() -> None:
    with SimulatorProcess(SETTINGS) as running:
        url = running.base_url()
        assert os.getpgid(running.pid) == running.pid
        os.kill(running.pid, signal.SIGINT)
        assert stats_of(url)["requests"] == 0


PARENT = """
import sys, time
from llmdash.simulator.process import SimulatorProcess
from llmdash.simulator.settings import SimulatorSettings
running = SimulatorProcess(SimulatorSettings(keys=("a",)))
running.base_url()
print(running.pid, flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_it_ends_with_a_parent_that_is_killed(number: int) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, env=environment) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert not has_ended(child)
        parent.send_signal(number)
        parent.wait()
    wait_for(lambda: has_ended(child))


SERVE = """
from llmdash.simulator.server import serve
from llmdash.simulator.settings import SimulatorSettings
serve(SimulatorSettings(keys=("a",), latency=60.0), ready=lambda url: print(url, flush=True))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_server_in_the_foreground_ends_cleanly_on_a_signal(number: int) -> None:
    """Even with a request under way: status 0, one line of output, no complaint."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = [sys.executable, "-c", SERVE]
    with subprocess.Popen(command, stdout=PIPE, stderr=PIPE, env=environment) as server:
        assert server.stdout is not None
        url = server.stdout.readline().decode().strip()
        asking = threading.Thread(target=_ask, args=(url,))
        asking.start()
        _until_asked(url)
        server.send_signal(number)
        out, err = server.communicate(timeout=PATIENCE_S)
        asking.join()
    assert (server.returncode, out, err.decode()) == (0, b"", "")


def _ask(url: str) -> None:
    body = b'{"model": "m", "messages": [{"role": "user", "content": "Hi"}]}'
    connection = http.client.HTTPConnection(url.removeprefix("http://").removesuffix("/v1"))
    connection.request("POST", "/v1/chat/completions", body, {"Authorization": "Bearer a"})
    with contextlib.suppress(OSError, http.client.HTTPException):
        connection.getresponse()
    connection.close()


def _until_asked(url: str) -> None:
    wait_for(lambda: stats_of(url)["requests"])


def test_the_module_reads_settings_from_its_input_and_ends_with_it() -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = [sys.executable, "-m", "llmdash.simulator"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(b'{"keys": ["a", "b"], "latency": 0}\n')
        child.stdin.flush()
        assert child.stdout.readline().startswith(b"http://127.0.0.1:")
        child.stdin.close()
        assert child.wait(timeout=PATIENCE_S) == 0


@pytest.mark.parametrize("line", [b"", b"{", b'{"keys": []}', b'{"rpm": -1}', b'{"keys": 5}'])
def test_the_module_refuses_settings_that_make_no_sense(line: bytes) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run(
        [sys.executable, "-m", "llmdash.simulator"], input=line + b"\n", capture_output=True, env=environment
    )
    assert done.returncode == 2
    assert done.stdout == b""
    assert done.stderr.startswith(b"simulator: settings on standard input: ")
    assert b"Traceback" not in done.stderr
