"""What the server promises, under kills, power cuts, full disks, herds and slow readers.

Names carry the scenario: R crashes and restarts, K keys, clocks and ages, L load and slow readers.
Everywhere the truth is what the publisher was acknowledged, and ``proof`` compares with it what
readers got.
"""
