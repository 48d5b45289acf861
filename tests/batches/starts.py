"""Starts of one run, each in a process forked from this one, which has loaded the program."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from llmdash.engine.model.batch_terms import BatchPace
from llmdash.llms.batch_services.anthropic_service import AnthropicBatchService
from llmdash.llms.batch_services.openai_service import OpenAIBatchService
from tests.batches.steps import Step, Steps, around, steps_in

__all__ = ["PACE", "Ended", "start"]

PACE = BatchPace(
    first_look=0.04,
    growth=1.2,
    longest_look=0.15,
    search=(0.05, 0.45, 1.0),
    fresh=5.0,
    cancelling=0.5,
    again=0.05,
    longest_again=0.2,
    full=0.1,
)
"""As patient as a service needs whose lists lag by 0.3 s."""

_LOOK_S = 0.004
_CALLS_A_MINUTE = 1e6


class Ended(NamedTuple):
    """How a start ended: `code` as of a process, None if it had to be ended since it hung."""

    code: int | None
    steps: Sequence[Step]
    out: str
    err: str

    @property
    def was_killed(self) -> bool:
        return self.code == -signal.SIGKILL


def start(
    arguments: Sequence[object],
    folder: Path,
    environment: dict[str, str],
    *,
    kill_at: int = 0,
    longest_s: float,
) -> Ended:
    """Run `llmdash` in `folder` until it ends, or kills itself at the step `kill_at`."""
    files = {name: folder / name for name in ("out", "err", "steps")}
    pid = os.fork()
    if not pid:
        _become([str(each) for each in arguments], folder, environment, files, kill_at)
    code = _ended(pid, longest_s)
    out, err = (files[name].read_text(errors="replace") for name in ("out", "err"))
    return Ended(code, steps_in(files["steps"]), out, err)


def _ended(pid: int, longest_s: float) -> int | None:
    until = time.monotonic() + longest_s
    while time.monotonic() < until:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        time.sleep(_LOOK_S)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return None


def _become(
    arguments: list[str], folder: Path, environment: dict[str, str], files: dict[str, Path], kill_at: int
) -> NoReturn:
    code = 1
    try:
        os.setsid()
        os.environ.clear()
        os.environ.update(environment)
        os.chdir(folder)
        for number, name in ((1, "out"), (2, "err")):
            file = os.open(files[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            os.dup2(file, number)
        sys.stdout, sys.stderr = (os.fdopen(each, "w", buffering=1) for each in (1, 2))
        sys.argv = ["llmdash", *arguments]
        _hasten()
        Steps(files["steps"], kill_at).watch()
        code = _code_of(arguments)
    finally:
        with suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _code_of(arguments: list[str]) -> int:
    from llmdash.cli import main

    try:
        main(arguments, prog_name="llmdash")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - as an interpreter does
        sys.excepthook(*sys.exc_info())
        return 1
    return 0


def _hasten() -> None:
    """Plan with a pace for tests; the limits of calls are those of a service that is far away."""
    from llmdash.launch import headless

    run: Callable[..., int] = headless.run_headless

    def run_fast(plan: Any, *rest: Any, **named: Any) -> int:
        return run(replace(plan, batch=replace(plan.batch, pace=PACE)), *rest, **named)

    vars(headless)["run_headless"] = run_fast
    AnthropicBatchService.limits = AnthropicBatchService.limits._replace(calls_a_minute=_CALLS_A_MINUTE)
    around(OpenAIBatchService, "__init__", _made_fast)


def _made_fast(make: Callable[..., None]) -> Callable[..., None]:
    def made(service: OpenAIBatchService, *arguments: Any) -> None:
        make(service, *arguments)
        service.limits = service.limits._replace(calls_a_minute=_CALLS_A_MINUTE)

    return made
