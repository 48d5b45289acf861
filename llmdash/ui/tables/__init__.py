"""Tables that draw only the lines on screen: jobs and errors, and the base they share.

Panels and screens import it; it imports `engine.model`, `ui.text` and `sanitize`. Its cost never depends on
the number of rows.
"""
