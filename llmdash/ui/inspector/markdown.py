"""Markdown as lines of spans: nothing of it is a link, an image or a command; HTML stands as written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.token import Token
from rich.cells import cell_len

from llmdash.ui.inspector.markdown_table import table_lines
from llmdash.ui.stream.wrapping import Kind, Line, Span, lines_of, plain

__all__ = ["USUAL_WIDTH", "looks_like_markdown", "markdown_lines"]

USUAL_WIDTH: Final = 80
_LONGEST: Final = 200_000
"""Characters that are rendered; the rest stands below as it is."""
_NESTED: Final = 40
"""Levels of nesting that are rendered."""
_BULLET: Final = "• "
_QUOTE: Final = "▌ "
_RULE: Final = "─" * 24
_SIGNS: Final = ("```", "\n# ", "\n## ", "\n### ", "\n- ", "\n* ", "\n1. ", "**", "\n| ", "\n> ")


def looks_like_markdown(text: str) -> bool:
    """Return True if the text seems to be meant as Markdown."""
    start = "\n" + text[:4_000]
    return any(sign in start for sign in _SIGNS)


def markdown_lines(text: str, width: int = USUAL_WIDTH) -> list[Line]:
    """Return the lines of a text in Markdown (CommonMark and tables), wrapped at line breaks only; tables are
    `width` cells wide at most.
    """
    head, rest = text[:_LONGEST], text[_LONGEST:]
    tokens = MarkdownIt("commonmark", {"maxNesting": _NESTED}).enable("table").parse(plain(head))
    if any(token.level >= _NESTED - 2 for token in tokens):  # what is nested deeper is not in the tokens
        return lines_of(text)
    lines = list(_Renderer(width).lines(tokens))
    while lines and not lines[-1]:
        lines.pop()
    return [*lines, *lines_of(rest)] if rest else lines


class _Renderer:
    """Turns block tokens into lines; `_indents` is what stands before each line of the open blocks."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._indents: list[str] = []
        self._numbers: list[int | None] = []
        self._first = ""
        self._heading = ""
        self._table: list[list[list[Span]]] = []

    def lines(self, tokens: Sequence[Token]) -> Iterator[Line]:
        for token in tokens:
            match token.type:
                case "heading_open":
                    self._heading = token.markup if set(token.markup) == {"#"} else "#"
                case "heading_close":
                    self._heading = ""
                    yield ()
                case "bullet_list_open":
                    self._numbers.append(None)
                case "ordered_list_open":
                    self._numbers.append(int(token.attrs.get("start", 1)))
                case "bullet_list_close" | "ordered_list_close":
                    self._numbers.pop()
                    if not self._numbers:
                        yield ()
                case "list_item_open":
                    self._open_item()
                case "list_item_close" | "blockquote_close":
                    self._indents.pop()
                    self._first = ""
                case "blockquote_open":
                    self._indents.append(_QUOTE)
                case "paragraph_close":
                    if not token.hidden and not self._numbers:
                        yield ()
                case "fence" | "code_block":
                    yield from self._code(token)
                case "html_block":
                    yield from (self._led(line) for line in lines_of(token.content.rstrip("\n"), Kind.WORDS))
                case "hr":
                    yield self._led((Span(_RULE, Kind.GAP),))
                    yield ()
                case "table_open":
                    self._table = []
                case "tr_open":
                    self._table.append([])
                case "table_close":
                    room = self._width - sum(map(cell_len, self._indents))
                    yield from (self._led(line) for line in table_lines(self._table, room))
                    self._table = []
                    yield ()
                case "inline":
                    yield from self._inline(token)

    def _open_item(self) -> None:
        number = self._numbers[-1] if self._numbers else None
        sign = _BULLET if number is None else f"{number}. "
        if number is not None:
            self._numbers[-1] = number + 1
        self._first = sign
        self._indents.append(" " * len(sign))

    def _inline(self, token: Token) -> Iterator[Line]:
        spans = list(_spans(token.children or (), Kind.STRONG if self._heading else Kind.TEXT))
        if self._table:
            self._table[-1].append(spans)
            return
        if self._heading:
            spans.insert(0, Span(f"{self._heading} ", Kind.WORDS))
        yield from (self._led(line) for line in _broken(spans))

    def _code(self, token: Token) -> Iterator[Line]:
        for line in lines_of(token.content.rstrip("\n"), Kind.CODE):
            yield self._led((Span("  ", Kind.CODE), *line))
        yield ()

    def _led(self, line: Line) -> Line:
        """Return a line behind what stands before it."""
        before = "".join(self._indents)
        if self._first:
            before = before[: len(before) - len(self._first)] + self._first
            self._first = ""
        return (Span(before, Kind.WORDS), *line) if before else line


def _spans(tokens: Sequence[Token], kind: Kind) -> Iterator[Span]:
    """Yield the spans of the tokens within a block; where a link leads to stands behind it."""
    kinds = [kind]
    targets: list[str] = []
    for token in tokens:
        match token.type:
            case "text" | "html_inline":
                yield Span(token.content, kinds[-1])
            case "code_inline":
                yield Span(token.content, Kind.CODE)
            case "softbreak" | "hardbreak":
                yield Span("\n", kinds[-1])
            case "strong_open" | "em_open":
                kinds.append(Kind.STRONG)
            case "strong_close" | "em_close":
                kinds.pop()
            case "link_open":
                targets.append(str(token.attrs.get("href", "")))
            case "link_close":
                yield Span(f" ({targets.pop()})", Kind.WORDS)
            case "image":
                yield Span(f"[image: {token.content}] ({token.attrs.get('src', '')})", Kind.WORDS)


def _broken(spans: Sequence[Span]) -> Iterator[Line]:
    """Yield the lines of spans with line breaks in them."""
    line: list[Span] = []
    for span in spans:
        first, *rest = span.text.split("\n")
        line.append(span._replace(text=first))
        for text in rest:
            yield tuple(each for each in line if each.text)
            line = [span._replace(text=text)]
    yield tuple(each for each in line if each.text)
