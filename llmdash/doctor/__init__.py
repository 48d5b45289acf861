"""Checks a run's folder, and repairs it: files, journal, sums.

`launch` and `cli` import it; it imports the journal of the engine and `reports`. It never sends a request,
never changes anything without `--repair`, and then only after a backup.
"""
