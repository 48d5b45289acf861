"""The screens: dashboard, start, inspector, errors, graphs, alerts, help.

Only the app imports it; it may import all other packages of `ui`. A screen polls the session through the
dashboard and sends its commands; it never blocks on the engine.
"""
