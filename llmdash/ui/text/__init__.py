"""Words and glyphs: formats of numbers and times, badges of states, alerts as lines, key names.

All of `ui` may import it; it imports `engine.model`, `prompts` and `sanitize`. It never draws by itself.
"""
