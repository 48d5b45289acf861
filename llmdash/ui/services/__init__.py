"""What the app does beside its screens: copies, ways out, result files, and what it remembers.

The app imports it; it imports screens and settings.
"""
