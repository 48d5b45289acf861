"""An endpoint to practise on: a real server on loopback that speaks the real dialects, in its own process.

Only `launch` and `cli` import it; it imports only the arithmetic of `prompts`, so that client and server do
not share a bug. It never makes a request and never reads the user's settings.
"""
