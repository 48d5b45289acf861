"""Two kept runs side by side: pairs of their rows, what changed, and how sure that is.

The composition root and the command line import it; the screen sees it through a Protocol of `engine.model`.
It reads both journals, also while they are written, and never changes anything in the folder of a run.
"""
