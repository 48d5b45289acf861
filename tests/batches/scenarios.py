"""What goes wrong at the provider while a run is killed, for each shape of a batch service."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

__all__ = ["KEEPING", "SCENARIOS", "SHAPES", "Scenario", "Shape"]

Shape = Literal["openai", "anthropic", "together", "gemini"]
SHAPES: Final[tuple[Shape, ...]] = ("openai", "anthropic", "together", "gemini")
_LAG = {"lag_s": 0.3}


@dataclass(frozen=True)
class Scenario:
    """`orders` are for the simulator (see BatchOrders), once the run begins. Batches still out after
    `deadline_s` are brought back.
    """

    name: str
    orders: Mapping[str, Any] = field(default_factory=dict)
    deadline_s: float | None = None
    shapes: tuple[Shape, ...] = SHAPES
    foreign: bool = False
    """Whether somebody else has batches of the same sizes."""
    flags: tuple[str, ...] = ()
    """What the run is begun with besides."""
    is_unclear: bool = False
    """Whether the provider leaves it unclear what was executed: such attempts are announced."""


def _lost(**calls: int) -> Mapping[str, Any]:
    return {"lost": calls}


_WITH_FILES: Final[tuple[Shape, ...]] = ("openai", "together", "gemini")
KEEPING: Final[tuple[Shape, ...]] = ("openai", "anthropic", "together")
"""Those that have the results of what has expired."""
_COUNTING: Final[tuple[Shape, ...]] = ("openai", "anthropic", "gemini")
"""Those that say how much was answered: of others nobody can tell what is missing of what was half done."""
_DEADLINE_S = 1.0
_VAIN_S = 1.5

SCENARIOS: Final = (
    Scenario("carried"),
    Scenario("upload lost", _lost(upload=2), shapes=_WITH_FILES),
    Scenario("upload lost, lists lag", {**_lost(upload=2), **_LAG}, shapes=_WITH_FILES),
    Scenario("create lost", _lost(create=2)),
    Scenario("create lost, lists lag", {**_lost(create=2), **_LAG}),
    Scenario("create lost, not seen at once", {**_lost(create=1), **_LAG, "unseen_s": 0.3}),
    Scenario("download lost", _lost(download=2)),
    Scenario("download cut", {"cuts": (1, 700, 2000)}),
    Scenario("looks lost", _lost(list=2, look=2, files=1)),
    Scenario("lists lag", _LAG),
    Scenario("half expired", {"expired": 0.5}, shapes=KEEPING),
    Scenario(
        "half expired, all lost",
        {"expired": 0.5, **_LAG, **_lost(upload=1, create=1, download=1)},
        shapes=KEEPING,
    ),
    Scenario("half expired, nothing to fetch", {"expired": 0.5, **_LAG}, shapes=("gemini",), is_unclear=True),
    Scenario("half failed, in any order", {"partial": 0.5, "shuffled": True}),
    Scenario("stuck, brought back", {"stuck": True}, _DEADLINE_S),
    Scenario("stuck, cancel lost", {"stuck": True, **_lost(cancel=2)}, _DEADLINE_S),
    Scenario("stuck, create and cancel lost", {"stuck": True, **_LAG, **_lost(create=1, cancel=1)}, 0.3),
    Scenario("stuck, brought back before it is seen", {"stuck": True, "unseen_s": 0.6, **_LAG}, 0.4),
    Scenario("slow, brought back half done", {"slow": 12.0}, 1.2),
    Scenario(
        "slow, half done, all lost",
        {"slow": 12.0, **_LAG, **_lost(upload=1, create=1, cancel=1, download=1)},
        1.2,
    ),
    Scenario("cancel in vain", {"slow": 10.0, "vain": True, **_lost(cancel=1)}, _VAIN_S),
    Scenario("cancel in vain, held", {"slow": 16.0, "vain": True}, _VAIN_S),
    Scenario(
        "never ended, given up",
        {"slow": 9.0, "vain": True},
        _DEADLINE_S,
        flags=("--batch-abandon",),
        is_unclear=True,
    ),
    Scenario("left, and come back to", _lost(create=1), flags=("--batch-leave",)),
    Scenario("queue full", {"queue_full": 2, "throttled": 1}),
    Scenario("refused after all", {"invalid": True}),
    Scenario("lines missing", {"dropped": 2, "garbled": 1}, is_unclear=True),
    Scenario(
        "half expired, lines missing",
        {"expired": 0.5, "dropped": 3, "garbled": 1},
        shapes=_COUNTING,
        is_unclear=True,
    ),
    Scenario(
        "slow, half done, lines missing",
        {"slow": 12.0, "dropped": 3, "doubled": 1},
        1.2,
        shapes=_COUNTING,
        is_unclear=True,
    ),
    Scenario("lines of others, and twice", {"doubled": 2, "foreign": 2, "shuffled": True}),
    Scenario("others of the same size", {**_lost(create=1), **_LAG}, shapes=("anthropic",), foreign=True),
)
