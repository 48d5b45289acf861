"""llmdash: a terminal dashboard for batches of LLM calls."""

__version__ = "0.1.0"
