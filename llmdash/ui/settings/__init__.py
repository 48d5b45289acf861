"""Themes and preferences: TOML files of the user, read and written.

The app and `launch` import it; it imports nothing of the engine. It never ends the program over a bad file:
the file is ignored with a warning.
"""
