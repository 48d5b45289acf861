"""An engine listens where only its user reaches it, wherever that can be, and says so in the run's folder."""

from __future__ import annotations

import json
import os
import socket
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from llmdash.engine.model.states import RunState
from llmdash.engine.model.view import View
from llmdash.remote.addresses import (
    ENGINE_FILE,
    ListenError,
    NotRunningError,
    Places,
    engine_of,
    is_ours,
    listen,
    reach,
)
from llmdash.remote.client import RemoteSession
from llmdash.remote.peers import is_same_user
from llmdash.remote.server import SessionServer
from tests.remote.made_up import MadeUpSession, served, short_folder
from tests.runs.kept import FACTS, keep, totals


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_socket_and_what_names_it_are_for_the_user_alone() -> None:
    with served(MadeUpSession()) as (_, folder):
        (path,) = (folder / "sockets").iterdir()
        assert (mode(folder / "sockets"), mode(path), mode(folder / ENGINE_FILE)) == (0o700, 0o600, 0o600)
        record = json.loads((folder / ENGINE_FILE).read_text())
        assert record["pid"] == os.getpid()
        assert record["address"] == f"unix:{path}"
        assert record["version"]


def test_without_unix_sockets_a_token_is_asked_for() -> None:
    with served(MadeUpSession(), unix=False) as (_, folder):
        address, token = engine_of(folder).address, folder / "engine.token"
        assert address.startswith("tcp:127.0.0.1:")
        assert mode(token) == 0o600
        assert token.read_text() not in (folder / ENGINE_FILE).read_text()
        viewer = RemoteSession.attach(folder)
        assert viewer.frame(View()).run.name == "made up"
        viewer.close()
        token.write_text("another")
        with pytest.raises(NotRunningError, match="the token is not that of this run"):
            RemoteSession.attach(folder)
        token.unlink()
        with pytest.raises(NotRunningError, match="no engine works on this run"):
            RemoteSession.attach(folder)


def places(environ: dict[str, str]) -> tuple[Path, ...]:
    return Places.of(environ).folders


def test_the_runtime_folder_is_used_only_where_it_is_ours_alone(tmp_path: Path) -> None:
    runtime = tmp_path / "runtime"
    assert places({}) == places({"XDG_RUNTIME_DIR": str(runtime)}) == places({"XDG_RUNTIME_DIR": ""})
    runtime.mkdir(mode=0o700)
    assert places({"XDG_RUNTIME_DIR": str(runtime)})[0] == runtime / "llmdash"
    runtime.chmod(0o777)
    assert runtime / "llmdash" not in places({"XDG_RUNTIME_DIR": str(runtime)})
    link = tmp_path / "link"
    link.symlink_to(runtime)
    runtime.chmod(0o700)
    assert not is_ours(link)
    assert not is_ours(tmp_path / "missing")


def listening_at(folder: Path, *rooms: Path) -> Path:
    listener = listen(folder, Places(rooms, unix=True))
    listener.socket.close()
    path = Path(listener.address.removeprefix("unix:"))
    listener.remove()
    return path


def test_a_folder_that_others_can_write_to_or_that_cannot_be_made_is_passed_over() -> None:
    with short_folder() as folder:
        for name, permissions in (("open", 0o777), ("good", 0o700)):
            (folder / name).mkdir()
            (folder / name).chmod(permissions)
        (folder / "file").write_text("")
        rooms = (folder / "open", folder / "file", folder / "file" / "below", folder / "good")
        assert listening_at(folder, *rooms).parent == folder / "good"


def test_a_path_that_is_too_long_for_a_socket_is_listened_at_all_the_same(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100) / ("e" * 100)
    deep.mkdir(parents=True)
    listener = listen(deep, Places((deep / "sockets",), unix=True))
    path = Path(listener.address.removeprefix("unix:"))
    assert path.parent == deep / "sockets"
    connection, _ = reach(deep)
    for each in (connection, listener.socket):
        each.close()
    listener.remove()
    assert list(deep.iterdir()) == []


def test_where_no_long_path_can_be_bound_it_is_passed_over(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100)
    deep.mkdir()
    listener = listen(deep, Places((deep / "sockets",), unix=True, descriptors=tmp_path / "none"))
    listener.socket.close()
    path = Path(listener.address.removeprefix("unix:"))
    assert len(os.fsencode(path)) <= 103
    assert not path.is_relative_to(deep)
    listener.remove()
    assert not path.parent.exists()


