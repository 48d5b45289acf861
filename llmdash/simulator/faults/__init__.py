"""The faults of real servers, by name: a share of the requests, prompts or keys is served one.

`picker` decides who gets one; `registry` knows them all; the tables of what is served are in files by kind.
Imported by the simulator's service and settings.
"""
