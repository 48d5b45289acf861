"""The parts of the home screen: kept runs, endpoints with their keys, and the form of a new run.

The screens import it.
"""