def test_the_folder_of_sockets_goes_with_the_last_of_them() -> None:
    with short_folder() as rooms, short_folder() as one, short_folder() as two:
        where = Places((rooms / "sockets",), unix=True)
        listeners = [listen(folder, where) for folder in (one, two)]
        for listener, left in zip(listeners, ([rooms / "sockets"], []), strict=True):
            listener.socket.close()
            listener.remove()
            assert list(rooms.iterdir()) == left


def test_engines_come_while_others_remove_the_folder_of_their_sockets() -> None:
    with short_folder() as rooms, short_folder() as runs:
        where = Places((rooms / "sockets",), unix=True)

        def come_and_go(name: str) -> set[Path]:
            (runs / name).mkdir()
            return {listening_at(runs / name, *where.folders).parent for _ in range(50)}

        with ThreadPoolExecutor(4) as pool:
            assert set().union(*pool.map(come_and_go, "abcd")) == {rooms / "sockets"}


def test_what_a_dead_engine_has_left_is_replaced() -> None:
    with short_folder() as folder:
        where = Places((folder / "s",), unix=True)
        dead = listen(folder, where)
        dead.socket.close()
        with pytest.raises(NotRunningError):
            reach(folder)
        again = listen(folder, where)
        assert again.address == dead.address
        connection, token = reach(folder)
        assert token == ""
        for each in (connection, again.socket):
            each.close()
        again.remove()
        again.remove()


def test_two_engines_in_one_folder_of_sockets_do_not_meet() -> None:
    with short_folder() as rooms, short_folder() as one, short_folder() as two:
        where = Places((rooms / "sockets",), unix=True)
        listeners = [listen(folder, where) for folder in (one, two)]
        assert len({listener.address for listener in listeners}) == 2
        for listener in listeners:
            listener.socket.close()
            listener.remove()


def test_a_run_whose_folder_cannot_be_written_does_not_listen(tmp_path: Path) -> None:
    with short_folder() as rooms:
        server = SessionServer(
            MadeUpSession(),
            tmp_path / "gone",
            listen=lambda folder: listen(folder, Places((rooms / "sockets",), unix=True)),
        )
        with pytest.raises(ListenError, match="gone: No such file"):
            server.start()
        server.close()
        assert list(rooms.iterdir()) == []


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "{}", '{"pid": 1}', '{"pid": "x", "address": "unix:/a", "version": ""}', "\x00"],
)
def test_a_file_that_names_no_engine_is_reported(tmp_path: Path, text: str) -> None:
    (tmp_path / ENGINE_FILE).write_text(text)
    with pytest.raises(NotRunningError, match=r"engine\.json cannot be read"):
        reach(tmp_path)


@pytest.mark.parametrize(
    "address",
    [
        "unix:/nowhere/at/all",
        "unix:" + "x" * 300,
        "unix:a\x00b",
        "tcp:127.0.0.1:1",
        "tcp:127.0.0.1:99999999",
        "tcp:x",
        "",
        "odd",
    ],
)
def test_an_address_where_nobody_listens_is_no_running_run(tmp_path: Path, address: str) -> None:
    (tmp_path / "engine.token").write_text("t")
    (tmp_path / ENGINE_FILE).write_text(json.dumps({"pid": 1, "address": address, "version": "1"}))
    with pytest.raises(NotRunningError, match="no engine works on this run"):
        reach(tmp_path)


@pytest.mark.parametrize(
    ("state", "hint"),
    [
        (RunState.DONE, "it is done; see: llmdash runs show"),
        (RunState.STOPPED, "go on with: llmdash run --resume"),
        (RunState.RUNNING, "go on with: llmdash run --resume"),
    ],
)
def test_a_run_that_is_done_is_not_said_to_go_on(tmp_path: Path, state: RunState, hint: str) -> None:
    folder = keep(facts={**FACTS, **totals(state)}, at=tmp_path / "run")
    with pytest.raises(NotRunningError, match=f"no engine works on this run; {hint}"):
        reach(folder)


def test_the_user_at_the_other_end_is_known() -> None:
    one, two = socket.socketpair()
    with one, two:
        assert is_same_user(one)
    assert not is_same_user(one)
