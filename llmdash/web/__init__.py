"""A terminal in a browser: a page, a gate that lets in whoever has the token, a pty for each viewer.

Only `launch` imports it; it imports nothing else of llmdash. It never knows what the programs show.
"""
