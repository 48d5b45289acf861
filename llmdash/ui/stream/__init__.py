"""The text of answers on screen, chunk by chunk: one stream, or tiles of several.

Screens import it; it imports `engine.model`, `ui.text` and `sanitize`. It never shows text that was not
sanitized.
"""
