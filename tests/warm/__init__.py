"""Starts programs in a process that is forked from one that has loaded them, which saves most of a start.

Each is a process as any other: with a command line, an environment, a folder, standard streams and a session
of its own, and signals as a shell leaves them. What is not known to be the same so starts as ever.
"""
