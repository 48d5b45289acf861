"""Who is served a fault: drawn from the seed and the content of a request, never from the clock."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from llmdash.lean_dataclass import dataclass
from llmdash.simulator.faults.base import (
    Asking,
    Compose,
    Fault,
    Reach,
    Refusal,
    Refuse,
    Rewrite,
    Variant,
    Wrap,
)
from llmdash.simulator.faults.registry import find_fault

__all__ = ["Drawn", "FaultPicker"]

_REMEMBERED = 65_536  # requests whose repetitions are known
_WHOLE = 2**64


@dataclass(frozen=True, slots=True)
class Drawn:
    """What a request is served: a fault in one of its forms."""

    fault: Fault
    action: Refuse | Compose | Rewrite
    asking: Asking


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A fault as asked for, with the forms to draw from."""

    spec: str
    fault: Fault
    share: float
    variants: tuple[Variant, ...]

    def suited(self, asking: Asking) -> list[Variant]:
        """The forms that make sense for a request."""
        return [
            variant
            for variant in self.variants
            if asking.dialect in variant.dialects
            and variant.when(asking)
            and (self.reach(variant) is not Reach.KEY or asking.blamed)
        ]

    def reach(self, variant: Variant) -> Reach:
        return variant.reach or self.fault.reach


def _wanted(spec: str, share: float) -> _Wanted:
    fault, name = find_fault(spec)
    if name is not None:
        return _Wanted(spec, fault, share, (fault.variant(name),))
    drawn = [variant for variant in fault.variants.values() if not variant.asked_only]
    return _Wanted(spec, fault, share, tuple(drawn))


class FaultPicker:
    """Draws the faults of requests, and remembers which requests and keys have had one.

    A request is known again by its body, whatever its key. Draws do not depend on the order in which
    requests arrive, but for bodies that are sent more than once.
    """

    def __init__(self, seed: int, faults: Mapping[str, float]) -> None:
        self._seed = seed.to_bytes(16, "little", signed=True)
        self._wanted = [_wanted(spec, share) for spec, share in faults.items()]
        self._sent: dict[bytes, int] = {}
        self._owed: dict[bytes, None] = {}
        self._resting: dict[tuple[str, str], tuple[float, Drawn]] = {}

    @property
    def idle(self) -> bool:
        """True if no faults were asked for."""
        return not self._wanted

    def wraps(self, asking: Asking, body: bytes) -> list[tuple[Fault, Wrap]]:
        """Return the faults of HTTP itself that a request is served."""
        digest = self._digest(body)
        turn = self._sent.get(digest, -1) + 1
        found = []
        for wanted in self._wanted:
            variant = self._variant(wanted, asking, digest, turn)
            if variant is not None and isinstance(variant.action, Wrap):
                found.append((wanted.fault, variant.action))
        return found

    def draw(self, asking: Asking, body: bytes, now: float) -> Drawn | None:
        """Return the fault of its answer that a request is served, if any: the first that is drawn.

        `now` is in seconds, of any clock, and matters for keys that rest.
        """
        digest = self._digest(body)
        turn = self._turn(digest)
        resting = self._resting_at(_place(asking), now)
        if resting is not None:
            _remember(self._owed, digest, None)
            return Drawn(resting.fault, resting.action, asking)
        owed = self._owed.pop(digest, ...) is None
        for wanted in self._wanted:
            variant = self._variant(wanted, asking, digest, turn)
            if variant is None or isinstance(variant.action, Wrap):
                continue
            once = wanted.reach(variant) is Reach.REQUEST
            if once and owed:
                continue
            if once:
                _remember(self._owed, digest, None)
            drawn = Drawn(wanted.fault, variant.action, asking)
            self._rest(drawn, now)
            return drawn
        return None

    def _digest(self, body: bytes) -> bytes:
        return hashlib.blake2b(body, digest_size=16, key=self._seed).digest()

    def _turn(self, digest: bytes) -> int:
        turn = self._sent.pop(digest, -1) + 1
        _remember(self._sent, digest, turn)
        return turn

    def _variant(self, wanted: _Wanted, asking: Asking, digest: bytes, turn: int) -> Variant | None:
        """The form in which a request is served a fault, if it is drawn."""
        suited = wanted.suited(asking)
        if not suited:
            return None
        if wanted.reach(suited[0]) is Reach.PROMPT:
            content = asking.prompt.encode("utf-8", "surrogatepass")
        else:
            content = digest + turn.to_bytes(8, "little")
        number = hashlib.blake2b(content + wanted.spec.encode(), digest_size=16, key=self._seed).digest()
        if int.from_bytes(number[:8], "little") >= wanted.share * _WHOLE:
            return None
        return _pick(suited, number[8:])

    def _rest(self, drawn: Drawn, now: float) -> None:
        if isinstance(drawn.action, Refuse) and drawn.action.rest_s > 0:
            self._resting[_place(drawn.asking)] = (now + drawn.action.rest_s, drawn)

    def _resting_at(self, place: tuple[str, str], now: float) -> Drawn | None:
        """What a key is told while it rests."""
        until, drawn = self._resting.get(place, (now, None))
        if until <= now:
            self._resting.pop(place, None)
            return None
        return drawn

    def refusal(self, asking: Asking, action: Refuse, now: float) -> Refusal:
        """Return the response of a fault that refuses, with the seconds that its key still rests."""
        until, _drawn = self._resting.get(_place(asking), (now, None))
        return action.make(asking, max(0.0, until - now))


def _place(asking: Asking) -> tuple[str, str]:
    """Where a limit counts: a key, in a dialect."""
    return asking.key, asking.dialect


def _pick(variants: Sequence[Variant], number: bytes) -> Variant:
    return variants[int.from_bytes(number, "little") % len(variants)]


def _remember(kept: dict[bytes, Any], digest: bytes, value: Any) -> None:
    kept[digest] = value
    if len(kept) > _REMEMBERED:
        del kept[next(iter(kept))]
