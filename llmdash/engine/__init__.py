"""Runs a batch: from prompts and keys to results, without a screen.

`launch`, `ui`, `reports`, `compare` and `doctor` import it; it imports only `llms`, `prompts` and the modules
below them. It never loads textual, rich or click, and never reads settings.
"""
