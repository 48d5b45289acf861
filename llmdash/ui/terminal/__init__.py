"""The terminal: a driver and a writer that never block, and the last filter of control characters.

Only the app and the dashboard screen import it; it imports only `sanitize`. It never knows what is shown.
"""
