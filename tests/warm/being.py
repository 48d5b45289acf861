"""Makes a process that was forked one that was started: it runs a command line as an interpreter does."""

from __future__ import annotations

import atexit
import ctypes
import fcntl
import io
import os
import runpy
import signal
import subprocess
import sys
import termios
import threading
import time
from pathlib import Path
from types import ModuleType
from typing import NoReturn

from tests.warm.asking import Ask, is_open
from tests.warm.popen import WarmPopen

__all__ = ["become"]

_ROOT = Path(__file__).resolve().parent.parent.parent
_FLUSH_FAILED = 120
"""How an interpreter ends that could not write all."""


def become(ask: Ask, files: list[int]) -> NoReturn:
    """Run what is asked for, with these files and in the folder that is the last of them, and end."""
    code = 1
    try:
        _use_signals(ask.ignored)
        if ask.is_session:
            os.setsid()
        *files, folder = files
        os.fchdir(folder)
        _use_files(files, ask.descriptors)
        if ask.controls:
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        for number in ask.closed:
            os.close(number)
        _use_environment(ask.arguments, ask.environment)
        _use_streams()
        vars(subprocess)["Popen"] = WarmPopen  # what it starts itself is forked as well
        code = _ended(ask.arguments[1:])
    finally:
        os._exit(code)


def _use_signals(ignored: list[int]) -> None:
    """As they are in an interpreter whose parent ignored some."""
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        if number in ignored or number in (signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_IGN)
        elif number == signal.SIGINT:
            signal.signal(number, signal.default_int_handler)
        elif signal.getsignal(number) is not signal.SIG_DFL:
            signal.signal(number, signal.SIG_DFL)


def _use_files(files: list[int], descriptors: list[int]) -> None:
    """Give the files these numbers, and close all others."""
    beyond = max([2, *files, *descriptors]) + 1
    moved = [fcntl.fcntl(file, fcntl.F_DUPFD, beyond) for file in files]
    for source, number in zip(moved, descriptors, strict=True):
        os.dup2(source, number)
    begin = 0
    for number in [*sorted(descriptors), os.sysconf("SC_OPEN_MAX")]:
        if number > begin:
            os.closerange(begin, number)
        begin = number + 1


def _use_environment(arguments: list[str], environment: dict[str, str]) -> None:
    """Take the variables, and show them and the command line to whoever looks at the process."""
    os.environ.clear()
    fields = Path("/proc/self/stat").read_text().rsplit(")", 1)[1].split()
    places = [int(field) for field in fields[45:49]]
    variables = [f"{name}={value}" for name, value in environment.items()]
    for begin, end, words in zip(places[::2], places[1::2], (arguments, variables), strict=True):
        shown = b"".join(os.fsencode(word) + b"\0" for word in words)[: end - begin - 1]
        ctypes.memmove(begin, shown.ljust(end - begin, b"\0"), end - begin)
    os.environ.update(environment)
    time.tzset()


def _use_streams() -> None:
    """Open the standard streams, as far as they are open."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        stream = _stream(number, getattr(sys, name)) if is_open(number) else None
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def _stream(number: int, model: io.TextIOWrapper) -> io.TextIOWrapper:
    binary = open(number, "wb" if number else "rb", closefd=False)  # noqa: SIM115 - open to the end
    by_line = number == 2 or (number == 1 and os.isatty(number))
    newline = "\n" if number else None
    return io.TextIOWrapper(binary, model.encoding, model.errors, newline, by_line)


def _ended(arguments: list[str]) -> int:
    """Run a command line of the interpreter, and what that does at its end; gives the exit code."""
    code = 0
    try:
        _run(arguments)
    except SystemExit as ended:
        code = _code(ended)
    except KeyboardInterrupt:
        sys.excepthook(*sys.exc_info())
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    except BaseException:  # noqa: BLE001 - the end of the program
        sys.excepthook(*sys.exc_info())
        code = 1
    vars(threading)["_shutdown"]()
    atexit._run_exitfuncs()
    return code if _flushed() else _FLUSH_FAILED


def _run(arguments: list[str]) -> None:
    sys.path.remove(str(_ROOT))  # where the server has its own from
    if arguments[0] == "-m":
        sys.path.insert(0, os.getcwd())  # noqa: PTH109 - as an interpreter has it
        sys.argv[:] = arguments[1:]
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
        return
    safe, dash_c, code, *rest = arguments
    assert (safe, dash_c) == ("-P", "-c")
    sys.argv[:] = [dash_c, *rest]
    main = sys.modules["__main__"] = ModuleType("__main__")
    exec(compile(code, "<string>", "exec"), main.__dict__)  # noqa: S102 - what was asked for


def _code(ended: SystemExit) -> int:
    if ended.code is None or isinstance(ended.code, int):
        return (ended.code or 0) & 0xFF
    print(ended.code, file=sys.stderr)
    return 1


def _flushed() -> bool:
    try:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None and not stream.closed:
                stream.flush()
    except OSError:
        return False
    return True
