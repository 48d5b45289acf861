"""The parts of the dashboard: when it draws, what it shows of a frame, what becomes a command, its keys.

The screens import it; it imports panels, tables, charts and streams.
"""
