"""The line to an engine: whole messages, with their secrets, and an end that is seen."""

from __future__ import annotations

import pickle
import socket
import threading
from pathlib import Path

import pytest

from llmdash.config import load_settings
from llmdash.launch.engine_line import EngineLine, EngineOrder, Environment
from llmdash.launch.run_input import Input
from llmdash.launch.run_order import PRACTICE, RunOrder
from llmdash.secrets import Secret

KEY = "sk-canary-0123456789abcdef"


@pytest.fixture
def ends() -> tuple[EngineLine, EngineLine]:
    one, other = socket.socketpair()
    return EngineLine(one), EngineLine(other)


def test_an_order_arrives_with_its_keys_and_the_settings_can_still_be_read_anew(
    ends: tuple[EngineLine, EngineLine], tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text(f"API_KEY={KEY}\n")
    headers = {"headers": ["X-Team=env:TEAM"]}
    settings = load_settings(headers, environ={"TEAM": "team-canary-0123456789"}, cwd=tmp_path)
    order = RunOrder(Input(Path("p.txt"), limit=3), flags={"rate": "5/s"}, practice=PRACTICE)
    with ends[0], ends[1]:
        assert ends[0].send(EngineOrder(order, settings))
        arrived = ends[1].receive()
    assert arrived.order == order
    assert arrived.settings == settings
    assert [key.reveal() for key in arrived.settings.keys] == [KEY]
    assert arrived.settings.redactor.redact(KEY) != KEY
    assert KEY not in repr(arrived)
    (tmp_path / ".env").write_text(f"API_KEY={KEY},{KEY}-2\n")
    again = arrived.settings.key_file.reload()
    assert [key.reveal() for key in again.keys] == [KEY, f"{KEY}-2"]
    assert arrived.settings.redactor.redact(f"{KEY}-2") != f"{KEY}-2", "one redactor knows them all"


def test_messages_of_any_size_arrive_whole_and_in_order(ends: tuple[EngineLine, EngineLine]) -> None:
    sent = [Environment({"A": "x" * size}) for size in (0, 1, 3_000_000, 2)]
    with ends[0], ends[1]:
        thread = threading.Thread(target=lambda: [ends[0].send(message) for message in sent])
        thread.start()
        assert [ends[1].receive() for _ in sent] == sent
        thread.join()


def test_the_end_of_the_other_process_is_seen_and_no_error(ends: tuple[EngineLine, EngineLine]) -> None:
    one, other = ends
    with one:
        assert one.is_open()
        other.close()
        other.close()
        assert not one.is_open()
        assert not one.send(Environment({}))
        assert one.receive() is None


def test_a_message_that_was_cut_off_is_none() -> None:
    here, there = socket.socketpair()
    with EngineLine(here) as line:
        there.sendall(b"\0\0\0\0\0\0\0\x10half")
        there.close()
        assert line.receive() is None


def test_no_other_pickler_packs_a_secret_and_no_message_shows_one() -> None:
    with pytest.raises(TypeError):
        pickle.dumps(Secret(KEY))
    assert KEY not in repr(Environment({"API_KEY": KEY}))
