"""Counters, rates and percentiles at a constant cost: windows over time, and a log histogram.

The pool and the store import it; it imports nothing of llmdash. It never reads a clock and takes no lock:
times are passed in.
"""
