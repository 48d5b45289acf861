"""The dashboard: a Textual app over a session.

Only `launch` imports it, when a dashboard is opened. It imports the vocabulary of the engine: frames come in,
commands go out. It never touches the store, the pool or the network.
"""
