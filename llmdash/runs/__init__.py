"""Runs that are kept: found, listed, opened again, replayed, compared, reused. A run is its folder.

The composition root and the command line import it.
"""
