"""`llmdash ask` and `llmdash stream`: send one prompt and print the answer as it arrives."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import click

from llmdash.cli.errors import guarded, refuse, settings_from
from llmdash.cli.help_layout import LaidOutCommand
from llmdash.cli.number_range import WholeRange
from llmdash.cli.options import ENDPOINT_OPTIONS, SET_OPTION, with_options

if TYPE_CHECKING:
    from llmdash.config import Settings
    from llmdash.llms.base import LLM
    from llmdash.llms.wire.failures import Failure
    from llmdash.simulator.process import SimulatorProcess

__all__ = ["ask", "stream"]

Pieces = Callable[["LLM", str], AsyncGenerator[Any, None]]
"""A call that yields the pieces of an answer: chunks, or events."""

_TRUNCATED = "...Truncated"

_CALL_OPTIONS = (
    click.option("--temperature", metavar="T", help="Sampling temperature, 0 to 2."),
    click.option("--max-tokens", metavar="N", help="Longest answer, in tokens."),
    click.option(
        "--stream/--no-stream", default=None, help="Stream the answer or fetch it whole.  [default: stream]"
    ),
    SET_OPTION,
    *ENDPOINT_OPTIONS,
    click.option("--simulate", is_flag=True, help="Ask the built-in simulator instead of an endpoint."),
)


@click.command(cls=LaidOutCommand)
@click.argument("prompt")
@with_options(_CALL_OPTIONS)
def ask(prompt: str, simulate: bool, **flags: Any) -> None:
    """Answer PROMPT (- for standard input), with the first key."""
    guarded(lambda: _call(prompt, simulate, flags, _chunks, _Writer(str)))


@click.command(cls=LaidOutCommand)
@click.argument("prompt")
@with_options(_CALL_OPTIONS)
@click.option("--separator", default="|", show_default=True, metavar="TEXT", help="Printed after each chunk.")
@click.option("--events", is_flag=True, help="Events of the call instead of text, one JSON object a line.")
@click.option(
    "--version",
    type=click.Choice(["v1", "v2"]),
    default="v2",
    show_default=True,
    help="With --events: the scheme they follow.",
)
@click.option(
    "--first",
    type=WholeRange(min=1),
    metavar="N",
    help="Only the first N chunks, or events with --events.",
)
def stream(
    prompt: str, simulate: bool, separator: str, events: bool, version: str, first: int | None, **flags: Any
) -> None:
    """Answer PROMPT (- for standard input), with | after each chunk."""
    if events:
        writer = _Writer(lambda event: _json(event) + "\n", first)
        guarded(lambda: _call(prompt, simulate, flags, _events(version), writer))
    writer = _Writer(lambda chunk: f"{text}{separator}" if (text := str(chunk)) else "", first)
    guarded(lambda: _call(prompt, simulate, flags, _chunks, writer))


def _chunks(llm: LLM, prompt: str) -> AsyncGenerator[Any, None]:
    return llm.astream(prompt)


def _events(version: str) -> Pieces:
    return lambda llm, prompt: llm.astream_events(prompt, version=version)


class _Writer:
    """Writes pieces to standard output as they arrive: sanitized on a terminal, unchanged elsewhere.

    With `first` it stops after that many pieces, and prints a mark if there are more. Of an answer without
    text, such as one that calls tools, its message is written. `flags` say what is odd about the answer.
    """

    def __init__(self, written: Callable[[Any], str], first: int | None = None) -> None:
        from llmdash.reports.output import Output

        self._output = Output(sys.stdout)
        self._safe = self._output.isatty()
        self._written = written
        self._first = first
        self._last = "\n"
        self._message: Mapping[str, Any] | None = None
        self.flags: tuple[str, ...] = ()

    async def write_all(self, pieces: AsyncGenerator[Any, None]) -> None:
        """Write `pieces` until they end, or the reader of standard output is gone."""
        number = 0
        async with aclosing(pieces):
            async for piece in pieces:
                self._note(piece)
                text = self._written(piece)
                if self._output.gone:
                    return
                if not text:
                    continue
                number += 1
                if self._first is not None and number > self._first:
                    self.end_line()
                    self._write(_TRUNCATED)
                    return
                self._write(text)
        if not number and self._message is not None:
            self._write(_json(self._message))

    def _note(self, piece: Any) -> None:
        """Keep what the last chunk says of the answer."""
        self.flags = getattr(piece, "flags", ()) or self.flags
        self._message = getattr(piece, "message", None) or self._message

    def end_line(self) -> None:
        """Write a line feed unless the last line has one."""
        if self._last != "\n":
            self._write("\n")

    def _write(self, text: str) -> None:
        from llmdash.sanitize import clean

        self._output.write(clean(text) if self._safe else text)
        self._output.flush()
        self._last = text[-1:] or self._last


def _call(prompt: str, simulate: bool, flags: Mapping[str, Any], pieces: Pieces, writer: _Writer) -> int:
    """Send `prompt` and write the answer. Return the exit code."""
    import asyncio

    from llmdash.exit_codes import of_signal
    from llmdash.llms.wire.failures import Failure
    from llmdash.sanitize import clean_line

    settings = _before_files(settings_from(flags, simulated=simulate), flags)
    text = _prompt(prompt)
    simulator = _simulator() if simulate else None
    try:
        settings = settings if simulator is None else _simulated(settings, simulator)
        asyncio.run(_answer(settings, text, pieces, writer))
    except Failure as failure:
        writer.end_line()
        _refuse(failure, settings)
    except KeyboardInterrupt:
        writer.end_line()
        return of_signal(signal.SIGINT)
    finally:
        if simulator is not None:
            simulator.close()
    writer.end_line()
    if writer.flags:
        click.echo(f"llmdash: flags of the answer: {clean_line(', '.join(writer.flags))}", err=True)
    return 0


def _before_files(settings: Settings, flags: Mapping[str, Any]) -> Settings:
    """Return the settings whose first endpoint is asked with the options of the command line."""
    from dataclasses import replace

    from llmdash.launch.request_options import asked_options
    from llmdash.llms.options import merge_options

    first, *others = settings.endpoints
    options = merge_options(first.options, asked_options(settings, flags))
    return settings.with_endpoints((replace(first, options=options), *others))


async def _answer(settings: Settings, prompt: str, pieces: Pieces, writer: _Writer) -> None:
    from llmdash.launch.llm_factory import recipe_of, require_usable
    from llmdash.llms.recipe import Clients

    endpoint = settings.endpoints[0]
    require_usable(settings.with_endpoints((endpoint,)))
    clients = Clients()
    llm = clients.build(recipe_of(endpoint, endpoint.keys[0] if endpoint.keys else None, settings))
    try:
        await writer.write_all(pieces(llm, prompt))
    finally:
        await llm.aclose()
        await clients.aclose()


def _prompt(given: str) -> str:
    """Return the text to send: `given`, or standard input for `-`."""
    text = given
    if given == "-":
        try:
            text = sys.stdin.buffer.read().decode("utf-8-sig")
        except UnicodeDecodeError:
            refuse("standard input is not UTF-8; convert it first")
    if not text.strip():
        refuse('the prompt is empty; write one in quotes: llmdash ask "Hello, how are you?"')
    return text


def _simulator() -> SimulatorProcess:
    from dataclasses import replace

    from llmdash.launch.run_order import PRACTICE
    from llmdash.simulator.process import SimulatorProcess

    return SimulatorProcess(replace(PRACTICE, error_rate=0.0))


def _simulated(settings: Settings, simulator: SimulatorProcess) -> Settings:
    """Return the settings with the simulator as the only endpoint."""
    from llmdash.config import EndpointSettings
    from llmdash.llms.dialects import DEFAULT_DIALECT
    from llmdash.secrets import Secret

    keys = tuple(Secret(key) for key in simulator.settings.keys)
    endpoint = EndpointSettings("simulator", DEFAULT_DIALECT, simulator.base_url(), settings.model, keys)
    return settings.with_endpoints((endpoint,))


def _refuse(failure: Failure, settings: Settings) -> None:
    """Print why there is no answer, and exit: with 5 if the key is the cause, else with 3."""
    from llmdash.exit_codes import ExitCode
    from llmdash.llms.wire.failures import FailureKind
    from llmdash.secrets import Redactor

    of_key = failure.kind in (FailureKind.AUTH, FailureKind.QUOTA)
    refuse(Redactor(settings.secrets).redact(str(failure)), ExitCode.NO_KEY if of_key else ExitCode.FAILED)


def _json(event: Mapping[str, Any]) -> str:
    """Return an event as one line of ASCII JSON."""
    return json.dumps(event, ensure_ascii=True, default=_plain)


def _plain(value: Any) -> Any:
    """Return a chunk or an answer as an object with `content` and its other known fields, else its text."""
    fields = getattr(value, "__struct_fields__", None)
    if fields is None:
        return str(value)
    known = {name: getattr(value, name) for name in fields if name not in ("text", "at")}
    content = {"content": value.text} if "text" in fields else {}
    return {**content, **{name: held for name, held in known.items() if held not in (None, "")}}
