"""Where an engine listens: a Unix socket that only its user reaches, or loopback TCP with a token.

The file `engine.json` in the run's folder says where: {"pid", "address", "version"}. The address is
`unix:PATH`, or `tcp:127.0.0.1:PORT` with the token in `engine.token` beside it.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import secrets
import socket
import stat
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from llmdash import __version__
from llmdash.engine.journal.belongings import ENGINE as ENGINE_FILE
from llmdash.engine.journal.belongings import TOKEN as TOKEN_FILE
from llmdash.engine.journal.file import JournalError
from llmdash.engine.journal.reader import JournalReader
from llmdash.engine.journal.totals import totals_in
from llmdash.engine.model.states import RunState
from llmdash.lean_dataclass import dataclass
from llmdash.locations import data_dir, from_record, private_dir, recorded
from llmdash.remote.sockets import BACKLOG, DESCRIPTORS, bind_unix, connect_unix
from llmdash.sanitize import shell_word

__all__ = [
    "ENGINE_FILE",
    "EngineRecord",
    "ListenError",
    "Listener",
    "NotRunningError",
    "Places",
    "engine_of",
    "go_on_command",
    "is_ours",
    "listen",
    "not_running",
    "reach",
]

_CONNECTS_WITHIN_S = 2.0
_TRIES = 100
"""How often a folder is made again that others remove meanwhile."""


class ListenError(OSError):
    """No place to listen at."""


class NotRunningError(JournalError):
    """No engine can be reached at a run; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where sockets may be: the folders to try, the best first, and whether there are Unix sockets at all.

    `descriptors` is where the system shows this process its open folders, if it does.
    """

    folders: tuple[Path, ...]
    unix: bool
    descriptors: Path = DESCRIPTORS

    @classmethod
    def of(cls, environ: Mapping[str, str] = os.environ) -> Places:
        """Return the places of this system."""
        runtime = environ.get("XDG_RUNTIME_DIR", "")
        given = (Path(runtime) / "llmdash",) if runtime and is_ours(Path(runtime)) else ()
        temp = Path(tempfile.gettempdir(), f"llmdash-{os.getuid()}")
        return cls((*given, data_dir() / "sockets", temp), hasattr(socket, "AF_UNIX"))


@dataclass(frozen=True, slots=True)
class EngineRecord:
    """What the file in a run's folder says of its engine."""

    pid: int
    address: str
    version: str


class Listener:
    """A socket that listens, and the files that name it. `token` is empty for a Unix socket."""

    def __init__(
        self,
        made: socket.socket,
        address: str,
        token: str,
        files: tuple[Path, ...],
        room: Path | None = None,
    ) -> None:
        self.socket = made
        self.address = address
        self.token = token
        self._files = files
        self._room = room

    def is_lost(self, folder: Path) -> bool:
        """Return True if the socket is gone though this is the engine of the run in `folder`.

        The system deletes the folder of sockets of a user who has logged out.
        """
        try:
            return not all(path.exists() for path in self._files[1:]) and engine_of(folder).pid == os.getpid()
        except (NotRunningError, OSError):
            return False

    def remove(self) -> None:
        """Remove the files; nobody new comes. The socket is closed by whoever accepts on it.

        The folder of a socket goes with the last one in it.
        """
        for path in self._files:
            with suppress(OSError):
                path.unlink()
        if self._room is not None:
            with suppress(OSError):
                self._room.rmdir()


def is_ours(folder: Path) -> bool:
    """Return True for a folder of this user, not a link, that nobody else can write to."""
    try:
        return _is_private(folder.lstat())
    except OSError:
        return False


def _is_private(found: os.stat_result) -> bool:
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o022


def listen(folder: Path, places: Places | None = None) -> Listener:
    """Listen for the viewers of the run in `folder`, whose lock this process holds. Raises ListenError."""
    try:
        listener = _listener(folder, places or Places.of())
    except OSError as error:
        raise ListenError(f"{folder}: {error}") from error
    try:
        if listener.token:
            _write(folder / TOKEN_FILE, listener.token)
        record = {"pid": os.getpid(), "address": listener.address, "version": __version__}
        _write(folder / ENGINE_FILE, json.dumps(record))
    except OSError as error:
        listener.socket.close()
        listener.remove()
        why = error.strerror or error
        raise ListenError(
            f"{folder}: {why}; an engine is named there: make it writable, or make room"
        ) from error
    return listener


