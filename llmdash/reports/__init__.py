"""Runs without a dashboard: progress as text, JSON or a bar, the final summary, exports.

`launch`, `cli`, `compare` and `doctor` import it; it imports the vocabulary and the journal of the engine. It
never changes a run, and never loads textual.
"""
