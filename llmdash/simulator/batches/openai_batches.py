"""`/v1/batches`, as OpenAI's published API reference has it."""

from __future__ import annotations

import re
from typing import Annotated, Any

import msgspec

from llmdash.simulator.batches.calls import Answered, BatchCall, Handler, behind, expiry, page_of, page_size
from llmdash.simulator.batches.clock import BatchClock
from llmdash.simulator.batches.held import BatchPhase, BatchSpec, HeldBatch
from llmdash.simulator.batches.openai_files import KEPT_S, ServedFiles
from llmdash.simulator.batches.openai_lines import ENDPOINTS, OpenAIFileShape, checking
from llmdash.simulator.batches.orders import CallKind, OrderBook
from llmdash.simulator.batches.shelf import BatchShelf
from llmdash.simulator.batches.spool import LineSpool
from llmdash.simulator.batches.stored_files import StoredFile
from llmdash.simulator.dialects.base import decode
from llmdash.simulator.errors import ServedError, Throttled
from llmdash.simulator.service import Service

__all__ = ["Creation", "ServedBatches"]

_PAGE = (20, 100)  # usual and largest
_HOURS = {"h": 1, "d": 24}
_MOST_HOURS = 7 * 24

_Text = Annotated[str, msgspec.Meta(max_length=512)]
_Name = Annotated[str, msgspec.Meta(max_length=64)]


class _Expiry(msgspec.Struct):
    anchor: str
    seconds: int


class Creation(msgspec.Struct, kw_only=True):
    """What is asked to be created."""

    input_file_id: str
    endpoint: str
    completion_window: str
    metadata: Annotated[dict[_Name, _Text], msgspec.Meta(max_length=16)] | None = None
    output_expires_after: _Expiry | None = None


_FIELDS = ("input_file_id", "endpoint", "completion_window", "metadata", "output_expires_after")


