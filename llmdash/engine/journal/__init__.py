"""The journal: one SQLite file a run, the only truth on disk.

The rest of the engine, `launch`, `doctor` and the exports import it; it imports only `engine.model`. It never
changes an answer, and a request is never sent before its row is on disk.
"""
