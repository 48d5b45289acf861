"""What the batch services are ordered to get wrong, by tests and demos."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec

__all__ = ["BatchOrders", "CallKind", "OrderBook"]

CallKind = Literal[
    "begin", "upload", "files", "file", "download", "delete", "create", "list", "look", "cancel"
]
"""A call of a batch service: `file` and `look` ask for one, `files` and `list` for all of them. Where files
are sent in steps, `begin` is the first.
"""

_NEXT = "next"
_Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
_Seconds = Annotated[float, msgspec.Meta(ge=0)]
_Count = Annotated[int, msgspec.Meta(ge=0)]


class BatchOrders(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Orders for batches, and for the calls that are about them. Seconds are the server's, not faster ones.

    What happens to a batch:

    - `stuck`: nothing goes on, validation aside; `slow`: everything takes this many times longer.
    - `expired`: it expires once this share of its requests is executed.
    - `partial`: this share of its requests is answered, the others fail with the status `partial_status`.
    - `credit`: this share of its requests is answered, then there is no money left.
    - `invalid`: it fails its validation. `vain`: a cancel is accepted, and changes nothing.
    - `dropped`, `doubled`, `garbled`, `foreign`: that many lines of the results are left out, there twice,
      cut in the middle, or of somebody else; `shuffled`: they are in any order.
    - `padding`: the bytes that every answer of a model is longer, in a field of that name.
    - `gone`: its results are not to be had. `blank`: where it has no file its id is "", and not null.

    What is accepted:

    - `queue_tokens`: the prompt tokens that may be enqueued for each model (a quarter of a request's bytes);
      `queue_full`: that many creates find the queue full; `throttled`: that many creates get status 429.
    - `most_requests`, `most_bytes`: the largest batch. `unbatchable`: models that are served live only.
    - `failing`: the status that every call of a kind gets. `absent`: there is no such service, 404.

    What is seen:

    - `lost`: the answers to that many calls of a kind are lost: all is done, and the connection is cut.
    - `unheard`: that many calls of a kind are cut before anything is done.
    - `late_s`: the answers to calls of a kind come that much later; all is done before.
    - `cuts`: the next downloads are cut after that many bytes of their body, one after the other.
    - `lag_s`: lists show batches and files that much later; `unseen_s`: so do calls for a single one.
    """

    stuck: bool = False
    slow: Annotated[float, msgspec.Meta(gt=0)] = 1.0
    expired: _Share | None = None
    partial: _Share = 1.0
    partial_status: int = 500
    credit: _Share = 1.0
    invalid: bool = False
    vain: bool = False
    dropped: _Count = 0
    doubled: _Count = 0
    garbled: _Count = 0
    foreign: _Count = 0
    shuffled: bool = False
    padding: _Count = 0
    gone: bool = False
    blank: bool = False
    queue_tokens: _Count | None = None
    queue_full: _Count = 0
    throttled: _Count = 0
    most_requests: _Count | None = None
    most_bytes: _Count | None = None
    unbatchable: tuple[str, ...] = ()
    failing: Mapping[CallKind, int] = {}
    absent: bool = False
    lost: Mapping[CallKind, _Count] = {}
    unheard: Mapping[CallKind, _Count] = {}
    late_s: Mapping[CallKind, _Seconds] = {}
    cuts: tuple[_Count, ...] = ()
    lag_s: _Seconds = 0.0
    unseen_s: _Seconds = 0.0


class OrderBook:
    """The orders for all batches, and those for single ones.

    What is ordered for a number of calls is used up by them.
    """

    def __init__(self) -> None:
        self.general = BatchOrders()
        self._single: dict[str, BatchOrders] = {}

    def order(self, orders: Mapping[str, Any], batch: str | None = None) -> BatchOrders:
        """Change the orders named, for one batch (`next`: to be created) or for all; return all that are.

        Raises ValueError, and changes nothing, if one of them is unknown or invalid.
        """
        before = msgspec.structs.asdict(self.of(batch))
        try:
            changed = msgspec.convert({**before, **orders}, BatchOrders)
        except msgspec.ValidationError as error:
            raise ValueError(f"batch orders: {error}") from None
        if batch is None:
            self.general = changed
        else:
            self._single[batch] = changed
        return changed

    def reset(self) -> None:
        """Have everything go right again."""
        self.general = BatchOrders()
        self._single.clear()

    def claim(self, batch: str) -> BatchOrders:
        """Return the orders for a batch that is being created: those for the `next` one become its own."""
        if _NEXT in self._single:
            self._single[batch] = self._single.pop(_NEXT)
        return self.of(batch)

    def of(self, batch: str | None) -> BatchOrders:
        """Return the orders for a batch: its own, else those for all."""
        return self._single.get(batch or "", self.general)

    def uses(self, name: Literal["queue_full", "throttled"]) -> bool:
        """Return True if such a refusal is ordered for this create, and use it up."""
        left: int = getattr(self.general, name)
        if left:
            self.order({name: left - 1})
        return left > 0

    def uses_up(self, name: Literal["lost", "unheard"], kind: CallKind) -> bool:
        """Return True if that is ordered for this call, and use it up."""
        of_kinds: Mapping[CallKind, int] = getattr(self.general, name)
        left = of_kinds.get(kind, 0)
        if left:
            self.order({name: {**of_kinds, kind: left - 1}})
        return left > 0

    def cut(self) -> int | None:
        """Return after how many bytes this download is to be cut, if at all, and use that up."""
        if not self.general.cuts:
            return None
        first, *others = self.general.cuts
        self.order({"cuts": others})
        return first
