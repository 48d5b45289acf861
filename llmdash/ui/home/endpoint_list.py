"""The endpoints with their keys, and whether those are known to work."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from textual.content import Content
from textual.widgets import Static

from llmdash.engine.model.counts import counted
from llmdash.sanitize import clean_line

if TYPE_CHECKING:
    from llmdash.ui.launcher import EndpointChoice, KeyChoice

__all__ = ["EndpointList", "key_counts"]

_GLYPHS = {None: ("○", "$foreground-muted"), True: ("●", "$text-success"), False: ("✖", "$text-error")}
_NO_KEYS = "to ask a provider: API_KEY=... in .env here"


class EndpointList(Static):
    """Endpoints, a line each, with their keys below; a glyph says whether a key was tried, and works."""

    DEFAULT_CSS = """
    EndpointList { height: auto; width: 1fr; }
    """

    def show(self, endpoints: tuple[EndpointChoice, ...], found_in: str) -> None:
        """Show the endpoints, and where they were found."""
        lines: list[Content] = [line for endpoint in endpoints for line in _lines(endpoint)]
        if not any(endpoint.spends for endpoint in endpoints):
            lines += [Content(), Content.styled(_NO_KEYS, "$foreground-muted")]
        elif found_in:
            lines += [Content(), Content.styled(f"from {clean_line(found_in)}", "$foreground-muted")]
        self.update(Content("\n").join(lines))


def _lines(endpoint: EndpointChoice) -> Iterator[Content]:
    if not endpoint.spends:
        about = endpoint.detail
    else:
        about = "  ".join(
            part for part in (endpoint.model, key_counts(endpoint.keys) or endpoint.detail) if part
        )
    yield Content.assemble(
        (clean_line(endpoint.name), "bold"), (f"  {clean_line(about)}", "$foreground-muted")
    )
    for key in endpoint.keys:
        glyph, style = _GLYPHS[key.works]
        words = key.detail or ("not tried yet" if key.works is None else "")
        yield Content.assemble(
            "  ",
            clean_line(key.label),
            "  ",
            (glyph, style),
            (f" {clean_line(words)}", "$text-error" if key.works is False else "$foreground-muted"),
        )


def key_counts(keys: tuple[KeyChoice, ...]) -> str:
    """Return how many keys there are, and how many of them are known to work.

    >>> key_counts((KeyChoice("a1f2", True), KeyChoice("9bc0", False)))
    '1 of 2 good'
    """
    if all(key.works is None for key in keys):
        return counted(len(keys), "key") if keys else ""
    return f"{sum(key.works is True for key in keys)} of {len(keys):,} good"
