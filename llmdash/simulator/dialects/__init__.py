"""The wire formats of the simulator: what each dialect reads and writes.

Only the simulator imports it; it imports nothing of `llms`, so that client and server do not share a bug. It
never decides what is answered, or when.
"""
