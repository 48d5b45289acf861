"""A run in a process of its own whose rate is steered from outside.

`python -m tests.rate_client URL FOLDER [RPM]`. Each line of standard input is a rate to set, or `end`; each
line of standard output tells of one that was set: `[rate, asked, obeyed]`, in seconds of Unix time by the
clock of the kernel, whatever `time.time` says.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from llmdash.config import EndpointSettings, Settings
from llmdash.engine.model.commands import Cancel, SetRate
from llmdash.engine.model.view import JobsView, View
from llmdash.engine.session import LocalSession
from llmdash.launch.plan_builder import make_plan
from llmdash.launch.run_folders import run_folder
from llmdash.launch.run_input import Input
from llmdash.launch.run_order import RunOrder
from llmdash.prompts.arithmetic import Arithmetic
from llmdash.secrets import Secret

VIEW = View(jobs=JobsView(height=0))
KEYS = ("sk-rate-0001-aaaaaaaaaaaa", "sk-rate-0002-bbbbbbbbbbbb", "sk-rate-0003-cccccccccccc")


def kernel_time() -> float:
    return time.clock_gettime(time.CLOCK_REALTIME)


def settings_for(base_url: str, rpm: int | None) -> Settings:
    keys = tuple(Secret(key) for key in KEYS)
    endpoint = EndpointSettings("counting", "openai-chat", base_url, "m", keys, rpm=rpm)
    return Settings(rate=5.0, concurrency=64).with_endpoints((endpoint,))


def main() -> None:
    base_url, folder = sys.argv[1:3]
    rpm = int(sys.argv[3]) if len(sys.argv) > 3 else None
    settings = settings_for(base_url, rpm)
    source = Arithmetic(count=1_000_000, seed=1)
    plan = make_plan(source, RunOrder(Input(seed=1)), settings, run_folder(Path(folder), "rate"), None)
    session = LocalSession(plan)
    session.start()
    for line in sys.stdin:
        if line.strip() == "end":
            break
        rate = json.loads(line)
        asked = kernel_time()
        session.command(SetRate(rate))
        while session.frame(VIEW).rate.rate != rate and session.alive:
            time.sleep(0.001)
        print(json.dumps([rate, asked, kernel_time()]), flush=True)
    session.command(Cancel())
    session.join()
    if session.crash is not None:
        raise session.crash


if __name__ == "__main__":
    main()
