"""Endpoints and keys: which key is next, its health, its limits, and whose fault a failure is.

`dispatch`, `frames`, the session and `launch` import it. It never makes a request and never waits for one: it
gets the outcome. It never writes the journal.
"""
