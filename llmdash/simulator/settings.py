"""The settings of the simulated endpoint."""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["SimulatorSettings"]


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
    """

    keys: tuple[str, ...] = ("sim-key-1",)
    rpm: float = 0.0
    latency: float = 0.4
    first_share: float = 0.35
    error_rate: float = 0.0
    wrong_rate: float = 0.0
    seed: int = 1
    tpm: float = 0.0

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
        for name in ("first_share", "error_rate", "wrong_rate"):
            value = getattr(self, name)
            if not 0 <= value <= 1:
                raise ValueError(f"{name}: {value} is not between 0 and 1")