class ServedBatches:
    """Answers the calls of OpenAI's shape, those about files too."""

    creations: msgspec.json.Decoder[Any] = msgspec.json.Decoder(Creation)
    prefix = "batch_"
    """How the id of a batch begins."""
    window_s: float | None = None
    """How long a batch lives, in the provider's seconds; None: as long as it is asked to."""

    def __init__(
        self,
        service: Service,
        clock: BatchClock,
        book: OrderBook,
        shelf: BatchShelf,
        files: ServedFiles,
        shape: OpenAIFileShape | None = None,
    ) -> None:
        self._service = service
        self._clock = clock
        self._book = book
        self._shelf = shelf
        self._files = files
        self.shape = shape or OpenAIFileShape()
        self.handlers: dict[CallKind, Handler] = {
            **files.handlers,
            "create": self._create,
            "list": self._list,
            "look": self._look,
            "cancel": self._cancel,
        }

    def keep_results(self, batch: HeldBatch) -> None:
        """Make files of the results of a batch that has ended; of none if there are no lines."""
        for suffix, lines in (("output", batch.results), ("error", batch.errors)):
            if not len(lines):
                continue
            name = f"{batch.identity}_{suffix}.jsonl"
            identity = self._files.add_results(name, lines.spool, batch.spec.kept_s, batch.identity)
            setattr(batch, f"{suffix}_file", identity)

    async def _create(self, call: BatchCall) -> Answered:
        batch = self._created(call)
        return Answered(self.shown(batch), batch.identity)

    def _created(self, call: BatchCall) -> HeldBatch:
        """Create a batch. Raises ServedError for what is no creation of one."""
        if self._book.uses("throttled"):
            raise Throttled(1.0, "requests")
        body = call.body.read(0, call.body.size) if call.body is not None else b""
        asked: Creation = decode(self.creations, body, _FIELDS)
        if asked.endpoint not in ENDPOINTS:
            known = ", ".join(ENDPOINTS)
            raise ServedError(
                400, f"Invalid value: '{asked.endpoint[:100]}'. Supported are {known}.", "endpoint"
            )
        file = self._input(asked.input_file_id)
        kept = asked.output_expires_after
        spec = BatchSpec(
            f"{self.prefix}{self._service.identity()}",
            call.key,
            asked.endpoint,
            asked.completion_window,
            self.window_s or _window(asked.completion_window),
            KEPT_S if kept is None else expiry(kept.anchor, kept.seconds, "output_expires_after"),
            file.identity,
            asked.metadata,
        )
        batch = HeldBatch(spec, self.shape, LineSpool(file.spool), self._clock.now())
        batch.finds_full = self._book.uses("queue_full")
        batch.chores = checking(batch, self._book.claim(batch.identity), self.shape)
        self._shelf.add(batch)
        return batch

    def _input(self, identity: str) -> StoredFile:
        """The file of a batch that is created."""
        file = self._files.find(identity)
        if file.purpose != "batch":
            raise ServedError(400, "The purpose of the input file must be 'batch'.", "input_file_id")
        return file

    async def _list(self, call: BatchCall) -> Answered:
        found = self._shelf.listed(self.shape)
        rest = behind(found, call.query.get("after"), lambda batch: batch.identity)
        return Answered(page_of(rest, page_size(call.query, *_PAGE), self.shown))

    async def _look(self, call: BatchCall) -> Answered:
        batch = self._shelf.find(call.target.identity, self.shape)
        return Answered(self.shown(batch), batch.identity)

    async def _cancel(self, call: BatchCall) -> Answered:
        batch = self._shelf.find(call.target.identity, self.shape)
        if batch.phase.ended:
            raise ServedError(409, f"Cannot cancel a batch with status '{batch.phase}'.")
        self._shelf.cancel(batch)
        return Answered(self.shown(batch), batch.identity)

    def shown(self, batch: HeldBatch) -> dict[str, Any]:
        """Return a batch as the provider describes it."""
        return self.document(batch)

    def document(self, batch: HeldBatch) -> dict[str, Any]:
        """Return a batch as OpenAI describes it."""
        spec = batch.spec
        created = self._clock.unix(batch.created)
        moments = [phase for phase in BatchPhase if phase is not BatchPhase.VALIDATING]
        counted = {"total": batch.total, "completed": batch.succeeded, "failed": batch.failed}
        checked = batch.phase not in (BatchPhase.VALIDATING, BatchPhase.FAILED)
        absent = "" if self._book.of(batch.identity).blank else None
        problems = batch.problems if batch.phase is BatchPhase.FAILED else None
        return {
            "id": batch.identity,
            "object": "batch",
            "endpoint": spec.endpoint,
            "model": batch.model if checked else None,
            "errors": None if problems is None else {"object": "list", "data": problems},
            "input_file_id": spec.input_file,
            "completion_window": spec.window,
            "status": batch.phase,
            "output_file_id": batch.output_file or absent,
            "error_file_id": batch.error_file or absent,
            "created_at": int(created),
            "expires_at": int(created + self._clock.lasting(spec.window_s)),
            **{f"{phase}_at": _whole(batch.moments.get(phase)) for phase in moments},
            "request_counts": counted if checked else dict.fromkeys(counted, 0),
            "usage": _usage(batch),
            "metadata": spec.metadata,
        }


def _whole(moment: float | None) -> int | None:
    return None if moment is None else int(moment)


def _window(text: str) -> float:
    """The seconds of a completion window: 24h with OpenAI, up to 7 days with others."""
    match = re.fullmatch(r"(\d{1,3})([hd])", text)
    hours = int(match[1]) * _HOURS[match[2]] if match else 0
    if not 24 <= hours <= _MOST_HOURS:
        raise ServedError(
            400, f"Invalid value: '{text[:20]}'. Supported values are: '24h'.", "completion_window"
        )
    return hours * 3_600.0


def _usage(batch: HeldBatch) -> dict[str, Any]:
    """The tokens of all answers so far."""
    used = batch.used
    return {
        "input_tokens": used.input,
        "input_tokens_details": {"cached_tokens": used.cached},
        "output_tokens": used.output,
        "output_tokens_details": {"reasoning_tokens": used.reasoning},
        "total_tokens": used.input + used.output,
    }
