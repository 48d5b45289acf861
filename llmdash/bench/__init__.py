"""How much an endpoint takes: more and more requests at once, until it does harm.

The steps (`ladder`), what each measured (`figures`), when to stop and what to keep (`verdict`), and how that
is shown (`report`).
"""
