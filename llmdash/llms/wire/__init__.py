"""The wire formats: bytes of a response in, Deltas or a Failure out; no I/O.

The LLM classes import it, and the engine for `Failure` and the rate limit headers. It never sends a request
and knows no httpx.
"""
