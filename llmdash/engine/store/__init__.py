"""The state of a run in memory: job columns, streams, time series, error groups.

`dispatch`, `frames` and the session import it; it imports only `engine.model` and `engine.metrics`. Events go
in, and nothing else changes it. It never does I/O.
"""
