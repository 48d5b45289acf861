"""Makes text from models, files and servers safe to show; the only place that does.

What would control a terminal or hide text becomes a visible glyph of one cell:

| character | glyph |
|---|---|
| C0 controls (except line feed and tab), DEL | their control picture, such as `␛` for ESC and `␡` for DEL |
| NEL, line and paragraph separator | `␤` |
| other C1 controls, tag characters, lone surrogates | `�` |
| bidirectional controls | `⇄` |
| byte order mark, zero-width space, word joiner and similar | `·` |
| a zero-width joiner that is not between two emoji | `·` |

Other joiners stay, as several emoji and scripts need them. Elsewhere a joiner makes the next character count
as no cell, though terminals draw it: lines would be wider than computed. Stored data is never changed, only
what is shown.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import groupby

__all__ = ["clean", "clean_line", "shell_word", "storable"]

_REPLACEMENT = "\ufffd"
_NEWLINE_PICTURE = "\u2424"
_BIDI = "⇄"
_INVISIBLE = "·"
_BIDI_CONTROLS = (*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x061C)
_JOINER = "\u200d"
_EMOJI = "[\u2194-\u21ff\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff]"
_INVISIBLES = (0xFEFF, 0x200B, *range(0x2060, 0x2066), *range(0x206A, 0x2070), *range(0xFFF9, 0xFFFC), 0x180E)


def _glyphs() -> dict[int, str]:
    """The glyph for each unsafe code point."""
    table = {code: chr(0x2400 + code) for code in range(0x20) if chr(code) not in "\n\t"}
    table[0x7F] = "\u2421"
    table.update(dict.fromkeys(range(0x80, 0xA0), _REPLACEMENT))
    table.update(dict.fromkeys((0x85, 0x2028, 0x2029), _NEWLINE_PICTURE))
    table.update(dict.fromkeys(_BIDI_CONTROLS, _BIDI))
    table.update(dict.fromkeys(_INVISIBLES, _INVISIBLE))
    table.update(dict.fromkeys(range(0xD800, 0xE000), _REPLACEMENT))
    table.update(dict.fromkeys(range(0xE0000, 0xE0080), _REPLACEMENT))
    return table


def _ranges(codes: Iterable[int]) -> Iterator[str]:
    """The ranges of a pattern with these code points: one by one they would take ten times as long."""
    for _, row in groupby(enumerate(sorted(codes)), lambda placed: placed[1] - placed[0]):
        found = [code for _, code in row]
        yield f"\\U{found[0]:08x}-\\U{found[-1]:08x}"


@cache  # hardly any text needs it
def _unsafe() -> tuple[re.Pattern[str], dict[int, str]]:
    """What finds a run of unsafe characters, and their glyphs."""
    table = _glyphs()
    return re.compile(f"[{''.join(_ranges(table))}]+"), table


@cache
def _stray_joiner() -> re.Pattern[str]:
    return re.compile(f"{_JOINER}(?:(?<!{_EMOJI}{_JOINER})(?<!{_EMOJI}\ufe0f{_JOINER})|(?!{_EMOJI}))")


def clean(text: str) -> str:
    """Return the text with everything that could control a terminal made visible; line feeds and tabs stay.

    Idempotent, linear in the length, keeps the number of characters; text without such characters is
    returned as the same object.
    """
    if text.isprintable() or text.replace("\n", "").replace("\t", "").isprintable():
        return text
    if _JOINER in text:
        text = _stray_joiner().sub(_INVISIBLE, text)
    unsafe, table = _unsafe()
    return unsafe.sub(lambda run: run.group().translate(table), text)


def clean_line(text: str) -> str:
    """As `clean`, for a place with one line: a line feed shows as `⏎` and a tab as a space."""
    if text.isprintable():
        return text
    return clean(text.replace("\n", "⏎").replace("\t", " "))


def storable(text: str) -> str:
    """`text` with the halves of surrogate pairs joined, and lone ones replaced: what UTF-8 can hold."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def shell_word(path: os.PathLike[str]) -> str:
    """Return a path as one word of a shell that is safe to show; what is not is escaped in `$'...'`."""
    name = os.fspath(path)
    if clean_line(name) == name:
        return shlex.quote(name)
    return f"$'{''.join(map(_escaped, name))}'"


def _escaped(character: str) -> str:
    if character in "\\'" or clean_line(character) != character:
        return "".join(f"\\x{byte:02x}" for byte in os.fsencode(character))
    return character
