"""Sends the jobs: queue, rate limiter, attempts, retries, settlement, kill switch.

Only the run above it imports it (and `frames`, for its statistics). It imports the pool, the journal and the
store. It never raises for a failed job: an outcome is data. It never builds a frame.
"""