def _listener(folder: Path, places: Places) -> Listener:
    named = folder / ENGINE_FILE
    tried: list[str] = []
    for room in _rooms(places):
        try:
            made, path = _listening(room, folder, places.descriptors)
            return Listener(made, f"unix:{recorded(path)}", "", (named, path), room)
        except OSError as error:
            tried.append(f"{room}: {error.strerror or error}")
    try:
        made = socket.create_server(("127.0.0.1", 0), backlog=BACKLOG)
    except OSError as error:
        raise OSError("; ".join((*tried, f"127.0.0.1: {error.strerror or error}"))) from error
    return Listener(
        made,
        f"tcp:127.0.0.1:{made.getsockname()[1]}",
        secrets.token_urlsafe(32),
        (named, folder / TOKEN_FILE),
    )


def _rooms(places: Places) -> Iterator[Path]:
    """Yield the folders to try, at last a new one of a name that nobody has guessed."""
    if places.unix:
        yield from places.folders
        with suppress(OSError):
            yield Path(tempfile.mkdtemp(prefix="llmdash-"))


def _listening(room: Path, folder: Path, descriptors: Path) -> tuple[socket.socket, Path]:
    """Listen in `room` for the run in `folder`; another engine may just have removed it. Raises OSError."""
    tries = 0
    while True:
        try:
            path = _socket_path(room, folder)
            return bind_unix(path, descriptors), path
        except (FileNotFoundError, NotADirectoryError):
            tries += 1
            if tries == _TRIES:
                raise


def _socket_path(room: Path, folder: Path) -> Path:
    """Return the path for the socket of the run in `folder`; the same one in `room` for the same run.

    Raises OSError where nothing may be put there.
    """
    name = hashlib.blake2b(os.fsencode(folder.resolve()), digest_size=8).hexdigest()
    path = private_dir(room) / name
    if not _is_private(room.lstat()):
        raise OSError(errno.EPERM, "others can write there")
    return path


def _write(path: Path, text: str) -> None:
    """Write a file that only this user reads; it is there whole, or not at all."""
    new = path.with_name(f".{path.name}.{os.getpid()}")
    with suppress(FileNotFoundError):
        new.unlink()
    try:
        with os.fdopen(
            os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
        ) as file:
            file.write(text)
        new.replace(path)
    except OSError:
        with suppress(OSError):
            new.unlink()
        raise


def engine_of(folder: Path) -> EngineRecord:
    """Return what is on record of the engine of a run, which may be dead. Raises NotRunningError."""
    try:
        found = json.loads((folder / ENGINE_FILE).read_text("utf-8"))
        return EngineRecord(int(found["pid"]), str(found["address"]), str(found["version"]))
    except FileNotFoundError:
        raise not_running(folder) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise not_running(folder, f"{ENGINE_FILE} cannot be read ({error})") from None


def reach(folder: Path) -> tuple[socket.socket, str]:
    """Return a connection to the engine of the run in `folder`, and the token. Raises NotRunningError."""
    engine = engine_of(folder)
    kind, _, place = engine.address.partition(":")
    try:
        if kind == "unix":
            return connect_unix(from_record(place)), ""
        token = (folder / TOKEN_FILE).read_text("utf-8")
        host, _, port = place.rpartition(":")
        return socket.create_connection((host, int(port)), _CONNECTS_WITHIN_S), token
    except (OSError, ValueError, OverflowError):
        raise not_running(folder) from None


def not_running(folder: Path, because: str = "no engine works on this run") -> NotRunningError:
    """Return the error of a run that cannot be reached."""
    return NotRunningError(f"{folder}: {because}; {_next_step(folder)}")


def _next_step(folder: Path) -> str:
    """What to do with a run that no engine works on."""
    try:
        totals = totals_in(JournalReader(folder).facts())
    except JournalError:
        totals = None
    if totals is not None and totals.state == RunState.DONE.value:
        return f"it is done; see: llmdash runs show {shell_word(folder)}"
    return f"go on with: {go_on_command(folder)}"


def go_on_command(folder: Path) -> str:
    """Return the command that starts an engine on the run in `folder` again, quoted for a shell."""
    return f"llmdash run --resume --run-dir {shell_word(folder)}"
