"""Runs that nobody watches from the start."""

from __future__ import annotations

import json as json_text
import sys

from llmdash.config import ConfigError, Settings
from llmdash.exit_codes import ExitCode
from llmdash.launch.engine_process import EngineProcess
from llmdash.launch.kept import report_room
from llmdash.launch.run_order import RunOrder
from llmdash.launch.shutdown import left_running
from llmdash.reports.export.draft import is_stream
from llmdash.reports.output import Output
from llmdash.sanitize import clean_line

__all__ = ["run_detached"]


def run_detached(engine: EngineProcess, order: RunOrder, settings: Settings, *, json: bool) -> int:
    """Have the engine run what is ordered, and return the exit code once it holds the lock and listens.

    Prints the name, the folder and the process of the run, with `json` as an object. Raises ConfigError where
    the results would go to a stream of this process, RefusedError where the run cannot start.
    """
    if order.out is not None and is_stream(order.out):
        raise ConfigError(f"--out {order.out}: a run that is left cannot write to it; name a file")
    engine.submit(order, settings)
    ready = engine.ready()
    engine.release()
    if not order.resume:
        report_room(settings.kept)
    output = Output(sys.stdout)  # that nobody can be told changes nothing: the run has begun
    if json:
        said = {"run": ready.folder.name, "dir": str(ready.folder), "pid": ready.pid}
        output.line(json_text.dumps(said))
    else:
        output.line(f"Run {clean_line(ready.folder.name)} in {clean_line(str(ready.folder))}")
        output.line(left_running(ready.folder))
    return ExitCode.DONE
