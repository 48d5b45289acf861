"""The parts of the inspector: prompt, answer, attempts, chunks and headers of one job.

Its screen imports it; it imports `engine.model`, `ui.charts`, `ui.stream`, `ui.text` and `sanitize`.
It is given what it shows, and sends nothing.
"""
