"""One limit for many runs: who shares it, and what each of them may use.

Only `launch` imports it. It implements the `Leases` of the engine, and imports nothing else of it but the
words of a claim.
"""
