"""The experiment that compares ways of sending the same batch, and its table.

`launch` and `cli` import it; it imports the vocabulary of the engine (`engine.model`) and `reports`. It never
builds a pool or reads settings: it is given sessions.
"""
