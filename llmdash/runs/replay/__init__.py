"""Replay: a kept run plays on the dashboard, from its journal alone, at any speed and from any position.

Whatever is shown is a function of the position: times are kept in order, and looked up. So a seek costs the
same as the next frame, however many jobs there are.
"""
