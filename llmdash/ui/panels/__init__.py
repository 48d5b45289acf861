"""The panels of the dashboard: run header, verdict, keys, rate.

Screens import it; it imports tables, charts and text. A panel shows a part of a frame and posts messages; it
never sends a command itself.
"""
