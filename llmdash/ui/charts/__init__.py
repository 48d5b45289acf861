"""Charts from characters: sparklines, braille plots, the track of a slider.

Panels and screens import it; it imports `engine.model`, `ui.text` and `sanitize`. It never asks for data: it
is given values.
"""
