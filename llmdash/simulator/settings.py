"""The settings of the simulated endpoint."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import field

from llmdash.lean_dataclass import dataclass

__all__ = ["SimulatorSettings"]

_MOST_REASONING = 100_000


@dataclass(frozen=True, slots=True)
class SimulatorSettings:
    """How the simulated endpoint behaves. Raises ValueError for an invalid value.

    - `keys`: the API keys it knows; every other one is refused with 401.
    - `rpm`: requests a minute that each key may make; 0 is no limit.
    - `tpm`: tokens a minute that each key may spend on prompts and answers, as estimated; 0 is no limit.
    - `latency`: mean seconds from request to the end of the answer; 0 answers at once.
    - `first_share`: the part of `latency` that passes, on average, before the first chunk.
    - `error_rate`: share of requests answered with status 500 (in Anthropic's dialect also 529), 0 to 1.
    - `wrong_rate`: share of arithmetic answers that are wrong, 0 to 1.
    - `seed`: decides every answer, fault and delay, together with the prompt.
    - `faults`: the faults of real servers by `NAME` or `NAME:VARIANT`, each with its share, 0 to 1.
    - `strict`: request fields that the provider does not publish are refused, and values of a wrong type.
    - `cached`: share of the prompt's tokens that are reported as read from the cache, 0 to 1.
    - `reasoning`: tokens of reasoning before every answer.
    - `batch_speed`: seconds of a batch service that pass in one; at 60, its 24 h take 24 minutes.
    """

    keys: tuple[str, ...] = ("sim-key-1",)
    rpm: float = 0.0
    latency: float = 0.4
    first_share: float = 0.35
    error_rate: float = 0.0
    wrong_rate: float = 0.0
    seed: int = 1
    tpm: float = 0.0
    faults: Mapping[str, float] = field(default_factory=dict)
    strict: bool = False
    cached: float = 0.0
    reasoning: int = 0
    batch_speed: float = 60.0

    def __post_init__(self) -> None:
        if not self.keys or not all(self.keys):
            raise ValueError("keys: at least one is needed, and none may be empty")
        if len(set(self.keys)) != len(self.keys):
            raise ValueError("keys: each may be given once only")
        if abs(self.seed) >= 2**63:
            raise ValueError(f"seed: {self.seed} is too large")
        for name in ("rpm", "tpm", "latency"):
            value = getattr(self, name)
            if not math.isfinite(value) or value < 0:
                raise ValueError(f"{name}: {value} is not a number from 0 up")
        for name in ("first_share", "error_rate", "wrong_rate", "cached"):
            value = getattr(self, name)
            if not 0 <= value <= 1:
                raise ValueError(f"{name}: {value} is not between 0 and 1")
        if not math.isfinite(self.batch_speed) or self.batch_speed <= 0:
            raise ValueError(f"batch_speed: {self.batch_speed} is not a number above 0")
        if not 0 <= self.reasoning <= _MOST_REASONING:
            raise ValueError(f"reasoning: {self.reasoning} is not between 0 and {_MOST_REASONING}")
        if self.faults:
            # Not before: whoever starts a simulator without faults need not load what they are made of.
            from llmdash.simulator.faults.registry import check_faults

            check_faults(self.faults)
