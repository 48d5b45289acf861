"""An endpoint to practise on: a real server on loopback that speaks the real dialects, in its own process.

Only launch (and the tests) may import it. It imports nothing else of llmdash, so that client and server
cannot share a bug; it never makes a request and reads no settings of the user.
"""
