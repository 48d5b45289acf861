"""What the process of an engine does before a run: why one is refused, and how its threads share the time."""

from __future__ import annotations

import gc
import socket
import sys
from pathlib import Path

from llmdash.config import Settings, load_settings
from llmdash.exit_codes import ExitCode
from llmdash.launch.engine_line import EngineLine, EngineOrder, RunRefused
from llmdash.launch.engine_service import serve
from llmdash.launch.preparing import PreparedRun
from llmdash.launch.run_input import Input
from llmdash.launch.run_order import RunOrder
from llmdash.prompts.source import InputError


def test_a_frame_waits_a_millisecond_for_the_engine_and_for_no_look_at_all_objects(
    tmp_path: Path,
) -> None:
    waits: list[float] = []
    looks: list[int] = []

    def make(_order: RunOrder, _settings: Settings) -> PreparedRun:
        waits.append(sys.getswitchinterval())
        looks.append(gc.get_threshold()[2])
        raise InputError("p.txt: there is no such file")

    before = sys.getswitchinterval(), gc.get_threshold()
    asked = EngineOrder(RunOrder(Input(tmp_path / "p.txt")), load_settings({}, environ={}, cwd=tmp_path))
    ends = socket.socketpair()
    with EngineLine(ends[0]) as line, EngineLine(ends[1]) as other:
        assert serve(line, asked, make) == ExitCode.USAGE
        assert other.receive() == RunRefused("p.txt: there is no such file", ExitCode.USAGE)
    assert (waits, looks) == ([0.001], [1_000])
    assert before == (sys.getswitchinterval(), gc.get_threshold())
