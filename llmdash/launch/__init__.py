"""The composition root: settings and prompts become a plan, a pool, a session and a front end.

Only `cli` imports it; it may import everything else. The same path serves a run, the home screen, the demo,
a resume and a comparison. It never decides how a request is sent, retried or shown.
"""
