"""What is said of a limit that a run shares with others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.cells import cell_len

from llmdash.engine.model.frame import SharedLimitRow
from llmdash.sanitize import clean_line
from llmdash.ui.text.format import by_words, number, si

__all__ = ["share_in_short", "share_line"]

_LONGEST_NAME = 16


def share_in_short(limits: Sequence[SharedLimitRow]) -> str:
    """Return `20 of 60/s`, of the limit that leaves least; empty without a limit."""
    shares = [_share(limit) for limit in sorted(limits, key=_room)]
    return next((" of ".join(share) for share in shares if share), "")


def share_line(limit: SharedLimitRow, width: int) -> str:
    """Return one line on who has what, with as much of it as fits into `width` cells."""
    return next((text for text in _lines(limit) if cell_len(text) <= width), "")


def _lines(limit: SharedLimitRow) -> Iterator[str]:
    name = by_words(clean_line(limit.name), _LONGEST_NAME)
    share = _share(limit)
    if limit.problem and limit.is_over:
        yield f'shared "{name}": no share now'
    if not share:
        return
    own, whole = share
    if limit.rate is not None:
        free = f"free {_short(limit.free or 0.0)} of {whole}"
        others = [
            f"{by_words(clean_line(label), _LONGEST_NAME)} {_short(rate)}" for label, rate in limit.others
        ]
        yield f'shared "{name}": {", ".join((f"this {own}", *others, free))}'
        if len(others) > 1:
            rest = f"{len(others)} others {_short(sum(rate for _, rate in limit.others))}"
            yield f'shared "{name}": this {own}, {rest}, {free}'
        yield f'shared "{name}": this {own}, {free}'
    yield f'shared "{name}": {own} of {whole}'
    yield f"shared: {own} of {whole}"


def _share(limit: SharedLimitRow) -> tuple[str, str] | None:
    """This run's share and the whole, in words."""
    if limit.rate is not None and limit.share is not None:
        return _short(limit.share), f"{_short(limit.rate)}/s"
    if limit.tpm is not None and limit.token_share is not None:
        return si(limit.token_share).strip(), f"{si(limit.tpm).strip()} tok/min"
    return None


def _room(limit: SharedLimitRow) -> float:
    return limit.share if limit.share is not None else float("inf")


def _short(rate: float) -> str:
    """A rate without a fraction that says nothing."""
    return number(rate).removesuffix(".00").removesuffix(".0")
