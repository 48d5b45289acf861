"""How well colours can be told apart, and greys that can be seen in any theme."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from textual.color import Color, ColorParseError

__all__ = ["LEAST_CURSOR", "LEAST_FAINT", "LEAST_TEXT", "contrast", "legible"]

LEAST_TEXT: Final = 4.5
"""Of every text to its ground."""
LEAST_FAINT: Final = 1.9
"""Of borders, rails and zeros to the ground."""
LEAST_CURSOR: Final = 1.25
"""Of the ground of the row under the cursor to that of the others."""
_STEPS: Final = 100


def contrast(first: Color, second: Color) -> float:
    """Return the contrast ratio of WCAG 2.1, 1 to 21."""
    darker, lighter = sorted((_luminance(first), _luminance(second)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(color: Color) -> float:
    return sum(weight * _linear(part) for weight, part in zip(_WEIGHTS, color.normalized, strict=True))


_WEIGHTS: Final = (0.2126, 0.7152, 0.0722)


def _linear(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def legible(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of a theme with faint and muted greys that can be seen.

    Most of Textual's themes have borders with a contrast of 1.1 to 1.4, and words that are as faint. A grey
    that is too faint goes as far towards the ink as it must. The colours of the terminal itself stay as they
    are: nobody knows them.
    """
    changed = dict(variables)
    try:
        ground, ink = Color.parse(variables["background"]), Color.parse(variables["foreground"])
        surface = Color.parse(variables.get("surface", variables["background"]))
    except (KeyError, ColorParseError):
        return changed
    if any(color.ansi is not None or color.auto for color in (ground, ink)):
        return changed
    for names, least in (
        (("border-blurred",), LEAST_FAINT),
        (("text-muted", "foreground-muted"), LEAST_TEXT),
    ):
        for name in names:
            if (grey := _grey(variables.get(name, ""), ground, ink)) is not None:
                changed[name] = _towards(grey, ink, (ground, surface), least).hex
    return changed


def _grey(text: str, ground: Color, ink: Color) -> Color | None:
    """The colour of a variable as it is seen on the ground; None where it is none."""
    if text.startswith("auto"):
        percent = text.removeprefix("auto").strip().removesuffix("%")
        return ground.blend(ink, int(percent) / 100) if percent.isdecimal() else None
    try:
        color = Color.parse(text)
    except ColorParseError:
        return None
    return None if color.ansi is not None or color.auto else ground.blend(color, color.a, alpha=1.0)


def _towards(grey: Color, ink: Color, grounds: tuple[Color, ...], least: float) -> Color:
    """The colour nearest to `grey`, on its way to the ink, that has enough contrast; else the ink."""
    for step in range(_STEPS):
        color = grey.blend(ink, step / _STEPS, alpha=1.0)
        if min(contrast(color, ground) for ground in grounds) >= least:
            return color
    return ink
