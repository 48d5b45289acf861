"""The vocabulary of a run: states, events, commands, frames and views; frozen, without behaviour.

Everything above `llms` and `prompts` may import it; it imports nothing else of the engine. It never does I/O.
"""
