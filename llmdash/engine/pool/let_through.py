"""LetThrough: what a server did not refuse lately, from which the rate of a key is found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

__all__ = ["LetThrough"]


class LetThrough(NamedTuple):
    """What a server did not refuse in each second until now, the current one last."""

    requests: Sequence[int] = ()
    input_tokens: Sequence[int] = ()
    output_tokens: Sequence[int] = ()

    @property
    def tokens(self) -> Sequence[int]:
        return [asked + said for asked, said in zip(self.input_tokens, self.output_tokens, strict=True)]
