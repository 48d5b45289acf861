"""A session in another process: the server of a run, and the client that is a Session.

The composition root imports it.
"""
