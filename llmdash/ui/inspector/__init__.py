"""The parts of the inspector: prompt, answer, attempts, chunks and headers of one job.

The screens import it; it imports charts, streams and texts.
"""
