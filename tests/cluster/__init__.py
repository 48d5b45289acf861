"""The workers of a run and the lines to them, without a network: each side on a loop of virtual time."""
