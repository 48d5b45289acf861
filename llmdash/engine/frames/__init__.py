"""Builds frames for front ends: ordering, filter, inspection, and what blocks the run.

Only the session and `launch` import it. It reads the store, the pool and the journal, and never changes them,
but for the chronicle, which puts on record what frames show. Its cost depends on what the view shows, not on
the number of jobs.
"""
